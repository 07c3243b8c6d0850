-- What of every invoice is open or disputed on a date, as known by a position, and when it is due.
-- Must never mix currencies, and never show an invoice of which nothing is open.

WITH flows AS (
    SELECT deal, currency, coalesce(object, '') AS object, due, fact, debit, credit,
        sum(amount) AS amount, min(effective) AS effective
    FROM posting_{generation} p
    WHERE position <= %(known)s AND effective <= %(at)s
        AND (debit IN (19, 73) OR credit IN (19, 73))
        AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    GROUP BY deal, currency, 3, due, fact, debit, credit
    HAVING sum(amount) <> 0
),
signed AS (
    SELECT *, CASE WHEN credit = 19 THEN amount WHEN debit = 19 THEN -amount ELSE 0 END AS opens,
        CASE WHEN credit = 73 THEN amount WHEN debit = 73 THEN -amount ELSE 0 END AS disputes,
        credit = 19 AND debit IN (15, 18) AS posts
    FROM flows
),
dated AS (
    SELECT *, sum(opens) OVER (PARTITION BY deal, currency, object, due) AS open_of_due FROM signed
)
SELECT deal, currency, object, min(due) FILTER (WHERE open_of_due <> 0) AS due, sum(opens) AS open,
    sum(disputes) AS disputed, coalesce(sum(amount) FILTER (WHERE posts), 0) AS invoiced,
    bool_or(posts) AS is_posted,
    (array_agg(fact ORDER BY effective, fact) FILTER (WHERE posts))[1] AS fact,
    (array_agg(fact ORDER BY effective, fact))[1] AS first_fact
FROM dated
GROUP BY deal, currency, object
HAVING sum(opens) <> 0 OR sum(disputes) <> 0
ORDER BY deal, currency, object
