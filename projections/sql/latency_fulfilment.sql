-- Orders with something to deliver or activate: the milestone that ordered it, and the first that confirmed it; null
-- where it waits. Must never show an order that was cancelled before anything was confirmed as waiting.

WITH flows AS (
    SELECT deal, regexp_replace(line, '/[^/]*$', '') AS number, debit, credit, fact,
        sum(amount) AS amount, min(effective) AS effective
    FROM posting_{generation}
    WHERE (debit IN (13, 52) OR credit = 52) AND position <= %(known)s AND effective <= %(end)s
        AND line IS NOT NULL AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    GROUP BY deal, 2, debit, credit, fact
    HAVING sum(amount) <> 0
),
orders AS (
    SELECT deal, number,
        (array_agg(fact ORDER BY effective, fact) FILTER (WHERE debit = 13 AND amount > 0))[1] AS begun,
        (array_agg(fact ORDER BY effective, fact)
            FILTER (WHERE debit = 52 AND credit = 53 AND amount > 0))[1] AS done,
        min(effective) FILTER (WHERE debit = 52 AND credit = 53 AND amount > 0) AS effective,
        coalesce(sum(amount) FILTER (WHERE credit = 52), 0)
            - coalesce(sum(amount) FILTER (WHERE debit = 52), 0) AS unfulfilled
    FROM flows
    GROUP BY deal, number
    HAVING bool_or(credit = 52)
)
SELECT deal, begun, done FROM orders
WHERE begun IS NOT NULL
    AND ((done IS NOT NULL AND (%(start)s::date IS NULL OR effective >= %(start)s))
        OR (done IS NULL AND unfulfilled > 0))
