-- What was paid of some invoices, discount and tax withheld with it, from a day each up to the date, as known by a
-- position. Must never count credits: a promise is kept with money.

SELECT a.deal, a.object,
    coalesce(sum(CASE WHEN p.debit = 19 THEN p.amount ELSE -p.amount END), 0) AS paid
FROM unnest(%(deal)s::bigint[], %(object)s::text[], %(since)s::date[]) AS a (deal, object, since)
JOIN posting_{generation} p ON p.deal = a.deal AND p.object = a.object
WHERE p.position <= %(known)s AND p.effective BETWEEN a.since AND %(at)s
    AND ((p.debit = 19 AND p.credit IN (21, 22, 23)) OR (p.credit = 19 AND p.debit IN (21, 22, 23)))
GROUP BY a.deal, a.object
