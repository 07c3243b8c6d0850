-- The postings behind one row of the bridge, one by one: of some deals, or of some of their lines, invoices or
-- products, with what each counts for. Must count exactly what the bridge counts.

SELECT p.deal, p.fact, p.position, p.debit, p.credit, p.currency, p.amount, p.effective, p.due, p.sku, p.line,
    p.object, p.amount * f.sign AS counts, {own_effective} AS own_effective
FROM posting_{generation} p
JOIN unnest(%(debit)s::smallint[], %(credit)s::smallint[], %(sign)s::int[]) f (debit, credit, sign)
    ON (f.debit IS NULL OR f.debit = p.debit) AND (f.credit IS NULL OR f.credit = p.credit)
JOIN unnest(%(deal)s::bigint[], %(currency)s::text[], %(item)s::text[]) i (deal, currency, item)
    ON i.deal = p.deal AND i.currency = p.currency AND (i.item IS NULL OR i.item = coalesce(
        CASE %(by)s::text WHEN 'line' THEN p.line WHEN 'invoice' THEN p.object ELSE p.sku END, ''))
WHERE p.position <= %(known)s AND p.effective <= %(at)s
ORDER BY p.effective, p.position, p.fact, p.debit, p.credit, p.sku, p.line, p.object, p.due, p.amount
LIMIT %(limit)s OFFSET %(offset)s
