-- What every feed has brought. These statements must never touch the log: they count what is durable there.

-- name: add_tally
INSERT INTO feed_tally AS t (feed, day, outcome, reason, records) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (feed, day, outcome, reason) DO UPDATE SET records = t.records + excluded.records

-- name: note_state
INSERT INTO feed_state AS s (feed, last_message_at, behind) VALUES (%s, %s, %s)
ON CONFLICT (feed) DO UPDATE SET
    last_message_at = greatest(s.last_message_at, excluded.last_message_at),
    behind = coalesce(excluded.behind, s.behind)

-- name: is_seen
SELECT EXISTS (SELECT FROM webhook_seen WHERE feed = %(feed)s AND proof = %(proof)s)

-- name: note_seen
INSERT INTO webhook_seen (feed, proof, seen_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING

-- name: forget_seen
DELETE FROM webhook_seen WHERE seen_at < %s

-- name: note_rejection
INSERT INTO webhook_rejection (feed, at, reason, detail, digest, size) VALUES (%s, %s, %s, %s, %s, %s)

-- name: forget_rejections
DELETE FROM webhook_rejection WHERE feed = %(feed)s AND id <= (
    SELECT id FROM webhook_rejection WHERE feed = %(feed)s ORDER BY id DESC OFFSET %(kept)s LIMIT 1)

-- name: tallies
SELECT feed, outcome, reason, sum(records)::bigint FROM feed_tally
WHERE (%(feed)s::text IS NULL OR feed = %(feed)s)
AND (%(first)s::date IS NULL OR day >= %(first)s)
AND (%(last)s::date IS NULL OR day <= %(last)s)
GROUP BY feed, outcome, reason ORDER BY feed, outcome, reason

-- name: states
SELECT feed, last_message_at, behind FROM feed_state WHERE (%(feed)s::text IS NULL OR feed = %(feed)s)

-- name: rejections
SELECT id, at, reason, detail, digest, size FROM webhook_rejection
WHERE feed = %(feed)s AND id < %(before)s ORDER BY id DESC LIMIT %(limit)s
