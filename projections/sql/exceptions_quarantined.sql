-- Quarantined messages that no second reading had settled, as known by a position: an entry has no position, and
-- was known where it came before the first commit beyond. Must never show the bytes.

WITH beyond AS (
    SELECT coalesce(min(recorded_at), 'infinity') AS recorded_at FROM log_commit WHERE last > %(known)s
)
SELECT q.id, q.digest, q.reasons, (extract(epoch FROM q.received_at) * 1000000)::bigint AS received
FROM quarantine q, beyond
WHERE q.received_at < beyond.recorded_at AND NOT EXISTS (
    SELECT FROM quarantine_replay r
    WHERE r.quarantine_id = q.id AND r.outcome <> 'quarantined' AND r.replayed_at < beyond.recorded_at
)
ORDER BY q.id
