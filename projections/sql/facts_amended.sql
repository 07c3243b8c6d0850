-- Some milestones of the log, and every correction and void that may speak of one of them, by a position. Those
-- are kept with their target, in a stream that it became part of, or on their own where they came first.
-- Must never read the rest of the log.

WITH RECURSIVE wanted AS (
    SELECT position, stream, topic, state, identity FROM log
    WHERE position = ANY(%(facts)s) AND position <= %(known)s
),
above (stream) AS (
    SELECT stream FROM wanted
    UNION SELECT a.stream FROM wanted w JOIN awaited a ON a.target = w.identity
    UNION SELECT link.parent FROM above JOIN deal_link link ON link.child = above.stream
)
SELECT position, stream, topic, state FROM wanted
UNION ALL
SELECT position, stream, topic, state FROM log
WHERE stream IN (SELECT stream FROM above) AND position <= %(known)s
    AND topic IN ('milestone.corrected.v1', 'milestone.voided.v1')
    AND position NOT IN (SELECT position FROM wanted)
