-- Some milestones of the log, each with when it was recorded. Must never read one that was not asked for.

SELECT l.position, l.state, c.recorded_at
FROM log l
CROSS JOIN LATERAL (
    SELECT recorded_at FROM log_commit WHERE first <= l.position ORDER BY first DESC LIMIT 1
) c
WHERE l.position = ANY(%(facts)s)
