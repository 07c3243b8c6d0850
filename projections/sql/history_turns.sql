-- The positions, up to one, from which on a key may have meant another deal: it came to be known, its deal was
-- linked or split, or deals took on or lost it as their public name. Must never leave one out.

WITH RECURSIVE up (stream, position) AS (
    SELECT stream, position FROM deal_key WHERE key = %(key)s
    UNION
    SELECT link.parent, link.position FROM up JOIN deal_link link ON link.child = up.stream
)
SELECT DISTINCT position FROM (
    SELECT position FROM up
    UNION ALL
    SELECT position FROM key_place_{generation} WHERE key = %(key)s
    UNION ALL
    SELECT position FROM deal_name_{generation}
    WHERE deal IN (SELECT deal FROM deal_name_{generation} WHERE name = %(key)s)
) turns
WHERE position <= %(known)s
ORDER BY position
