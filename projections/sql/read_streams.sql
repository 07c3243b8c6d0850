-- All milestones of some streams up to a position.

SELECT position, stream, topic, state
FROM log
WHERE stream = ANY(%(streams)s) AND position <= %(upto)s
