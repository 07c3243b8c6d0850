-- The streams of a share up to a position, each with what decides whether its set is folded or copied (a milestone of
-- any but some types, or after what the live generation has taken in, or one that holds some text) and the numbers to find
-- its rows by: those that payments' own deals may have, and its notices; and whether it is never folded at all.
-- Must never leave out a milestone of a stream.

SELECT stream, count(*) AS milestones,
    bool_or(topic <> ALL(%(untouched)s) OR position > %(known)s
        OR (cardinality(%(texts)s::bytea[]) > 0
            AND EXISTS (SELECT FROM unnest(%(texts)s::bytea[]) held (bytes) WHERE position(held.bytes IN state) > 0))
    ) AS is_touched,
    array_agg(-position) FILTER (WHERE topic = ANY(%(paying)s) OR position(%(paid)s::bytea IN state) > 0) AS own,
    array_agg(position) FILTER (WHERE topic = ANY(%(noticed)s)) AS noticed,
    bool_and(topic = ANY(%(aside)s)) AS is_aside
FROM log
WHERE position <= %(upto)s AND (stream BETWEEN %(first)s AND %(last)s OR stream = ANY(%(streams)s::bigint[]))
GROUP BY stream
