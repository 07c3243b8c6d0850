-- What the fold found about a deal's facts and still held at a position. Must never show what was withdrawn.

SELECT code, fact, min(position) AS since
FROM finding_{generation}
WHERE deal = %(deal)s AND position <= %(known)s
GROUP BY code, fact
HAVING sum(sign) > 0
ORDER BY code, fact
