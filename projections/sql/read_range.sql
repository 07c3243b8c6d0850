-- Milestones of a range of streams up to a position, stream by stream, in the order of recording within each.
-- Must never leave out a milestone of a stream.

SELECT position, stream, topic, state
FROM log
WHERE stream BETWEEN %(first)s AND %(last)s AND position <= %(upto)s
ORDER BY stream, version
