-- One writer's transaction. These statements must never change a row: they look up, and append by COPY. The
-- queue of records to be fetched is the exception: it is no part of the log.
-- Nothing that decides what is appended may be read before the lock is held.

-- name: lock
SELECT pg_advisory_xact_lock(%s)

-- name: head
-- recorded_at in microseconds: after the lock, and after the last commit's even if the clock was set back.
-- The transaction's id lets a lost commit be looked up (pg_xact_status).
SELECT
    coalesce(c.last, 0),
    coalesce((SELECT max(id) FROM inbox), 0),
    coalesce((SELECT max(id) FROM conflict), 0),
    coalesce((SELECT max(id) FROM quarantine), 0),
    (extract(epoch FROM greatest(clock_timestamp(), c.recorded_at + interval '1 microsecond'))
        * 1000000)::bigint,
    pg_current_xact_id()::text::bigint,
    EXISTS (SELECT FROM awaited)
FROM (SELECT) AS one
LEFT JOIN (SELECT last, recorded_at FROM log_commit ORDER BY first DESC LIMIT 1) AS c ON true

-- name: identities
SELECT uuid_send(identity), position, digest, stream FROM log WHERE identity = ANY (%s)

-- name: awaited
-- Corrections and voids that came before their targets.
SELECT uuid_send(target), stream FROM awaited WHERE target = ANY (%s) ORDER BY position

-- name: sequences
SELECT uuid_send(s.identity), l.position, l.digest, l.stream
FROM sequence_identity AS s JOIN log AS l USING (position)
WHERE s.identity = ANY (%s)

-- name: keys
SELECT key, stream FROM deal_key WHERE key = ANY (%s)

-- name: links
SELECT child, parent, position FROM deal_link WHERE position > %s ORDER BY position, child

-- name: held
-- Entries that are open, and those that somebody has dismissed: the same bytes open no other.
SELECT q.digest, q.mapping, q.id FROM quarantine AS q
WHERE q.digest = ANY (%s)
AND NOT EXISTS (
    SELECT FROM quarantine_replay AS r
    WHERE r.quarantine_id = q.id AND r.outcome NOT IN ('quarantined', 'dismissed'))
ORDER BY q.id DESC

-- name: left
SELECT digest, mapping, reason FROM ignored WHERE digest = ANY (%s)

-- name: versions
SELECT s.stream, (SELECT max(l.version) FROM log AS l WHERE l.stream = s.stream)
FROM unnest(%s) AS s (stream)

-- name: kept_conflicts
SELECT uuid_send(identity), digest FROM conflict WHERE identity = ANY (%s)

-- name: copy_log
COPY log (position, stream, version, inbox, topic, state, identity, digest) FROM STDIN (FORMAT binary)

-- name: copy_inbox
COPY inbox (id, received_at, digest, source, content_type, headers, mapping, body)
FROM STDIN (FORMAT binary)

-- name: copy_sequences
COPY sequence_identity (identity, position) FROM STDIN (FORMAT binary)

-- name: copy_keys
COPY deal_key (key, stream, position) FROM STDIN (FORMAT binary)

-- name: insert_link
INSERT INTO deal_link (child, parent, position) VALUES (%s, %s, %s)

-- name: insert_crossing
INSERT INTO payment_crossing (stream_a, stream_b, position) VALUES (%s, %s, %s)

-- name: insert_awaited
INSERT INTO awaited (target, stream, position) VALUES (%s, %s, %s)

-- name: insert_conflict
INSERT INTO conflict (id, inbox, identity, position, digest, source, event_id, type, recorded_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_quarantine
INSERT INTO quarantine (id, inbox, digest, source, event_id, type, reasons, received_at, mapping)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_fetch
-- One row per record that has to be fetched, however many messages point to it: the latest is named, and a
-- fetch that is under way does not answer those that came after it began.
INSERT INTO awaiting_fetch AS a (source, object, native_id, reason, inbox, since, next_attempt)
VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp())
ON CONFLICT (source, object, native_id) DO UPDATE
SET asked = a.asked + 1, inbox = excluded.inbox, reason = excluded.reason

-- name: insert_replay
INSERT INTO quarantine_replay (quarantine_id, outcome, position, reasons, replayed_at, mapping)
VALUES (%s, %s, %s, %s, %s, %s)

-- name: insert_ignored
INSERT INTO ignored (inbox, digest, mapping, reason)
SELECT * FROM unnest(%s::bigint[], %s::bytea[], %s::text[], %s::text[])

-- name: insert_remapped
INSERT INTO remapped (position, mapping) SELECT * FROM unnest(%s::bigint[], %s::text[])

-- name: insert_commit
INSERT INTO log_commit (first, last, recorded_at) VALUES (%s, %s, %s)

-- name: notify
SELECT pg_notify(%s, %s)

-- name: transaction_status
SELECT pg_xact_status(%s::text::xid8)
