-- The audit trail: milestones that the ledger recorded of itself, found by the register of what sources said, and
-- beyond that by going through what the register has not taken in yet. These statements must never write, and
-- never go through the whole log where the register is up with it.

-- name: after
-- Entries after a position, in the order of recording. act, actor: bytes that an entry of them holds; the caller
-- looks closer.
WITH found AS (
    (SELECT l.position, l.state
    FROM source_milestone AS s JOIN log AS l ON l.position = s.position
    WHERE s.source = %(source)s AND s.position > %(after)s AND l.topic = %(topic)s
        AND position(%(act)s::bytea IN l.state) > 0 AND position(%(actor)s::bytea IN l.state) > 0
    ORDER BY s.position LIMIT %(limit)s)
    UNION ALL
    (SELECT l.position, l.state
    FROM log AS l
    WHERE l.position > greatest(%(after)s, (SELECT coalesce(max(position), 0) FROM source_milestone))
        AND l.topic = %(topic)s
        AND position(%(act)s::bytea IN l.state) > 0 AND position(%(actor)s::bytea IN l.state) > 0
    ORDER BY l.position LIMIT %(limit)s)
)
SELECT found.position, found.state,
    (SELECT c.recorded_at FROM log_commit AS c WHERE c.first <= found.position ORDER BY c.first DESC LIMIT 1)
FROM found ORDER BY found.position LIMIT %(limit)s

-- name: before
-- The same backwards: entries before a position, the latest first.
WITH found AS (
    (SELECT l.position, l.state
    FROM source_milestone AS s JOIN log AS l ON l.position = s.position
    WHERE s.source = %(source)s AND s.position < %(before)s AND l.topic = %(topic)s
        AND position(%(act)s::bytea IN l.state) > 0 AND position(%(actor)s::bytea IN l.state) > 0
    ORDER BY s.position DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT l.position, l.state
    FROM log AS l
    WHERE l.position > (SELECT coalesce(max(position), 0) FROM source_milestone)
        AND l.position < %(before)s AND l.topic = %(topic)s
        AND position(%(act)s::bytea IN l.state) > 0 AND position(%(actor)s::bytea IN l.state) > 0
    ORDER BY l.position DESC LIMIT %(limit)s)
)
SELECT found.position, found.state,
    (SELECT c.recorded_at FROM log_commit AS c WHERE c.first <= found.position ORDER BY c.first DESC LIMIT 1)
FROM found ORDER BY found.position DESC LIMIT %(limit)s
