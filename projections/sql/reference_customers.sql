-- Customers of deals on a date, as known by a position: the first milestone that named each, its system and day,
-- how many deals. Merged ones stand under their own name. Must never show one that a deal no longer has.

WITH told AS (
    SELECT DISTINCT ON (deal, effective) deal, effective, value FROM deal_dimension_{generation}
    WHERE name = 'customer' AND position <= %(known)s
        AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    ORDER BY deal, effective, position DESC
),
current AS (
    SELECT DISTINCT ON (deal) deal, value FROM told
    WHERE effective <= %(at)s AND value IS NOT NULL
    ORDER BY deal, effective DESC
),
firsts AS (
    SELECT DISTINCT ON (value) value, position, effective FROM deal_dimension_{generation}
    WHERE name = 'customer' AND position <= %(known)s AND value IS NOT NULL
    ORDER BY value, effective, position
)
SELECT substring(i.source FROM '[^/]+/[^/]+$') AS system, c.value, f.position AS first, f.effective AS since, count(*) AS deals
FROM current c JOIN firsts f USING (value) JOIN log l ON l.position = f.position JOIN inbox i ON i.id = l.inbox
GROUP BY system, c.value, f.position, f.effective
ORDER BY c.value
