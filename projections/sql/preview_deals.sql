-- The deals of which one table of two generations says something else, as known by a position: other rows, or more
-- of them. Rows are compared by a hash of all their columns, added up by deal. Must never read a third generation.

WITH sides AS (
    SELECT deal, side, count(*) AS rows, sum(hash_record_extended(ROW({columns}), 0)) AS hash
    FROM (
        SELECT 1 AS side, {columns} FROM {table}_{old} WHERE position <= %(known)s
        UNION ALL SELECT 2, {columns} FROM {table}_{new} WHERE position <= %(known)s
    ) both_sides
    GROUP BY deal, side
)
SELECT deal
FROM sides
GROUP BY deal
HAVING count(*) <> 2 OR min(rows) <> max(rows) OR min(hash) <> max(hash)
ORDER BY deal
