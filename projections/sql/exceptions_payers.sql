-- Which payments with no deal have a customer on a date, as known by a position.

SELECT deal, value
FROM (
    SELECT DISTINCT ON (deal) deal, value
    FROM (
        SELECT DISTINCT ON (deal, effective) deal, effective, value FROM deal_dimension_{generation}
        WHERE name = 'customer' AND position <= %(known)s AND effective <= %(at)s AND deal = ANY(%(own)s)
        ORDER BY deal, effective, position DESC
    ) said
    WHERE value IS NOT NULL
    ORDER BY deal, effective DESC
) named
