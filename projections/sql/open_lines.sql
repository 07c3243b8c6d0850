-- What of every order line is still to be billed or performed on a date, as known by a position.
-- Must never mix currencies, and never show a line of which nothing is open.

WITH flows AS (
    SELECT p.deal, p.currency, coalesce(p.line, '') AS line, coalesce(p.sku, '') AS sku, p.debit, p.credit, p.fact,
        sum(CASE WHEN p.effective > %(at)s THEN 0
            WHEN p.span_end IS NULL OR p.span_end <= %(at)s THEN p.amount
            ELSE {earned}
        END) AS amount,
        sum(CASE WHEN p.effective <= %(before)s THEN p.amount ELSE 0 END) AS before,
        sum(p.amount) AS whole,
        min(p.effective) AS effective,
        min(coalesce(p.span_start, p.effective)) AS starts,
        bool_or(p.span_start IS NOT NULL) AS spans
    FROM posting_{generation} p
    WHERE p.position <= %(known)s AND p.stated <= %(at)s
        AND (p.debit IN (15, 51, 52, 53, 75) OR p.credit IN (15, 51, 52, 53, 75))
        AND (%(deals)s::bigint[] IS NULL OR p.deal = ANY(%(deals)s))
    GROUP BY p.deal, p.currency, 3, 4, p.debit, p.credit, p.fact
),
-- What was billed by its product ahead of the order belongs to the deal's one order line of that product.
marked AS (
    SELECT *, min(line) FILTER (WHERE debit = 13 AND credit = 15 AND amount <> 0) OVER product AS first_line,
        max(line) FILTER (WHERE debit = 13 AND credit = 15 AND amount <> 0) OVER product AS last_line
    FROM flows WINDOW product AS (PARTITION BY deal, currency, sku)
),
legs AS (
    SELECT deal, currency, CASE WHEN line = sku AND first_line = last_line THEN first_line ELSE line END AS line,
        line AS label, sku, debit, credit, fact, amount, before, whole, effective, starts, spans
    FROM marked
),
lines AS (
    SELECT deal, currency, line,
        coalesce(min(sku) FILTER (WHERE debit = 13 AND credit = 15), min(sku)) AS sku,
        coalesce(sum(amount) FILTER (WHERE debit = 13 AND credit = 15), 0) AS ordered,
        coalesce(sum(amount) FILTER (WHERE debit = 17 AND credit = 15), 0) AS usage,
        coalesce(sum(amount) FILTER (WHERE debit = 15 AND credit = 19), 0) AS billed,
        coalesce(sum(amount) FILTER (WHERE debit = 20 AND credit = 15), 0) AS rebilled,
        coalesce(sum(amount) FILTER (WHERE debit = 15 AND credit = 16), 0) AS cancelled,
        coalesce(sum(amount) FILTER (WHERE credit = 15), 0)
            - coalesce(sum(amount) FILTER (WHERE debit = 15), 0) AS unbilled,
        coalesce(sum(amount) FILTER (WHERE credit = 53), 0)
            - coalesce(sum(amount) FILTER (WHERE debit = 53), 0) AS performed,
        coalesce(sum(amount) FILTER (WHERE credit IN (51, 52)), 0)
            - coalesce(sum(amount) FILTER (WHERE debit IN (51, 52)), 0) AS unperformed,
        coalesce(sum(amount) FILTER (WHERE credit = 52), 0)
            - coalesce(sum(amount) FILTER (WHERE debit = 52), 0) AS unfulfilled,
        coalesce(sum(amount) FILTER (WHERE credit = 75), 0)
            - coalesce(sum(amount) FILTER (WHERE debit = 75), 0) AS scheduled,
        coalesce(sum(before) FILTER (WHERE credit = 75), 0)
            - coalesce(sum(before) FILTER (WHERE debit = 75), 0) AS scheduled_before,
        coalesce(sum(whole) FILTER (WHERE credit = 75), 0)
            - coalesce(sum(whole) FILTER (WHERE debit = 75), 0) AS planned,
        coalesce(bool_or(whole <> 0) FILTER (WHERE credit = 75 OR debit = 75), false) AS is_planned,
        coalesce(bool_or(amount <> 0) FILTER (WHERE debit = 13 AND credit = 15), false) AS is_ordered,
        min(starts) FILTER (WHERE credit = 53 AND debit IN (50, 51, 52) AND whole <> 0) AS starts_on,
        (array_agg(fact ORDER BY effective, fact)
            FILTER (WHERE debit = 13 AND credit = 15 AND amount <> 0))[1] AS order_fact,
        (array_agg(fact ORDER BY effective, fact)
            FILTER (WHERE credit = 53 AND debit IN (50, 51, 52) AND amount <> 0))[1] AS performing_fact,
        (array_agg(fact ORDER BY effective, fact)
            FILTER (WHERE debit = 15 AND credit = 19 AND amount <> 0))[1] AS billing_fact,
        coalesce(bool_or(spans) FILTER (WHERE credit = 53 AND whole <> 0), false) AS is_ratable,
        array_agg(DISTINCT label) AS labels
    FROM legs
    GROUP BY deal, currency, line
)
SELECT deal, currency, line, sku, ordered, usage, billed, rebilled, cancelled, unbilled, performed, unperformed,
    unfulfilled, scheduled, scheduled_before, planned, is_planned, is_ordered, starts_on, order_fact,
    performing_fact, billing_fact, is_ratable, labels
FROM lines
WHERE unbilled <> 0 OR unperformed <> 0 OR performed > billed - rebilled
    OR (is_planned AND greatest(scheduled, scheduled_before) > billed - rebilled)
ORDER BY deal, currency, line
