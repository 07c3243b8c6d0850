-- What one posting counts for: `ve` by the end of the window, `vs` before its start. One text for the report and
-- its explanation, so that they can't differ. Must never look at more than the posting and the window.

CROSS JOIN LATERAL (SELECT
    CASE WHEN p.effective > w.end_day THEN 0
        WHEN p.span_end IS NULL OR p.span_end <= w.end_day THEN p.amount
        ELSE {earned_by_end}
    END AS ve,
    CASE WHEN w.start_day IS NULL OR p.effective >= w.start_day THEN 0
        WHEN p.span_end IS NULL OR p.span_end < w.start_day THEN p.amount
        ELSE {earned_before_start}
    END AS vs{beyond_value}
) v
WHERE p.position <= %(known)s
  AND (p.debit = ANY(%(accounts)s::smallint[]) OR p.credit = ANY(%(accounts)s::smallint[]))
  {filters}
