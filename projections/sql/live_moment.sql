-- The live generation, and when a position, or without one the last that it has taken in, was recorded. One row, none
-- before the first generation. Must never wait, and is all that a report read from memory asks the database.

SELECT g.id, g.position, g.rules, g.policies, g.code_version,
    (SELECT c.recorded_at FROM log_commit c
    WHERE c.first <= coalesce(%(known)s::bigint, g.position) AND c.last >= coalesce(%(known)s::bigint, g.position)
    ORDER BY c.first DESC LIMIT 1)
FROM generation g WHERE g.state = 'live'
