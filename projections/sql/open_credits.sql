-- What each milestone did to open credits on a date, as known by a position: memos (negative), and applications,
-- which name the invoice and not the memo. Must never mix currencies, and never show a deal that has none open.

WITH flows AS (
    SELECT deal, currency, fact, min(object) FILTER (WHERE debit = 20) AS memo, min(effective) AS effective,
        coalesce(sum(amount) FILTER (WHERE credit = 20), 0)
            - coalesce(sum(amount) FILTER (WHERE debit = 20), 0) AS amount
    FROM posting_{generation} p
    WHERE position <= %(known)s AND effective <= %(at)s AND (debit = 20 OR credit = 20)
        AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    GROUP BY deal, currency, fact
)
SELECT deal, currency, coalesce(memo, ''), amount, fact
FROM (SELECT *, sum(abs(amount)) OVER (PARTITION BY deal, currency) AS moved FROM flows) held
WHERE moved <> 0 AND amount <> 0
ORDER BY deal, currency, effective, fact
