-- What milestones did to periods that were closed when they came and still are, as known by a position: the largest
-- transfer that each made within them, the forecast left out: no period is closed for it. Must never show what
-- another milestone has taken back again.
-- opened_on: the first open day from each position of opened_at on, null where nothing was closed.

WITH late AS (
    SELECT p.*, (%(opened_on)s::date[])[width_bucket(p.position, %(opened_at)s::bigint[])] AS opens
    FROM posting_{generation} p
    WHERE p.position <= %(known)s AND p.effective <= %(at)s AND p.effective < %(now)s
        AND p.position >= (%(opened_at)s::bigint[])[1]
        AND p.debit < 70 AND NOT (p.debit IN (10, 11, 12) AND p.credit IN (10, 11, 12))
        AND (%(deals)s::bigint[] IS NULL OR p.deal = ANY(%(deals)s))
),
kept AS (
    SELECT *, sum(amount) OVER (
        PARTITION BY deal, fact, debit, credit, currency, effective, span_start, span_end, due, sku, line, object
    ) AS left_over
    FROM late
    WHERE effective < opens
),
moved AS (
    SELECT deal, position, currency, debit, credit, min(effective) AS first,
        max(least(coalesce(span_end, effective), opens - 1)) AS last,
        sum(CASE WHEN span_end IS NULL OR span_end < opens THEN amount
            ELSE round(amount::numeric * (opens - span_start) / (span_end - span_start + 1))::bigint END) AS amount
    FROM kept
    WHERE left_over <> 0
    GROUP BY deal, position, currency, debit, credit
)
SELECT deal, position, currency, max(abs(amount)) AS amount, min(first) AS first, max(last) AS last
FROM moved
WHERE amount <> 0
GROUP BY deal, position, currency
ORDER BY deal, position, currency
