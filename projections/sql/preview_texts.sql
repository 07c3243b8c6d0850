-- The currencies and products of one generation's postings. Must read one generation only.

SELECT DISTINCT currency, sku FROM posting_{generation}
