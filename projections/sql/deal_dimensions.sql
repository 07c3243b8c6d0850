-- The value of a dimension that each deal has on a date, as known by a position.
-- Must never show one that begins later or was withdrawn.

SELECT DISTINCT ON (deal) deal, value
FROM (
    SELECT DISTINCT ON (deal, effective) deal, effective, value FROM deal_dimension_{generation}
    WHERE name = %(name)s AND position <= %(known)s
    ORDER BY deal, effective, position DESC
) said
WHERE effective <= %(at)s AND value IS NOT NULL
ORDER BY deal, effective DESC
