-- What pulling feeds remember. These statements must never touch the log, and never drop a record that waits
-- to be fetched unless what was asked for is in, or is known to be gone.

-- name: hold
SELECT pg_try_advisory_lock(%s)

-- name: let_go
SELECT pg_advisory_unlock(%s)

-- name: due_fetches
SELECT object, native_id, reason, inbox, asked, since, attempts, next_attempt, last_error
FROM awaiting_fetch
WHERE source = %s AND next_attempt <= clock_timestamp()
ORDER BY next_attempt LIMIT %s

-- name: note_fetched
INSERT INTO fetched (source, object, native_id, inbox, outcome, since, fetched_at)
VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp())

-- name: end_fetch
DELETE FROM awaiting_fetch WHERE source = %s AND object = %s AND native_id = %s AND asked = %s

-- name: renew_fetch
UPDATE awaiting_fetch SET attempts = 0, next_attempt = clock_timestamp(), last_error = NULL
WHERE source = %s AND object = %s AND native_id = %s

-- name: delay_fetch
UPDATE awaiting_fetch
SET attempts = attempts + 1, last_error = %s, next_attempt = clock_timestamp() + %s * interval '1 second'
WHERE source = %s AND object = %s AND native_id = %s

-- name: retry_fetches
UPDATE awaiting_fetch SET attempts = 0, next_attempt = clock_timestamp()
WHERE source = %s AND (%s::text IS NULL OR object = %s) AND (%s::text IS NULL OR native_id = %s)

-- name: waiting
SELECT object, native_id, reason, inbox, asked, since, attempts, next_attempt, last_error
FROM awaiting_fetch WHERE source = %s AND (object, native_id) > (%s, %s)
ORDER BY object, native_id LIMIT %s

-- name: waiting_count
SELECT count(*), min(since), count(*) FILTER (WHERE next_attempt IS NULL) FROM awaiting_fetch WHERE source = %s

-- name: cursor
SELECT feed, object, watermark, asked_since, page, highest, began_at, completed_at, records, failures,
    next_poll, last_error
FROM poll_cursor WHERE feed = %s AND object = %s

-- name: cursors
SELECT feed, object, watermark, asked_since, page, highest, began_at, completed_at, records, failures,
    next_poll, last_error
FROM poll_cursor WHERE feed = %s ORDER BY object

-- name: save_cursor
INSERT INTO poll_cursor (
    feed, object, watermark, asked_since, page, highest, began_at, completed_at, records, failures,
    next_poll, last_error)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (feed, object) DO UPDATE SET
    watermark = excluded.watermark, asked_since = excluded.asked_since, page = excluded.page,
    highest = excluded.highest, began_at = excluded.began_at, completed_at = excluded.completed_at,
    records = excluded.records, failures = excluded.failures, next_poll = excluded.next_poll,
    last_error = excluded.last_error

-- name: taken_file
-- A file that could not be imported is tried again when it is dropped again.
SELECT name, outcome, summary, taken_at FROM taken_file
WHERE feed = %s AND digest = %s AND outcome = 'done' ORDER BY id DESC LIMIT 1

-- name: take_file
INSERT INTO taken_file (feed, digest, name, bytes, outcome, summary, taken_at)
VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp())
