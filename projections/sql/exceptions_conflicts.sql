-- Kept conflicts as known by a position, with the deal of the milestone on record. A conflict has no position: it
-- was known where it came before the first commit beyond. Must never follow a link that was found later.

WITH RECURSIVE beyond AS (
    SELECT min(recorded_at) AS recorded_at FROM log_commit WHERE last > %(known)s
),
kept AS (
    SELECT c.id, c.position, l.stream, c.event_id, c.digest, c.recorded_at
    FROM conflict c JOIN log l USING (position)
    WHERE c.position <= %(known)s
        AND c.recorded_at < coalesce((SELECT recorded_at FROM beyond), 'infinity')
),
up (stream, above) AS (
    SELECT DISTINCT stream, stream FROM kept
    UNION
    SELECT up.stream, deal_link.parent FROM up JOIN deal_link ON deal_link.child = up.above
    WHERE deal_link.position <= %(known)s
),
root AS (
    SELECT stream, min(above) AS deal FROM up GROUP BY stream
),
placed AS (
    SELECT DISTINCT ON (fact) fact, deal FROM fact_place_{generation}
    WHERE position <= %(known)s AND fact IN (SELECT position FROM kept)
    ORDER BY fact, position DESC
),
homes AS (
    -- cash that carries no deal's key has a negative number of its own
    SELECT kept.*, coalesce(
        nullif(placed.deal, 0),
        CASE WHEN EXISTS (SELECT FROM deal_name_{generation} n WHERE n.deal = root.deal) THEN root.deal
            ELSE -root.deal END
    ) AS deal
    FROM kept JOIN root USING (stream) LEFT JOIN placed ON placed.fact = kept.position
)
SELECT position, deal, event_id, digest, (extract(epoch FROM recorded_at) * 1000000)::bigint AS recorded
FROM homes
WHERE %(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s)
ORDER BY id
