-- Both sides of each law of accounting.md section 2, where they differ, on a date, as known by a position.
-- Must read the journal of one generation only.

WITH flows AS (
    SELECT p.deal, p.currency, p.debit, p.credit, sum(
        CASE WHEN p.span_end IS NULL OR p.span_end <= %(at)s THEN p.amount
            ELSE round(p.amount::numeric * (%(at)s - p.span_start + 1) / (p.span_end - p.span_start + 1))::bigint
        END) AS amount
    FROM posting_{generation} p
    WHERE p.position <= %(known)s AND p.effective <= %(at)s
    GROUP BY p.deal, p.currency, p.debit, p.credit
),
balances AS (
    SELECT deal, currency, account, sum(amount) AS amount
    FROM (
        SELECT deal, currency, debit AS account, -amount AS amount FROM flows
        UNION ALL SELECT deal, currency, credit, amount FROM flows
    ) legs
    GROUP BY deal, currency, account
),
held AS (
    SELECT deal, currency,
        coalesce(sum(amount) FILTER (WHERE account = 13), 0) AS won_unordered,
        coalesce(sum(amount) FILTER (WHERE account = 14), 0) AS debooked,
        coalesce(sum(amount) FILTER (WHERE account BETWEEN 30 AND 36), 0) AS variance,
        coalesce(sum(amount) FILTER (WHERE account = 15), 0) AS unbilled,
        coalesce(sum(amount) FILTER (WHERE account IN (51, 52)), 0) AS unperformed,
        coalesce(sum(amount) FILTER (WHERE account = 53), 0) AS recognised,
        coalesce(sum(amount) FILTER (WHERE account IN (19, 20)), 0) AS receivable,
        coalesce(sum(amount) FILTER (WHERE account IN (21, 22, 23, 24)), 0) AS ended,
        coalesce(sum(amount) FILTER (WHERE account = 21), 0) AS cash,
        coalesce(sum(amount) FILTER (WHERE account = 25), 0) AS redated,
        coalesce(sum(amount) FILTER (WHERE account = 41), 0) AS unapplied,
        coalesce(sum(amount) FILTER (WHERE account = 42), 0) AS applied
    FROM balances GROUP BY deal, currency
),
moved AS (
    SELECT deal, currency,
        coalesce(sum(amount) FILTER (WHERE debit = 11 AND credit = 13), 0) AS won,
        coalesce(sum(amount) FILTER (WHERE debit = 13 AND credit = 15), 0) AS ordered,
        coalesce(sum(amount) FILTER (WHERE debit = 15 AND credit = 19), 0) AS invoiced,
        coalesce(sum(amount) FILTER (WHERE debit = 20 AND credit IN (15, 26, 27, 28)), 0) AS credited,
        coalesce(sum(amount) FILTER (WHERE debit = 18 AND credit = 19), 0) AS taxed,
        coalesce(sum(amount) FILTER (WHERE debit = 20 AND credit = 18), 0) AS tax_credited,
        coalesce(sum(amount) FILTER (WHERE debit = 40 AND credit = 41), 0) AS banked
    FROM flows GROUP BY deal, currency
),
laws AS (
    SELECT 'performance_follows_billing' AS law, deal, currency,
        unbilled + invoiced - credited AS left_side, unperformed + recognised AS right_side
    FROM held JOIN moved USING (deal, currency)
    UNION ALL
    SELECT 'won_is_accounted_for', deal, currency, won, won_unordered + ordered + variance + debooked
    FROM held JOIN moved USING (deal, currency)
    UNION ALL
    SELECT 'gross_is_accounted_for', deal, currency,
        invoiced + taxed - credited - tax_credited, receivable + ended
    FROM held JOIN moved USING (deal, currency)
    UNION ALL
    SELECT 'cash_received_is_accounted_for', deal, currency, banked, unapplied + applied
    FROM held JOIN moved USING (deal, currency)
    UNION ALL
    SELECT 'nothing_between_due_dates', deal, currency, redated, 0 FROM held
    UNION ALL
    SELECT 'cash_is_applied', NULL, currency, sum(cash), sum(applied) FROM held GROUP BY currency
)
SELECT law, deal, currency, left_side, right_side FROM laws
WHERE left_side <> right_side
ORDER BY law, currency, deal
LIMIT %(limit)s
