-- The texts that postings have codes for in memory: products and currencies.
-- Must hold every one of the journal up to the position.

SELECT DISTINCT sku, NULL FROM posting_{generation} WHERE position <= %(upto)s AND sku IS NOT NULL
UNION ALL
SELECT DISTINCT NULL, currency FROM posting_{generation} WHERE position <= %(upto)s
