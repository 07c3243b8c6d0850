-- What the rest of the house asks of the log. These statements must never write.

-- name: head
SELECT coalesce((SELECT last FROM log_commit ORDER BY first DESC LIMIT 1), 0)

-- name: commit_at
-- The last commit at or before a moment.
SELECT first, last, recorded_at FROM log_commit
WHERE recorded_at <= %(recorded_by)s ORDER BY recorded_at DESC LIMIT 1

-- name: commit_of
SELECT first, last, recorded_at FROM log_commit
WHERE first <= %(position)s AND last >= %(position)s
ORDER BY first DESC LIMIT 1

-- name: commits_after
SELECT first, last, recorded_at FROM log_commit WHERE last > %(position)s ORDER BY first LIMIT %(limit)s

-- name: milestone
SELECT l.position, l.stream, l.version, l.topic, l.state, l.identity, l.digest, l.inbox,
    (SELECT c.recorded_at FROM log_commit AS c WHERE c.first <= l.position ORDER BY c.first DESC LIMIT 1),
    i.source, i.received_at, i.digest, i.content_type, i.headers,
    coalesce((SELECT r.mapping FROM remapped AS r WHERE r.position = l.position), i.mapping), i.body
FROM log AS l JOIN inbox AS i ON i.id = l.inbox
WHERE l.position = %(position)s

-- name: milestones_after
SELECT position, stream, version, topic, state FROM log
WHERE position > %(after)s AND position <= %(last)s
ORDER BY position LIMIT %(limit)s

-- name: milestones_of_streams
SELECT position, stream, version, topic, state FROM log
WHERE stream = ANY (%(streams)s) AND position <= %(last)s
ORDER BY position

-- name: position_of
SELECT position, stream FROM log WHERE identity = %(identity)s

-- name: key_stream
SELECT stream, position FROM deal_key WHERE key = %(key)s AND position <= %(last)s

-- name: root_of
-- Up the links that were known at a position.
WITH RECURSIVE up (stream) AS (
    SELECT %(stream)s::bigint
    UNION ALL
    SELECT d.parent FROM up JOIN deal_link AS d ON d.child = up.stream AND d.position <= %(last)s
)
SELECT min(stream) FROM up

-- name: streams_of_root
-- Down the links that were known at a position: all streams of the deal, the root among them.
WITH RECURSIVE down (stream) AS (
    SELECT %(root)s::bigint
    UNION ALL
    SELECT d.child FROM down JOIN deal_link AS d ON d.parent = down.stream AND d.position <= %(last)s
)
SELECT stream FROM down ORDER BY stream

-- name: links_after
SELECT child, parent, position FROM deal_link
WHERE position > %(after)s AND position <= %(last)s
ORDER BY position, child

-- name: crossings_after
SELECT stream_a, stream_b, position FROM payment_crossing
WHERE position > %(after)s AND position <= %(last)s
ORDER BY position

-- name: conflicts
SELECT id, inbox, identity, position, source, event_id, type, recorded_at FROM conflict
WHERE id > %(after)s ORDER BY id LIMIT %(limit)s

-- name: quarantine
-- Open entries: those that no second reading has settled.
SELECT q.id, q.inbox, q.source, q.event_id, q.type, q.reasons, q.received_at, q.mapping
FROM quarantine AS q
WHERE q.id > %(after)s
AND NOT EXISTS (
    SELECT FROM quarantine_replay AS r WHERE r.quarantine_id = q.id AND r.outcome <> 'quarantined')
ORDER BY q.id LIMIT %(limit)s

-- name: quarantine_entry
SELECT q.id, q.inbox, q.source, q.event_id, q.type, q.reasons, q.received_at, q.mapping,
    EXISTS (
        SELECT FROM quarantine_replay AS r
        WHERE r.quarantine_id = q.id AND r.outcome <> 'quarantined')
FROM quarantine AS q WHERE q.id = %(entry)s

-- name: inbox_row
SELECT id, source, received_at, digest, content_type, headers, mapping, body FROM inbox WHERE id = %(inbox)s

-- name: counts
SELECT (SELECT count(*) FROM quarantine_entry WHERE status = 'open'), (SELECT count(*) FROM conflict)
