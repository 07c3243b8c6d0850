-- Quarantined messages that nothing had settled, as known by a position: no second reading, and no message that came
-- in later under the same source and id, mended. An entry has no position, and was known where it came before the
-- first commit beyond. Must never show the bytes.

WITH beyond AS (
    SELECT coalesce(min(recorded_at), 'infinity') AS recorded_at FROM log_commit WHERE last > %(known)s
)
SELECT q.id, q.digest, q.reasons, (extract(epoch FROM q.received_at) * 1000000)::bigint AS received
FROM quarantine q, beyond
WHERE q.received_at < beyond.recorded_at AND NOT EXISTS (
    SELECT FROM quarantine_replay r
    WHERE r.quarantine_id = q.id AND r.outcome <> 'quarantined' AND r.replayed_at < beyond.recorded_at
) AND NOT EXISTS (
    -- the identity of a message: domain/deal.message_identity
    SELECT FROM log JOIN log_commit c ON log.position BETWEEN c.first AND c.last
    WHERE log.identity = encode(substr(sha256(
            convert_to(q.source, 'UTF8') || '\x00'::bytea || convert_to(q.event_id, 'UTF8')
        ), 1, 16), 'hex')::uuid
        AND log.position <= %(known)s AND c.recorded_at > q.received_at
)
ORDER BY q.id
