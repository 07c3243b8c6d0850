-- Deals to which a split has moved keys, with the deal that those would belong to without it, as known by a position.
-- Must never show a move that was taken back, nor what a correction alone has moved.

WITH RECURSIVE moved AS (
    SELECT DISTINCT named.stream, placed.deal
    FROM (
        SELECT DISTINCT ON (key) key, deal FROM key_place_{generation}
        WHERE position <= %(known)s ORDER BY key, position DESC
    ) placed JOIN deal_key named ON named.key = placed.key
    WHERE placed.deal <> 0 AND named.position <= %(known)s
),
above (stream, upper) AS (
    SELECT DISTINCT stream, stream FROM moved
    UNION
    SELECT above.stream, link.parent
    FROM above JOIN deal_link link ON link.child = above.upper AND link.position <= %(known)s
),
root (of, stream) AS (SELECT stream, min(upper) FROM above GROUP BY stream),
split AS (
    SELECT root.stream FROM root JOIN above ON above.stream = root.of
    WHERE EXISTS (
        SELECT FROM log
        WHERE log.stream = above.upper AND log.topic = 'deal.split.v1' AND log.position <= %(known)s
    )
)
SELECT DISTINCT root.stream, moved.deal
FROM moved JOIN root ON root.of = moved.stream
WHERE root.stream IN (SELECT stream FROM split)
