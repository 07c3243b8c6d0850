-- What is ordered of some products on a date, as known by a position, less what was cancelled.
-- Must never mix currencies.

SELECT a.deal, a.currency, a.sku,
    sum(CASE WHEN p.credit = 15 AND p.debit = 13 THEN p.amount
        WHEN p.debit = 15 AND p.credit = 13 THEN -p.amount
        WHEN p.debit = 15 AND p.credit = 16 THEN -p.amount ELSE p.amount END) AS amount
FROM unnest(%(deal)s::bigint[], %(currency)s::text[], %(sku)s::text[]) AS a (deal, currency, sku)
JOIN posting_{generation} p ON p.deal = a.deal AND p.currency = a.currency AND coalesce(p.sku, '') = a.sku
WHERE p.position <= %(known)s AND p.effective <= %(at)s
    AND ((p.debit = 13 AND p.credit = 15) OR (p.debit = 15 AND p.credit IN (13, 16))
        OR (p.debit = 16 AND p.credit = 15))
GROUP BY a.deal, a.currency, a.sku
