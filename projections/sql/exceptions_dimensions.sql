-- The value of each dimension that deals have on a date, as known by a position. Must never show a value that
-- was withdrawn.

SELECT DISTINCT ON (deal, name) deal, name, value
FROM (
    SELECT DISTINCT ON (deal, name, effective) deal, name, effective, value FROM deal_dimension_{generation}
    WHERE position <= %(known)s AND effective <= %(at)s AND name = ANY(%(names)s) AND deal = ANY(%(of)s)
    ORDER BY deal, name, effective, position DESC
) said
WHERE value IS NOT NULL
ORDER BY deal, name, effective DESC
