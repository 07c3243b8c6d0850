-- What the decisions of the log have left beside it, to be held against the same decisions taken again. These
-- statements must never write, and must all be asked in one transaction that sees one moment.

-- name: one_moment
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: milestones
-- The next milestones after a position. body: of a canonical event, as it came in; null where a mapping read it.
SELECT l.position, l.stream, l.version, l.inbox, l.topic, l.state, uuid_send(l.identity), l.digest,
    CASE WHEN i.mapping IS NULL THEN i.body END
FROM log AS l LEFT JOIN inbox AS i ON i.id = l.inbox
WHERE l.position > %s ORDER BY l.position LIMIT %s

-- name: deal_key
SELECT position, key, stream FROM deal_key ORDER BY position, key

-- name: sequence_identity
SELECT position, encode(uuid_send(identity), 'hex') FROM sequence_identity ORDER BY position

-- name: deal_link
SELECT position, child, parent FROM deal_link ORDER BY position

-- name: payment_crossing
SELECT position, stream_b, stream_a FROM payment_crossing ORDER BY position

-- name: awaited
SELECT position, encode(uuid_send(target), 'hex'), stream FROM awaited ORDER BY position
