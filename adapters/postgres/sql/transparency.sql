-- The transparency log: what its builder reads of the log, and the tree itself. These statements must never
-- change a tile, a key or a checkpoint that is there, nor write anything of the log.

-- name: lock_state
-- Who holds the row adds to the tree, or signs; another builder leaves it to them.
SELECT size, edge FROM tree_state FOR UPDATE

-- name: lock_state_or_leave
SELECT size, edge FROM tree_state FOR UPDATE SKIP LOCKED

-- name: state
SELECT size, edge FROM tree_state

-- name: troubles
SELECT refused, changed, denied, unpublished FROM tree_state

-- name: grow
UPDATE tree_state SET size = %(size)s, edge = %(edge)s

-- name: note_refused
UPDATE tree_state SET refused = %(why)s WHERE refused IS DISTINCT FROM %(why)s

-- name: note_changed
UPDATE tree_state SET changed = %(why)s WHERE changed IS DISTINCT FROM %(why)s

-- name: note_published
UPDATE tree_state SET denied = %(denied)s, unpublished = %(unpublished)s
WHERE denied IS DISTINCT FROM %(denied)s OR unpublished IS DISTINCT FROM %(unpublished)s

-- name: insert_tiles
INSERT INTO tree_tile (level, number, hashes)
SELECT * FROM unnest(%(levels)s::smallint[], %(numbers)s::bigint[], %(tiles)s::bytea[])

-- name: tile
SELECT hashes FROM tree_tile WHERE level = %(level)s AND number = %(number)s

-- name: tiles
SELECT number, hashes FROM tree_tile
WHERE level = %(level)s AND number >= %(first)s ORDER BY number LIMIT %(limit)s

-- name: mark
SELECT mark FROM tree_mark

-- name: head
SELECT coalesce((SELECT last FROM log_commit ORDER BY first DESC LIMIT 1), 0)

-- name: commits
-- The transactions that recorded positions from first to last.
SELECT first, last, (extract(epoch FROM recorded_at) * 1000000)::bigint FROM log_commit
WHERE first >= coalesce((SELECT max(first) FROM log_commit WHERE first <= %(first)s), 0)
AND first <= %(last)s
ORDER BY first

-- name: spread
-- Where in the inbox the milestones of a range are.
SELECT count(*), min(inbox), max(inbox) FROM log WHERE position BETWEEN %(first)s AND %(last)s

-- name: copy_near
-- The milestones of a range with what was kept of their messages, never the body; where the messages stand
-- close together in the inbox, as they nearly always do.
COPY (
    SELECT l.position, l.stream, l.version, l.identity, l.digest, i.id, i.received_at, i.digest,
        l.topic, l.state, i.source, i.content_type, i.headers, coalesce(r.mapping, i.mapping)
    FROM log AS l
    JOIN inbox AS i ON i.id = l.inbox
    LEFT JOIN remapped AS r
        ON r.position = l.position AND r.position BETWEEN %(first)s AND %(last)s
    WHERE l.position BETWEEN %(first)s AND %(last)s AND i.id BETWEEN %(low)s AND %(high)s
    ORDER BY l.position
) TO STDOUT (FORMAT binary)

-- name: copy_far
-- The same, wherever the messages stand.
COPY (
    SELECT l.position, l.stream, l.version, l.identity, l.digest, i.id, i.received_at, i.digest,
        l.topic, l.state, i.source, i.content_type, i.headers,
        coalesce((SELECT r.mapping FROM remapped AS r WHERE r.position = l.position), i.mapping)
    FROM log AS l
    JOIN inbox AS i ON i.id = l.inbox
    WHERE l.position BETWEEN %(first)s AND %(last)s
    ORDER BY l.position
) TO STDOUT (FORMAT binary)

-- name: changed_body
-- The first milestone of a range whose message has another body than was digested when it was accepted.
SELECT min(l.position) FROM log AS l JOIN inbox AS i ON i.id = l.inbox
WHERE l.position BETWEEN %(first)s AND %(last)s AND sha256(i.body) <> i.digest

-- name: insert_key
-- Signers take turns (lock_state), so that nobody else inserts the same key meanwhile.
INSERT INTO tree_key (vkey, from_size)
SELECT %(vkey)s, %(size)s WHERE NOT EXISTS (SELECT FROM tree_key WHERE vkey = %(vkey)s)

-- name: keys
SELECT vkey, from_size, first_used_at FROM tree_key ORDER BY id

-- name: insert_checkpoint
INSERT INTO tree_checkpoint (size, root, note, chain) VALUES (%(size)s, %(root)s, %(note)s, %(chain)s)
RETURNING id, size, root, note, chain, made_at

-- name: newest_checkpoint
SELECT id, size, root, note, chain, made_at FROM tree_checkpoint ORDER BY id DESC LIMIT 1

-- name: checkpoint_from
-- The first that covers a size.
SELECT id, size, root, note, chain, made_at FROM tree_checkpoint
WHERE size >= %(size)s ORDER BY size, id DESC LIMIT 1

-- name: checkpoint_of
SELECT id, size, root, note, chain, made_at FROM tree_checkpoint WHERE size = %(size)s ORDER BY id DESC LIMIT 1

-- name: checkpoint_in_chain
SELECT note FROM tree_checkpoint WHERE size = %(size)s AND chain = %(chain)s

-- name: checkpoints
SELECT id, size, root, note, chain, made_at FROM tree_checkpoint
WHERE id > %(after)s ORDER BY id LIMIT %(limit)s
