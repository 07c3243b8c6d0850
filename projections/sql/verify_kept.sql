-- What came in and is no milestone: whether all of it is still there. Table, number and what is wrong; the first
-- ones. Bytes of milestones are left to verify_read. Must see one moment, and must never take a message for lost
-- that waits, or waited, for its record: only the last message that asked for a record is kept with it.

WITH loose AS (
    -- by `name/instance`, as domain/provenance has it
    SELECT i.id, i.received_at, regexp_replace(i.mapping, '^([^/@#]*)[^/]*/', '\1/') AS source
    FROM inbox i
    WHERE NOT EXISTS (SELECT FROM log WHERE log.inbox = i.id)
    AND NOT EXISTS (SELECT FROM conflict c WHERE c.inbox = i.id)
    AND NOT EXISTS (SELECT FROM quarantine q WHERE q.inbox = i.id)
    AND NOT EXISTS (SELECT FROM ignored g WHERE g.inbox = i.id)
), asked AS (
    SELECT source, inbox AS id, since, NULL::timestamptz AS received_at FROM awaiting_fetch
    UNION ALL SELECT source, inbox, since, NULL FROM fetched
    UNION ALL SELECT source, id, NULL, received_at FROM loose
), lost AS (
    -- messages may be received in another order than they are written in, by less than an hour
    SELECT id FROM (
        SELECT id, received_at, min(since) OVER (PARTITION BY source ORDER BY id DESC) AS since FROM asked
    ) of_asked
    WHERE received_at IS NOT NULL AND coalesce(received_at < since - interval '1 hour', true)
), numbered AS (
    SELECT 'inbox' AS of, id, lag(id, 1, 0::bigint) OVER (ORDER BY id) AS after FROM inbox
    UNION ALL
    SELECT 'conflict', id, lag(id, 1, 0::bigint) OVER (ORDER BY id) FROM conflict
    UNION ALL
    SELECT 'quarantine', id, lag(id, 1, 0::bigint) OVER (ORDER BY id) FROM quarantine
)
(SELECT of, id AS number, 'numbers ' || after + 1 || ' to ' || id - 1 || ' are missing' AS wrong
FROM numbered WHERE id <> after + 1 ORDER BY id LIMIT %(limit)s)
UNION ALL
(SELECT 'inbox', id,
    'nothing tells what became of it: no milestone, conflict, quarantine entry, nor one left aside or waiting'
FROM lost ORDER BY id LIMIT %(limit)s)
UNION ALL
(SELECT 'inbox', i.id, 'its bytes are not those of their digest'
FROM inbox i WHERE NOT EXISTS (SELECT FROM log WHERE log.inbox = i.id) AND sha256(i.body) <> i.digest
ORDER BY i.id LIMIT %(limit)s)
UNION ALL
(SELECT k.of, k.id, CASE
    WHEN i.id IS NULL THEN 'the bytes that it came in are missing'
    ELSE 'its digest is not that of the bytes that it came in'
    END
FROM (SELECT 'quarantine' AS of, id, inbox, digest FROM quarantine
    UNION ALL SELECT 'ignored', id, inbox, digest FROM ignored
    UNION ALL SELECT 'conflict', id, inbox, NULL FROM conflict) k
LEFT JOIN inbox i ON i.id = k.inbox
WHERE i.id IS NULL OR k.digest <> i.digest
ORDER BY k.id LIMIT %(limit)s)
UNION ALL
(SELECT 'conflict', c.id, 'it is with position ' || c.position || ', where no milestone is'
FROM conflict c WHERE NOT EXISTS (SELECT FROM log WHERE log.position = c.position)
ORDER BY c.id LIMIT %(limit)s)
UNION ALL
(SELECT 'quarantine_replay', r.id, CASE
    WHEN q.id IS NULL THEN 'there is no quarantine entry ' || r.quarantine_id
    ELSE 'it came to position ' || r.position || ', where no milestone is'
    END
FROM quarantine_replay r LEFT JOIN quarantine q ON q.id = r.quarantine_id
WHERE q.id IS NULL
    OR (r.position IS NOT NULL AND NOT EXISTS (SELECT FROM log WHERE log.position = r.position))
ORDER BY r.id LIMIT %(limit)s)
