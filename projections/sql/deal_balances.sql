-- What every account of one deal holds on a date, as known by a position. Must never mix currencies.

WITH prorations AS (
    -- from which day on schedules are earned by days or by months, as the generation was folded
    SELECT kind, since, lead(since) OVER (ORDER BY since, nth) AS until
    FROM (
        SELECT version->'settings'->>'proration' AS kind, date '1970-01-01' + (version->>'from_')::int AS since, nth
        FROM generation, jsonb_array_elements(policies::jsonb) WITH ORDINALITY AS versions (version, nth)
        WHERE id = substr('{generation}', 2)::bigint AND version->'settings' ? 'proration'
    ) said
),
held AS (
    SELECT p.currency, p.debit, p.credit,
        CASE WHEN p.span_end IS NULL OR p.span_end <= %(at)s THEN p.amount
            WHEN NOT EXISTS (SELECT FROM prorations
                WHERE kind = 'monthly' AND p.stated >= since AND (until IS NULL OR p.stated < until))
            THEN round(p.amount::numeric * (%(at)s - p.span_start + 1) / (p.span_end - p.span_start + 1))::bigint
            ELSE (SELECT (sign(p.amount) * div(
                    2 * abs(p.amount)::numeric * done.part * whole.length + done.length * whole.part,
                    2::numeric * done.length * whole.part))::bigint
                FROM (VALUES (%(at)s::date + 1, p.span_end + 1)) days (after, past)
                -- full months since the first day, a part of a month by its days (accounting.md 3b)
                CROSS JOIN LATERAL (
                    SELECT months * (ends - begun) + (after - begun) AS part, ends - begun AS length
                    FROM (SELECT n AS months, (p.span_start + make_interval(months => n))::date AS begun,
                            (p.span_start + make_interval(months => n + 1))::date AS ends
                        FROM generate_series(0, 12 * (extract(year FROM after)
                            - extract(year FROM p.span_start) + 1)::int) n) month
                    WHERE begun <= after AND after < ends
                ) done
                CROSS JOIN LATERAL (
                    SELECT months * (ends - begun) + (past - begun) AS part, ends - begun AS length
                    FROM (SELECT n AS months, (p.span_start + make_interval(months => n))::date AS begun,
                            (p.span_start + make_interval(months => n + 1))::date AS ends
                        FROM generate_series(0, 12 * (extract(year FROM past)
                            - extract(year FROM p.span_start) + 1)::int) n) month
                    WHERE begun <= past AND past < ends
                ) whole)
        END AS amount
    FROM posting_{generation} p
    WHERE p.deal = %(deal)s AND p.position <= %(known)s AND p.effective <= %(at)s
)
SELECT currency, account, sum(amount) AS amount
FROM (
    SELECT currency, debit AS account, -amount AS amount FROM held
    UNION ALL SELECT currency, credit, amount FROM held
) legs
GROUP BY currency, account
HAVING sum(amount) <> 0
ORDER BY currency, account
