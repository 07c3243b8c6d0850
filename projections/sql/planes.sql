-- Planes whose postings up to a date don't sum to zero, and postings that leave their plane or name an account
-- that is not in the chart, as known by a position. Must read the journal of one generation only.

WITH chart (account, plane) AS (
    SELECT * FROM unnest(%(accounts)s::smallint[], %(planes)s::text[])
),
flows AS (
    SELECT currency, debit, credit, sum(amount) AS amount
    FROM posting_{generation}
    WHERE position <= %(known)s AND effective <= %(at)s
    GROUP BY currency, debit, credit
),
legs AS (
    SELECT currency, debit AS account, -amount AS amount FROM flows
    UNION ALL SELECT currency, credit, amount FROM flows
),
unbalanced AS (
    SELECT coalesce(chart.plane, 'none') AS plane, currency, sum(legs.amount) AS amount
    FROM legs LEFT JOIN chart USING (account)
    GROUP BY coalesce(chart.plane, 'none'), currency
    HAVING sum(legs.amount) <> 0
),
crossing AS (
    SELECT flows.debit, flows.credit
    FROM flows LEFT JOIN chart one ON one.account = flows.debit LEFT JOIN chart other ON other.account = flows.credit
    WHERE one.plane IS DISTINCT FROM other.plane OR one.plane IS NULL
    GROUP BY flows.debit, flows.credit
)
SELECT 'planes_balance' AS law, NULL::bigint AS deal, currency, amount AS left_side, 0::numeric AS right_side
FROM unbalanced
UNION ALL
SELECT 'transfers_stay_in_their_plane', p.deal, p.currency, sum(p.amount), 0
FROM posting_{generation} p JOIN crossing USING (debit, credit)
WHERE p.position <= %(known)s AND p.effective <= %(at)s
GROUP BY p.deal, p.currency
ORDER BY law, currency, deal
LIMIT %(limit)s
