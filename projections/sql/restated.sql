-- What the postings of each deal come to in each window and group, from two sides: `was` taken away from `now`.
-- Must never look beyond the position that each side knows; the sides may be of two generations.
-- {braces} are put in by projections/restatement.py from its own lists, never from a request; values are bound.

SELECT n{groups}, currency, of_deal, recorded, own, debit, credit, bucket,
    sum(side * ve) AS ve, sum(side * vd) AS vd, sum(side * vb) AS vb
FROM (
    SELECT 1 AS side, now.* FROM ({now}) now
    {was}
) both_sides
GROUP BY n{groups}, currency, of_deal, recorded, own, debit, credit, bucket
HAVING sum(side * ve) <> 0 OR sum(side * vd) <> 0 OR sum(side * vb) <> 0
ORDER BY recorded, of_deal, n{groups}, currency, own
LIMIT %(limit)s
