-- The deal that a key belonged to by a position: its number (the root stream) and all its streams. No row
-- where the key was unknown then. Must never follow a link that was found later.

WITH RECURSIVE home (stream) AS (
    SELECT stream FROM deal_key WHERE key = %(key)s AND position <= %(known)s
),
up (stream) AS (
    SELECT stream FROM home
    UNION
    SELECT deal_link.parent FROM up JOIN deal_link ON deal_link.child = up.stream
    WHERE deal_link.position <= %(known)s
),
root (stream) AS (
    SELECT min(stream) FROM up
),
down (stream) AS (
    SELECT stream FROM root WHERE stream IS NOT NULL
    UNION
    SELECT deal_link.child FROM down JOIN deal_link ON deal_link.parent = down.stream
    WHERE deal_link.position <= %(known)s
)
SELECT (SELECT stream FROM root) AS deal, array_agg(stream ORDER BY stream) AS streams
FROM down
HAVING count(*) > 0
