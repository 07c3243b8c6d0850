-- The postings of some pages of the journal, up to a position, as rows of the same length, put end to end: one value,
-- since a message for each row costs more than the row. Days are counted from 1970-01-01; codes are places in lists,
-- order lines and documents stand by the hash of columns_labels.sql.
-- Must never leave out a row of those pages.

SELECT string_agg(int8send(p.deal) || int8send(p.position) || int8send(p.amount) || int8send(p.fact)
    || int8send(CASE WHEN p.line <> '' THEN hashtextextended(p.line, 0) ELSE 0 END)
    || int8send(CASE WHEN p.object <> '' THEN hashtextextended(p.object, 0) ELSE 0 END)
    || int4send(p.stated - date '1970-01-01') || int4send(p.effective - date '1970-01-01')
    || int4send(coalesce(p.span_start - date '1970-01-01', %(none)s::int))
    || int4send(coalesce(p.span_end - date '1970-01-01', %(none)s::int))
    || int4send(coalesce(p.due - date '1970-01-01', %(none)s::int))
    || int2send(p.debit) || int2send(p.credit) || int2send(p.class)
    || int4send(coalesce(s.code, 0)::int) || int4send(coalesce(c.code, 0)::int), '')
FROM posting_{generation} p
LEFT JOIN unnest(%(skus)s::text[]) WITH ORDINALITY s (sku, code) ON s.sku = p.sku
LEFT JOIN unnest(%(currencies)s::text[]) WITH ORDINALITY c (currency, code) ON c.currency = p.currency
WHERE p.ctid >= %(first)s::tid AND p.ctid < %(end)s::tid AND p.position <= %(upto)s
