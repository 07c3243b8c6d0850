-- What stands about deals on a date, as known by a position. since: the day from which it does.
-- Must never show what was withdrawn, or what begins later.

SELECT deal, fact, code, object, currency, detail, sum(amount * sign)::bigint AS amount, min(effective) AS since
FROM signal_{generation}
WHERE position <= %(known)s AND effective <= %(at)s
    AND (%(codes)s::text[] IS NULL OR code = ANY(%(codes)s))
    AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
GROUP BY deal, fact, code, object, currency, detail
HAVING sum(sign) > 0
ORDER BY deal, code, fact, object
