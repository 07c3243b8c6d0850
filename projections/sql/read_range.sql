-- Milestones of a range of streams up to a position, stream by stream, in the order of recording within each.
-- {first}, {last} and {upto} are whole numbers put in by the caller. Must never leave out a milestone of a stream.

COPY (
    SELECT position, stream, topic, state
    FROM log
    WHERE stream BETWEEN {first} AND {last} AND position <= {upto}
    ORDER BY stream, version
) TO STDOUT (FORMAT binary)
