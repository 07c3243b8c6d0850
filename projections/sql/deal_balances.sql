-- What every account of one deal holds on a date, as known by a position. Must never mix currencies.

SELECT currency, account, sum(amount) AS amount
FROM (
    SELECT p.currency, x.account, x.sign *
        CASE WHEN p.span_end IS NULL OR p.span_end <= %(at)s THEN p.amount
            ELSE round(p.amount::numeric * (%(at)s - p.span_start + 1) / (p.span_end - p.span_start + 1))::bigint
        END AS amount
    FROM posting_{generation} p CROSS JOIN LATERAL (VALUES (p.debit, -1), (p.credit, 1)) x (account, sign)
    WHERE p.deal = %(deal)s AND p.position <= %(known)s AND p.effective <= %(at)s
) held
GROUP BY currency, account
HAVING sum(amount) <> 0
ORDER BY currency, account
