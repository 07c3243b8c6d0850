-- Milestones after a position, in the order of recording. Must never skip one.

SELECT position, stream, topic, state
FROM log
WHERE position > %(after)s
ORDER BY position
LIMIT %(limit)s
