-- Wins with the milestone that ordered what they won: of a product the first win with its first order, the second
-- with the second. Must never pair an order with a win that came after it.

WITH flows AS (
    SELECT deal, currency, coalesce(sku, '') AS sku, debit = 11 AS is_win, fact, min(effective) AS effective
    FROM posting_{generation}
    WHERE ((debit = 11 AND credit = 13) OR (debit = 13 AND credit = 15))
        AND position <= %(known)s AND effective <= %(end)s
        AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    GROUP BY deal, currency, 3, 4, fact
    HAVING sum(amount) > 0
),
-- a win without lines has no product: any order answers it
said AS (
    SELECT * FROM flows WHERE is_win OR sku <> ''
    UNION ALL
    SELECT deal, currency, '', is_win, fact, min(effective) FROM flows WHERE NOT is_win
    GROUP BY deal, currency, is_win, fact
),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY deal, currency, sku, is_win ORDER BY effective, fact) AS n FROM said
),
pairs AS (
    SELECT deal, min(fact) FILTER (WHERE is_win) AS begun, min(fact) FILTER (WHERE NOT is_win) AS done,
        min(effective) FILTER (WHERE is_win) AS since, min(effective) FILTER (WHERE NOT is_win) AS effective
    FROM numbered
    GROUP BY deal, currency, sku, n
),
answered AS (
    SELECT DISTINCT ON (begun) deal, begun, done, effective
    FROM pairs
    WHERE begun IS NOT NULL AND effective >= since
    ORDER BY begun, effective, done
)
SELECT deal, begun, done FROM answered WHERE %(start)s::date IS NULL OR effective >= %(start)s
