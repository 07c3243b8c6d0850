-- The order lines and documents that postings name, in order, each with a hash that names it while the journal is
-- read. Must hold every one of the journal up to the position, and never the empty text.

SELECT label, hashtextextended(label, 0) FROM (
    SELECT line AS label FROM posting_{generation} WHERE position <= %(upto)s AND line <> ''
    UNION
    SELECT object FROM posting_{generation} WHERE position <= %(upto)s AND object <> ''
) named
ORDER BY label COLLATE "C"
