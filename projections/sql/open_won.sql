-- What is won and not ordered, ordered and not won, and settled as variance, product by product, on a date, as
-- known by a position; with what began it: the first day after the last on which the balance was zero or of the
-- other sign. Must never mix currencies.

WITH flows AS (
    SELECT deal, currency, coalesce(sku, '') AS sku, debit, credit, fact,
        sum(amount) AS amount, min(effective) AS effective
    FROM posting_{generation} p
    WHERE position <= %(known)s AND effective <= %(at)s AND (debit = 13 OR credit = 13)
        AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    GROUP BY deal, currency, 3, debit, credit, fact
    HAVING sum(amount) <> 0
),
moves AS (
    SELECT *, CASE WHEN credit = 13 THEN amount ELSE -amount END AS moved FROM flows
),
held AS (
    -- by the end of each day: moves of one day are peers
    SELECT *, sum(moved) OVER (product ORDER BY effective) AS held, sign(sum(moved) OVER product) AS side,
        sum(moved) OVER (PARTITION BY deal, currency, sku, effective, fact) AS moved_by_fact
    FROM moves WINDOW product AS (PARTITION BY deal, currency, sku)
),
ended AS (
    SELECT *, max(effective) FILTER (WHERE held * side <= 0) OVER (PARTITION BY deal, currency, sku) AS other
    FROM held
),
started AS (
    SELECT *, min(effective) FILTER (WHERE other IS NULL OR effective > other)
        OVER (PARTITION BY deal, currency, sku) AS since
    FROM ended
),
products AS (
    SELECT deal, currency, sku, sum(moved) AS won_unordered,
        {variances},
        (array_agg(fact ORDER BY effective, fact) FILTER (WHERE debit = 11 AND amount > 0))[1] AS win_fact,
        (array_agg(fact ORDER BY effective, fact) FILTER (WHERE credit = 15))[1] AS order_fact,
        array_agg(DISTINCT fact) FILTER (WHERE effective = since AND moved_by_fact * side > 0) AS waiting_facts
    FROM started
    GROUP BY deal, currency, sku
)
SELECT * FROM products
WHERE won_unordered <> 0 OR {any_variance}
ORDER BY deal, currency, sku
