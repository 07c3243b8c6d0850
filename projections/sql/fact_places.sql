-- The milestones whose deal is not simply that of their stream, by a position: those of one deal, and of those of
-- some streams the ones that have gone to another. Must never follow what was found later.

SELECT fact, deal
FROM (
    SELECT DISTINCT ON (fact) fact, deal
    FROM fact_place_{generation}
    WHERE position <= %(known)s AND fact IN (
        SELECT fact FROM fact_place_{generation} WHERE deal = %(deal)s
        UNION ALL SELECT position FROM log WHERE stream = ANY(%(streams)s)
    )
    ORDER BY fact, position DESC
) placed
WHERE deal <> 0
