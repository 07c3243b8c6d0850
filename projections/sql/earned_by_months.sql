-- What of an interval's amount is earned by the end of a day within it, by months: full months since the first
-- day (that day of a later month, clamped to its end), a part of a month by its days (accounting.md 3b).
-- Must be used for days from the interval's first to its last only, and never divide before the end.

(SELECT (sign(p.amount) * div(
        2 * abs(p.amount)::numeric * done.part * whole.length + done.length * whole.part,
        2::numeric * done.length * whole.part))::bigint
FROM (
    -- part / length: months, as days of a month of that length
    SELECT m.months * (b.ends - b.begun) + (m.after - b.begun) AS part, b.ends - b.begun AS length
    FROM (
        SELECT after, guess - ((p.span_start + make_interval(months => guess))::date > after)::int AS months
        FROM (SELECT {day} + 1 AS after, ((extract(year FROM {day} + 1) - extract(year FROM p.span_start)) * 12
            + extract(month FROM {day} + 1) - extract(month FROM p.span_start))::int AS guess) g
    ) m CROSS JOIN LATERAL (SELECT (p.span_start + make_interval(months => m.months))::date AS begun,
        (p.span_start + make_interval(months => m.months + 1))::date AS ends) b
) done, (
    SELECT m.months * (b.ends - b.begun) + (m.after - b.begun) AS part, b.ends - b.begun AS length
    FROM (
        SELECT after, guess - ((p.span_start + make_interval(months => guess))::date > after)::int AS months
        FROM (SELECT p.span_end + 1 AS after, ((extract(year FROM p.span_end + 1)
            - extract(year FROM p.span_start)) * 12
            + extract(month FROM p.span_end + 1) - extract(month FROM p.span_start))::int AS guess) g
    ) m CROSS JOIN LATERAL (SELECT (p.span_start + make_interval(months => m.months))::date AS begun,
        (p.span_start + make_interval(months => m.months + 1))::date AS ends) b
) whole)
