-- Deals to which milestones were moved by a split, with the deal that those would belong to without it, as known
-- by a position. Must never show a move that was taken back.

WITH RECURSIVE moved AS (
    SELECT DISTINCT l.stream, m.deal
    FROM (
        SELECT DISTINCT ON (fact) fact, deal FROM fact_place_{generation}
        WHERE position <= %(known)s ORDER BY fact, position DESC
    ) m JOIN log l ON l.position = m.fact
    WHERE m.deal <> 0
),
above (stream, upper) AS (
    SELECT DISTINCT stream, stream FROM moved
    UNION
    SELECT above.stream, link.parent
    FROM above JOIN deal_link link ON link.child = above.upper AND link.position <= %(known)s
)
SELECT DISTINCT root.stream, moved.deal
FROM moved JOIN (SELECT stream AS of, min(upper) AS stream FROM above GROUP BY stream) root ON root.of = moved.stream
