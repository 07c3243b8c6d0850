-- Some milestones of the log.

SELECT position, stream, topic, state
FROM log
WHERE position = ANY(%(positions)s)
