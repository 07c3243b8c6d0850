-- All postings of some deals as known by a position, in the order of recording; days as numbers from 1970-01-01.
-- Must read the journal of one generation only.

SELECT deal, fact, position, amount, stated - date '1970-01-01', effective - date '1970-01-01',
    span_start - date '1970-01-01', span_end - date '1970-01-01', due - date '1970-01-01', debit, credit, currency
FROM posting_{generation}
WHERE deal = ANY(%(deals)s::bigint[]) AND position <= %(known)s
ORDER BY position, fact
