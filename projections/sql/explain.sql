-- The postings behind one row of a report, one by one, with what each counts for at the end of the window
-- and before its start. Must count exactly the postings that report.sql counts for the same question.

WITH windows (n, start_day, end_day) AS (
    SELECT * FROM unnest(%(window)s::int[], %(start)s::date[], %(end)s::date[])
),
{ctes}
names_now AS (
    SELECT DISTINCT ON (deal) deal, name FROM {deal_name}
    WHERE position <= %(known)s ORDER BY deal, position DESC
)
SELECT names_now.name AS deal, p.deal AS deal_number, p.fact, p.position, p.debit, p.credit, p.currency,
    p.amount, p.stated, p.effective, p.span_start, p.span_end, p.due, p.class, p.sku, p.line, p.object,
    v.ve, v.ve - v.vs AS vd, {beyond} AS vb, {bucket} AS bucket
FROM windows w
JOIN {posting} p ON p.{counts_from} <= w.end_day
LEFT JOIN names_now ON names_now.deal = p.deal
{joins}
CROSS JOIN LATERAL (SELECT
    CASE WHEN p.effective > w.end_day THEN 0
        WHEN p.span_end IS NULL OR p.span_end <= w.end_day THEN p.amount
        ELSE round(p.amount::numeric * (w.end_day - p.span_start + 1) / (p.span_end - p.span_start + 1))::bigint
    END AS ve,
    CASE WHEN w.start_day IS NULL OR p.effective >= w.start_day THEN 0
        WHEN p.span_end IS NULL OR p.span_end < w.start_day THEN p.amount
        ELSE round(p.amount::numeric * (w.start_day - p.span_start) / (p.span_end - p.span_start + 1))::bigint
    END AS vs{beyond_value}
) v
WHERE p.position <= %(known)s
  AND (p.debit = ANY(%(accounts)s::smallint[]) OR p.credit = ANY(%(accounts)s::smallint[]))
  {filters}
  AND (v.ve <> 0 OR v.vs <> 0{or_beyond})
ORDER BY p.position, p.fact, p.debit, p.credit, p.sku, p.line, p.object, p.effective, p.span_start, p.amount
LIMIT %(limit)s OFFSET %(offset)s
