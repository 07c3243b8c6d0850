-- How many of each exception and condition that the rules found stand in one generation but not in another, as
-- known by a position. Must never count one that stands in both.

WITH standing AS (
    SELECT side, code, deal, fact, object, currency, amount, detail
    FROM (
        SELECT 1 AS side, * FROM signal_{old} UNION ALL SELECT 2, * FROM signal_{new}
    ) both_sides
    WHERE position <= %(known)s AND deal = ANY(%(deals)s::bigint[])
    GROUP BY side, code, deal, fact, object, currency, amount, detail
    HAVING sum(sign) > 0
)
SELECT code, count(*) FILTER (WHERE sides = 1) AS gone, count(*) FILTER (WHERE sides = 2) AS come
FROM (
    SELECT code, CASE WHEN count(*) = 2 THEN 3 ELSE max(side) END AS sides
    FROM standing GROUP BY code, deal, fact, object, currency, amount, detail
) compared
GROUP BY code
HAVING count(*) FILTER (WHERE sides < 3) > 0
ORDER BY code
