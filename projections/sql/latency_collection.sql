-- Invoices: the milestone that posted them, and the one that left nothing of them open; null where they wait.
-- Must never show an invoice as collected that ended without cash.

WITH flows AS (
    SELECT deal, currency, object, debit, credit, fact, sum(amount) AS amount, min(effective) AS effective
    FROM posting_{generation}
    WHERE (debit = 19 OR credit = 19) AND position <= %(known)s AND effective <= %(end)s
        AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    GROUP BY deal, currency, object, debit, credit, fact
    HAVING sum(amount) <> 0
),
invoices AS (
    SELECT deal, currency, object,
        (array_agg(fact ORDER BY effective, fact)
            FILTER (WHERE credit = 19 AND debit IN (15, 18) AND amount > 0))[1] AS begun,
        (array_agg(fact ORDER BY effective DESC, fact DESC) FILTER (WHERE debit <> 25 AND credit <> 25))[1] AS done,
        max(effective) FILTER (WHERE debit <> 25 AND credit <> 25) AS effective,
        coalesce(sum(amount) FILTER (WHERE credit = 19), 0)
            - coalesce(sum(amount) FILTER (WHERE debit = 19), 0) AS open,
        coalesce(sum(amount) FILTER (WHERE credit = 21), 0) AS paid
    FROM flows
    GROUP BY deal, currency, object
)
SELECT deal, begun, CASE WHEN open = 0 THEN done END AS done FROM invoices
WHERE begun IS NOT NULL
    AND ((open = 0 AND paid > 0 AND (%(start)s::date IS NULL OR effective >= %(start)s)) OR open > 0)
