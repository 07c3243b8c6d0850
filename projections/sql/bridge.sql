-- The figures of the bridge on a date, as known by a position, and what lies between them once and for all, per
-- deal and currency, and by the step between days on which rates change. Must never mix currencies, and never
-- read beside the claims of accounting.md section 2.

WITH flows AS (
    SELECT deal, currency, width_bucket({own_effective}, %(rate_days)s::date[]) AS step, debit, credit,
        sum(amount) AS amount, min({own_effective}) AS first
    FROM posting_{generation} p
    WHERE position <= %(known)s AND effective <= %(at)s AND debit <= 36
        AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
        AND (%(currency)s::text IS NULL OR currency = %(currency)s)
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(amount) <> 0
)
SELECT deal, currency, step, min(first) AS first,
    coalesce(sum(amount) FILTER (WHERE debit = 11 AND credit = 13), 0) AS won,
    coalesce(sum(amount) FILTER (WHERE debit = 13 AND credit = 15), 0) AS ordered,
    coalesce(sum(amount) FILTER (WHERE debit = 15 AND credit = 19), 0) AS invoiced,
    coalesce(sum(amount) FILTER (WHERE debit IN (15, 18) AND credit = 19), 0) AS gross,
    coalesce(sum(amount) FILTER (WHERE credit = 21), 0) - coalesce(sum(amount) FILTER (WHERE debit = 21), 0) AS cash,
    coalesce(sum(amount) FILTER (WHERE credit = 14), 0)
        - coalesce(sum(amount) FILTER (WHERE debit = 14), 0) AS debooked,
    coalesce(sum(amount) FILTER (WHERE credit = 16), 0)
        - coalesce(sum(amount) FILTER (WHERE debit = 16), 0) AS cancelled,
    -coalesce(sum(amount) FILTER (WHERE debit = 17 AND credit = 15), 0) AS usage,
    -coalesce(sum(amount) FILTER (WHERE debit = 20 AND credit = 15), 0) AS rebilled,
    -coalesce(sum(amount) FILTER (WHERE debit = 18 AND credit = 19), 0) AS tax,
    coalesce(sum(amount) FILTER (WHERE debit = 20 AND credit <> 19), 0) AS credited,
    coalesce(sum(amount) FILTER (WHERE credit = 20), 0)
        - coalesce(sum(amount) FILTER (WHERE debit = 20), 0) AS open_credit,
    coalesce(sum(amount) FILTER (WHERE credit = 22), 0)
        - coalesce(sum(amount) FILTER (WHERE debit = 22), 0) AS discount,
    coalesce(sum(amount) FILTER (WHERE credit = 23), 0)
        - coalesce(sum(amount) FILTER (WHERE debit = 23), 0) AS withheld,
    coalesce(sum(amount) FILTER (WHERE credit = 24), 0)
        - coalesce(sum(amount) FILTER (WHERE debit = 24), 0) AS written_off
FROM flows
GROUP BY deal, currency, step
HAVING bool_or(debit BETWEEN 13 AND 36 OR credit BETWEEN 13 AND 36)
ORDER BY deal, currency, step
