-- Cash that is not applied, payment by payment, on a date, as known by a position.
-- Must never mix currencies, and never show a payment of which nothing is left.

WITH flows AS (
    SELECT deal, currency, coalesce(object, '') AS object, debit, credit, fact,
        sum(amount) AS amount, min(effective) AS effective
    FROM posting_{generation} p
    WHERE position <= %(known)s AND effective <= %(at)s AND (debit = 41 OR credit = 41)
        AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    GROUP BY deal, currency, 3, debit, credit, fact
    HAVING sum(amount) <> 0
)
SELECT deal, currency, object,
    coalesce(sum(amount) FILTER (WHERE credit = 41), 0)
        - coalesce(sum(amount) FILTER (WHERE debit = 41), 0) AS unapplied,
    coalesce(sum(amount) FILTER (WHERE debit = 40 AND credit = 41), 0) AS received,
    (array_agg(fact ORDER BY effective, fact) FILTER (WHERE debit = 40 AND amount > 0))[1] AS receipt_fact,
    (array_agg(fact ORDER BY effective, fact))[1] AS first_fact
FROM flows
GROUP BY deal, currency, object
HAVING coalesce(sum(amount) FILTER (WHERE credit = 41), 0) <> coalesce(sum(amount) FILTER (WHERE debit = 41), 0)
ORDER BY deal, currency, object
