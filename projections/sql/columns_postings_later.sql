-- The postings that became known after a position, up to another; the index on position finds them.
-- Must never leave one out.

SELECT deal, position, amount, stated - date '1970-01-01', effective - date '1970-01-01',
    coalesce(span_start - date '1970-01-01', %(none)s::int), coalesce(span_end - date '1970-01-01', %(none)s::int),
    coalesce(due - date '1970-01-01', %(none)s::int), debit, credit, class, sku, currency, fact, line, object
FROM posting_{generation}
WHERE position > %(after)s AND position <= %(upto)s
