-- Since when balances have stood on their side of zero: the first day after the last on which each was zero or of
-- the other sign, and the milestones that moved it that way on that day. Must never mix currencies.
-- In one pass, without joining the moves to one another: nobody can estimate how many there are.

WITH asked AS (
    SELECT * FROM unnest(
        %(deal)s::bigint[], %(currency)s::text[], %(sku)s::text[], %(line)s::text[], %(object)s::text[]
    ) WITH ORDINALITY AS a (deal, currency, sku, line, object, n)
),
moves AS (
    SELECT a.n, p.effective, p.fact,
        sum(CASE WHEN p.credit BETWEEN %(low)s AND %(high)s THEN p.amount ELSE -p.amount END) AS moved
    FROM asked a
    JOIN posting_{generation} p ON p.deal = a.deal AND p.currency = a.currency
    WHERE p.position <= %(known)s AND p.effective <= %(at)s AND p.deal = ANY(%(deal)s::bigint[])
        AND (p.credit BETWEEN %(low)s AND %(high)s) <> (p.debit BETWEEN %(low)s AND %(high)s)
        AND (a.sku IS NULL OR coalesce(p.sku, '') = a.sku)
        AND (a.line IS NULL OR coalesce(p.line, '') = a.line)
        AND (a.object IS NULL OR coalesce(p.object, '') = a.object)
    GROUP BY a.n, p.effective, p.fact
    HAVING sum(CASE WHEN p.credit BETWEEN %(low)s AND %(high)s THEN p.amount ELSE -p.amount END) <> 0
),
held AS (
    -- by the end of each day: moves of one day are peers
    SELECT n, effective, fact, moved, sum(moved) OVER (PARTITION BY n ORDER BY effective) AS held,
        sign(sum(moved) OVER (PARTITION BY n)) AS side
    FROM moves
),
ended AS (
    SELECT *, max(effective) FILTER (WHERE held * side <= 0) OVER (PARTITION BY n) AS other FROM held
),
started AS (
    SELECT *, min(effective) FILTER (WHERE other IS NULL OR effective > other) OVER (PARTITION BY n) AS day
    FROM ended
    WHERE side <> 0
)
SELECT n, day, array_agg(fact ORDER BY fact)
FROM started
WHERE effective = day AND moved * side > 0
GROUP BY n, day
ORDER BY n
