-- The postings of one generation known by a position, of all deals or of some, in numbers of fixed length without
-- nulls: texts by their place in the lists given, a posting without a span as one of a day, none due: infinity.
-- Must never leave out a posting, nor read another generation.

SELECT p.deal, p.position, p.amount, p.stated, p.effective, coalesce(p.span_start, p.effective),
    coalesce(p.span_end, p.effective), coalesce(p.due, date 'infinity'), p.debit, p.credit, p.class,
    (array_position({currencies}::text[], p.currency) - 1)::int, coalesce(s.code, 0)::int
FROM posting_{generation} p
LEFT JOIN unnest({skus}::text[]) WITH ORDINALITY AS s (sku, code) ON s.sku = p.sku
WHERE p.position <= {known} {only}
