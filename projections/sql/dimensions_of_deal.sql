-- Every dimension of one deal on a date, as known by a position, as reports group by it. Must never show a value
-- that begins later or was withdrawn.

SELECT DISTINCT ON (name) name, value
FROM (
    SELECT DISTINCT ON (name, effective) name, effective, value FROM deal_dimension_{generation}
    WHERE deal = %(deal)s AND position <= %(known)s AND effective <= %(at)s
    ORDER BY name, effective, position DESC
) said
WHERE value IS NOT NULL
ORDER BY name, effective DESC
