-- Products whose run-rate is live on a date and whose last service day is over, with the milestones that stated it.
-- By product, because a renewal at the same rate moves nothing between lines. Must never mix currencies.

WITH live AS (
    SELECT deal, currency, coalesce(sku, '') AS sku,
        sum(CASE WHEN credit = 64 THEN amount ELSE -amount END) AS rate
    FROM posting_{generation}
    WHERE position <= %(known)s AND effective <= %(at)s AND (debit = 64) <> (credit = 64)
        AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    GROUP BY deal, currency, 3
    HAVING sum(CASE WHEN credit = 64 THEN amount ELSE -amount END) > 0
),
spans AS (
    SELECT p.deal, p.currency, coalesce(p.sku, '') AS sku, p.span_end, p.fact
    FROM posting_{generation} p
    WHERE p.position <= %(known)s AND p.stated <= %(at)s AND p.span_end IS NOT NULL
        AND (%(deals)s::bigint[] IS NULL OR p.deal = ANY(%(deals)s))
    GROUP BY p.deal, p.currency, 3, p.span_start, p.span_end, p.fact
    HAVING sum(p.amount) <> 0
),
ends AS (
    SELECT deal, currency, sku, span_end, array_agg(DISTINCT fact) AS facts,
        max(span_end) OVER (PARTITION BY deal, currency, sku) AS last
    FROM spans
    GROUP BY deal, currency, sku, span_end
)
SELECT live.deal, live.currency, live.sku, live.rate, ends.last, ends.facts
FROM live JOIN ends USING (deal, currency, sku)
WHERE ends.span_end = ends.last AND ends.last < %(at)s
ORDER BY live.deal, live.currency, live.sku
