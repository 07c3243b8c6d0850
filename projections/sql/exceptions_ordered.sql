-- Which of some billed lines belong to an order that is known, though they posted nothing when it was accepted.
-- Must never take the order of another deal.

SELECT a.deal, a.currency, a.line
FROM unnest(%(deal)s::bigint[], %(currency)s::text[], %(line)s::text[]) AS a (deal, currency, line)
WHERE position('/' IN a.line) > 0 AND EXISTS (
    SELECT FROM posting_{generation} p
    WHERE p.deal = a.deal AND p.position <= %(known)s AND p.effective <= %(at)s AND p.debit = 13 AND p.credit = 15
        AND starts_with(p.line, regexp_replace(a.line, '[^/]*$', ''))
    GROUP BY p.deal
    HAVING sum(p.amount) <> 0
)
