-- The quarantine as people ask for it. These statements must never change or drop an entry: dismissing one is a
-- row beside it.

-- name: entries
-- now: the mappings as they are here; an entry that another version read last is one that changed.
SELECT e.id, e.inbox, e.source, e.event_id, e.type, e.reasons, e.received_at, e.mapping, e.status,
    coalesce(e.stamp <> now.stamp, false)
FROM quarantine_entry AS e
LEFT JOIN unnest(%(names)s::text[], %(stamps)s::text[]) AS now (name, stamp) ON now.name = e.mapping_name
WHERE e.id > %(after)s
AND (%(status)s::text IS NULL OR e.status = %(status)s)
AND (%(reason)s::text IS NULL OR e.reasons @> jsonb_build_array(jsonb_build_object('code', %(reason)s::text)))
AND (%(source)s::text IS NULL OR e.source = %(source)s)
AND (%(mapping)s::text IS NULL OR e.mapping_name = %(mapping)s)
AND (%(version)s::text IS NULL OR e.mapping_version = %(version)s)
AND (%(before)s::timestamptz IS NULL OR e.received_at < %(before)s)
AND (NOT %(changed)s::boolean OR e.stamp <> now.stamp)
ORDER BY e.id LIMIT %(limit)s

-- name: summary
-- By the first reason, so that the counts add up.
SELECT e.reasons -> 0 ->> 'code', e.source,
    e.mapping_name, nullif(e.mapping_version, ''),
    e.status, coalesce(e.stamp <> now.stamp, false),
    count(*), min(e.id), min(e.received_at), max(e.received_at)
FROM quarantine_entry AS e
LEFT JOIN unnest(%(names)s::text[], %(stamps)s::text[]) AS now (name, stamp) ON now.name = e.mapping_name
WHERE (%(status)s::text IS NULL OR e.status = %(status)s)
AND (%(reason)s::text IS NULL OR e.reasons @> jsonb_build_array(jsonb_build_object('code', %(reason)s::text)))
AND (%(source)s::text IS NULL OR e.source = %(source)s)
AND (%(mapping)s::text IS NULL OR e.mapping_name = %(mapping)s)
AND (%(version)s::text IS NULL OR e.mapping_version = %(version)s)
AND (%(before)s::timestamptz IS NULL OR e.received_at < %(before)s)
AND (NOT %(changed)s::boolean OR e.stamp <> now.stamp)
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 7 DESC, 8

-- name: entry
SELECT e.id, e.inbox, e.source, e.event_id, e.type, e.reasons, e.received_at, e.mapping, e.status,
    coalesce(e.stamp <> now.stamp, false)
FROM quarantine_entry AS e
LEFT JOIN unnest(%(names)s::text[], %(stamps)s::text[]) AS now (name, stamp) ON now.name = e.mapping_name
WHERE e.id = %(entry)s

-- name: readings
-- Everything that was done about an entry, in order.
SELECT outcome, position, reasons, replayed_at, mapping, actor, note
FROM quarantine_replay WHERE quarantine_id = %(entry)s ORDER BY id

-- name: dismiss
INSERT INTO quarantine_replay (quarantine_id, outcome, reasons, replayed_at, actor, note)
SELECT e.id, 'dismissed', '[]', clock_timestamp(), %(actor)s, %(note)s
FROM quarantine_entry AS e WHERE e.id = ANY (%(entries)s) AND e.status = 'open'
RETURNING quarantine_id
