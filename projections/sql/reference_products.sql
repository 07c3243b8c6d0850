-- Item numbers that postings name on a date, as known by a position, by the system that told them: the first milestone, its
-- day, how many deals. What was taken back again does not count. Must never show words that stand for no product.

WITH told AS (
    SELECT deal, fact, sku, effective FROM posting_{generation}
    WHERE position <= %(known)s AND effective <= %(at)s AND sku <> ALL(%(none)s)
        AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    GROUP BY deal, fact, sku, debit, credit, currency, effective, line, object
    HAVING sum(amount) <> 0
)
SELECT substring(i.source FROM '[^/]+/[^/]+$') AS system, t.sku,
    (array_agg(t.fact ORDER BY t.effective, t.fact))[1] AS first, min(t.effective) AS since, count(DISTINCT t.deal) AS deals
FROM told t JOIN log l ON l.position = t.fact JOIN inbox i ON i.id = l.inbox
GROUP BY system, t.sku
ORDER BY system, t.sku
