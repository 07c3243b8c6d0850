-- All milestones of some types, in the order of recording. Reads the whole log: only for what is rarely asked.

SELECT position, stream, topic, state
FROM log
WHERE topic = ANY(%(topics)s)
ORDER BY position
