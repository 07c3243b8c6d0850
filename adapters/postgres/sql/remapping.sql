-- What reading stored bytes again asks of the log. These statements must never write.

-- name: messages
-- The messages that a mapping has read, in whatever version, by their number: how long each is, what it recorded,
-- its quarantine entry, whether it is kept as ignored. One row a milestone, one for a message without any.
SELECT i.id, octet_length(i.body), l.position, e.id, e.status, g.inbox IS NOT NULL
FROM inbox AS i
LEFT JOIN log AS l ON l.inbox = i.id
LEFT JOIN quarantine_entry AS e ON e.inbox = i.id
LEFT JOIN (SELECT DISTINCT inbox FROM ignored) AS g ON g.inbox = i.id
WHERE (starts_with(i.mapping, %(name)s || '/') OR starts_with(i.mapping, %(name)s || '@')
    OR starts_with(i.mapping, %(name)s || '#'))
AND i.id > %(after)s
AND (%(since)s::timestamptz IS NULL OR i.received_at >= %(since)s)
ORDER BY i.id, l.position

-- name: count_messages
SELECT count(*) FROM inbox AS i
WHERE (starts_with(i.mapping, %(name)s || '/') OR starts_with(i.mapping, %(name)s || '@')
    OR starts_with(i.mapping, %(name)s || '#'))
AND i.id > %(after)s
AND (%(since)s::timestamptz IS NULL OR i.received_at >= %(since)s)

-- name: bodies
SELECT id, source, received_at, digest, content_type, headers, mapping, body FROM inbox
WHERE id = ANY (%(ids)s)

-- name: recorded
SELECT l.position, l.stream, l.topic, l.state, uuid_send(l.identity), l.digest,
    coalesce((SELECT r.mapping FROM remapped AS r WHERE r.position = l.position), i.mapping)
FROM log AS l JOIN inbox AS i ON i.id = l.inbox
WHERE l.position = ANY (%(positions)s)

-- name: on_record
SELECT uuid_send(identity), position, digest FROM log WHERE identity = ANY (%(identities)s)

-- name: on_record_by_sequence
SELECT uuid_send(s.identity), l.position, l.digest
FROM sequence_identity AS s JOIN log AS l USING (position)
WHERE s.identity = ANY (%(identities)s)

-- name: amendments
-- Corrections and voids in the deals of some streams, and those that came before what they speak of. The last
-- column says which mapping led to one, where a changed mapping did.
WITH RECURSIVE up (start, stream) AS (
    SELECT s, s FROM unnest(%(streams)s::bigint[]) AS s
    UNION ALL
    SELECT up.start, d.parent FROM up JOIN deal_link AS d ON d.child = up.stream
), down (stream) AS (
    SELECT DISTINCT min(stream) FROM up GROUP BY start
    UNION ALL
    SELECT d.child FROM down JOIN deal_link AS d ON d.parent = down.stream
), found (position) AS (
    SELECT l.position FROM log AS l JOIN (SELECT DISTINCT stream FROM down) AS s USING (stream)
    WHERE l.topic = ANY (%(topics)s)
    UNION
    SELECT a.position FROM awaited AS a WHERE a.target = ANY (%(identities)s)
)
SELECT l.position, l.topic, l.state, uuid_send(l.identity), r.mapping
FROM found JOIN log AS l USING (position) LEFT JOIN remapped AS r USING (position)
ORDER BY l.position

-- name: reasons
SELECT id, reasons FROM quarantine_entry WHERE id = ANY (%(entries)s)
