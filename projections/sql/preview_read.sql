-- The postings of some deals, known by a position, that reports read otherwise under other policies: intervals,
-- and transfers between some accounts. Must read one generation only.

SELECT p.deal, p.fact, p.debit, p.credit, p.currency, sum(p.amount) AS amount, count(*) AS postings
FROM posting_{generation} p
WHERE p.deal = ANY(%(deals)s::bigint[]) AND p.position <= %(known)s
  AND ((%(intervals)s AND p.span_end IS NOT NULL) OR (p.debit, p.credit) IN (
    SELECT * FROM unnest(%(debits)s::smallint[], %(credits)s::smallint[])))
GROUP BY p.deal, p.fact, p.debit, p.credit, p.currency
ORDER BY p.deal, abs(sum(p.amount)) DESC, p.fact, p.debit, p.credit, p.currency
