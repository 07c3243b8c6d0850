-- All milestones of whole sets of streams up to a position, with what they are known by, and what is wrong with
-- how they are numbered and kept; null: nothing. A range of streams but for some, and some more.
-- Must never leave out a milestone of a stream.

SELECT l.position, l.stream, l.topic, l.state, uuid_send(l.identity) AS identity,
    CASE
        WHEN l.version <> l.nth THEN 'version ' || l.version || ' where ' || l.nth || ' is due'
        WHEN l.nth = 1 AND l.position <> l.stream THEN 'its stream begins at another position'
        WHEN i.id IS NULL THEN 'the bytes that it came in are missing'
        WHEN sha256(i.body) <> i.digest THEN 'the bytes that it came in are not those of their digest'
    END AS wrong
FROM (
    SELECT *, row_number() OVER (PARTITION BY stream ORDER BY position) AS nth
    FROM log
    WHERE position <= %(upto)s AND (
        (stream BETWEEN %(first)s AND %(last)s AND stream <> ALL(%(others)s::bigint[]))
        OR stream = ANY(%(streams)s::bigint[])
    )
) l
-- OFFSET: row by row, never by going through the whole inbox
LEFT JOIN LATERAL (SELECT id, digest, body FROM inbox WHERE inbox.id = l.inbox OFFSET 0) i ON true
