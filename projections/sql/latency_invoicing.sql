-- Order lines: the milestone that made them billable (delivered, rated, else ordered), and the first that billed
-- them; null where they wait. Must never show a line that was billed ahead of it.

WITH flows AS (
    SELECT deal, currency, line, debit, credit, fact, sum(amount) AS amount, min(effective) AS effective
    FROM posting_{generation}
    WHERE (debit IN (15, 52) OR credit IN (15, 52)) AND position <= %(known)s AND effective <= %(end)s
        AND line IS NOT NULL AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    GROUP BY deal, currency, line, debit, credit, fact
    HAVING sum(amount) <> 0
),
kinds AS (
    SELECT *, bool_or(credit = 52) OVER line_ AS is_delivered, bool_or(debit = 17) OVER line_ AS is_used
    FROM flows WINDOW line_ AS (PARTITION BY deal, currency, line)
),
marked AS (
    SELECT *, amount > 0 AND debit = 15 AND credit = 19 AS bills,
        amount > 0 AND CASE WHEN is_delivered THEN debit = 52 AND credit = 53
            WHEN is_used THEN debit = 17 ELSE debit = 13 AND credit = 15 END AS makes_billable
    FROM kinds
),
lines AS (
    SELECT deal,
        (array_agg(fact ORDER BY effective, fact) FILTER (WHERE makes_billable))[1] AS begun,
        min(effective) FILTER (WHERE makes_billable) AS since,
        (array_agg(fact ORDER BY effective, fact) FILTER (WHERE bills))[1] AS done,
        min(effective) FILTER (WHERE bills) AS effective,
        coalesce(sum(amount) FILTER (WHERE credit = 15), 0)
            - coalesce(sum(amount) FILTER (WHERE debit = 15), 0) AS unbilled
    FROM marked
    GROUP BY deal, currency, line
)
SELECT deal, begun, done FROM lines
WHERE begun IS NOT NULL
    AND ((effective >= since AND (%(start)s::date IS NULL OR effective >= %(start)s))
        OR (done IS NULL AND unbilled > 0))
