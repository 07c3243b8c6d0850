-- Some milestones of the log, and every correction and void that may speak of one of them, or of one another, by a
-- position. Those are kept with their target, in a stream that it became part of, or on their own where they came
-- first. Must never read the rest of the log.

WITH RECURSIVE wanted AS (
    SELECT position, stream, topic, state, identity FROM log
    WHERE position = ANY(%(facts)s) AND position <= %(known)s
),
above (stream) AS (
    SELECT stream FROM wanted
    UNION SELECT a.stream FROM wanted w JOIN awaited a ON a.target = w.identity
    UNION SELECT further.stream FROM above CROSS JOIN LATERAL (
        SELECT link.parent AS stream FROM deal_link link WHERE link.child = above.stream
        UNION ALL
        SELECT a.stream FROM log l JOIN awaited a ON a.target = l.identity
        WHERE l.stream = above.stream AND l.position <= %(known)s
            AND l.topic IN ('milestone.corrected.v1', 'milestone.voided.v1')
    ) further
)
SELECT position, stream, topic, state FROM wanted
UNION ALL
SELECT position, stream, topic, state FROM log
WHERE stream IN (SELECT stream FROM above) AND position <= %(known)s
    AND topic IN ('milestone.corrected.v1', 'milestone.voided.v1')
    AND position NOT IN (SELECT position FROM wanted)
