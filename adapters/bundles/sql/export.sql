-- What a bundle is written from, all of it in one read-only transaction. These statements must never write.

-- name: keys
SELECT vkey, from_size FROM tree_key WHERE from_size <= %(size)s ORDER BY id

-- name: checkpoints
SELECT size, made_at, note FROM tree_checkpoint WHERE size <= %(size)s ORDER BY size, id

-- name: commits
SELECT first, last, recorded_at FROM log_commit WHERE first <= %(size)s ORDER BY first

-- name: milestones
SELECT l.position, l.stream, l.version, l.inbox, l.topic, uuid_send(l.identity), l.digest, l.state, r.mapping
FROM log AS l LEFT JOIN remapped AS r ON r.position = l.position
WHERE l.position <= %(size)s ORDER BY l.position

-- name: messages
-- Ids in the order of the log, some at a time.
SELECT id, received_at, source, digest, octet_length(body), content_type, headers, mapping,
    CASE WHEN %(whole)s THEN body END
FROM inbox WHERE id = ANY (%(ids)s)

-- name: message_sizes
SELECT id, octet_length(body) FROM inbox WHERE id = ANY (%(ids)s)
