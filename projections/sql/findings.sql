-- The exceptions that the rules found about a deal's facts and that still stand at a position.
-- Must never show what was withdrawn.

SELECT code, fact, object, min(position) AS since
FROM signal_{generation}
WHERE deal = %(deal)s AND position <= %(known)s AND code = upper(code)
GROUP BY code, fact, object
HAVING sum(sign) > 0
ORDER BY code, fact, object
