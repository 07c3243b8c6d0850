-- The postings behind one row of a report, one by one, with what each counts for at the end of the window
-- and before its start. Must count exactly the postings that report.sql counts for the same question.

WITH windows (n, start_day, end_day) AS (
    SELECT * FROM unnest(%(window)s::int[], %(start)s::date[], %(end)s::date[])
),
{ctes}
names_now AS (
    SELECT DISTINCT ON (deal) deal, name FROM {deal_name}
    WHERE position <= %(known)s AND name <> '' ORDER BY deal, position DESC
)
SELECT names_now.name AS deal, p.deal AS deal_number, p.fact, p.position, p.debit, p.credit, p.currency,
    p.amount, p.stated, p.effective, {own_effective} AS own_effective, p.span_start, p.span_end, p.due, p.class,
    p.sku, p.line, p.object,
    v.ve, v.ve - v.vs AS vd, {beyond} AS vb, {bucket} AS bucket{extra}
FROM windows w
JOIN {posting} p ON p.{counts_from} <= w.end_day
LEFT JOIN names_now ON names_now.deal = p.deal
{joins}
{counted}
  AND {counting}
ORDER BY p.position, p.fact, p.debit, p.credit, p.sku, p.line, p.object, p.effective, p.span_start, p.amount
LIMIT %(limit)s OFFSET %(offset)s
