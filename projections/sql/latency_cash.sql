-- Payments: the milestone that received them, and the one that applied the last of them; null where cash waits.
-- Must never show a payment as applied that was only given back.

WITH flows AS (
    SELECT deal, currency, object, debit, credit, fact, sum(amount) AS amount, min(effective) AS effective
    FROM posting_{generation}
    WHERE (debit = 41 OR credit = 41) AND position <= %(known)s AND effective <= %(end)s
        AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    GROUP BY deal, currency, object, debit, credit, fact
    HAVING sum(amount) <> 0
),
payments AS (
    SELECT deal, currency, object,
        (array_agg(fact ORDER BY effective, fact) FILTER (WHERE debit = 40 AND amount > 0))[1] AS begun,
        (array_agg(fact ORDER BY effective DESC, fact DESC) FILTER (WHERE credit = 42 AND amount > 0))[1] AS done,
        max(effective) FILTER (WHERE credit = 42 AND amount > 0) AS effective,
        coalesce(sum(amount) FILTER (WHERE credit = 41), 0)
            - coalesce(sum(amount) FILTER (WHERE debit = 41), 0) AS unapplied,
        coalesce(sum(amount) FILTER (WHERE credit = 42), 0) AS applied
    FROM flows
    GROUP BY deal, currency, object
)
SELECT deal, begun, CASE WHEN unapplied = 0 THEN done END AS done FROM payments
WHERE begun IS NOT NULL
    AND ((unapplied = 0 AND applied > 0 AND (%(start)s::date IS NULL OR effective >= %(start)s)) OR unapplied > 0)
