-- What invoices bill (net) on some lines on a date, as known by a position, and the milestones that say so.
-- Must never show an invoice that was voided.

SELECT p.deal, p.currency, p.object, sum(p.amount) AS amount, array_agg(p.fact ORDER BY p.fact) AS facts
FROM (
    SELECT p.deal, p.currency, coalesce(p.object, '') AS object, p.fact, sum(p.amount) AS amount
    FROM unnest(%(deal)s::bigint[], %(currency)s::text[], %(line)s::text[]) AS a (deal, currency, line)
    JOIN posting_{generation} p ON p.deal = a.deal AND p.currency = a.currency AND coalesce(p.line, '') = a.line
    WHERE p.position <= %(known)s AND p.effective <= %(at)s AND p.debit = 15 AND p.credit = 19
    GROUP BY p.deal, p.currency, 3, p.fact
    HAVING sum(p.amount) <> 0
) p
GROUP BY p.deal, p.currency, p.object
HAVING sum(p.amount) > 0
ORDER BY p.deal, p.currency, p.object
