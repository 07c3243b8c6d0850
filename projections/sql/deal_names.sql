-- What deals are called, as known by a position; those that became part of another have no name.
-- Must never show a name that was given later.

SELECT deal, name FROM (
    SELECT DISTINCT ON (deal) deal, name FROM deal_name_{generation}
    WHERE position <= %(known)s AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
    ORDER BY deal, position DESC
) named
WHERE name <> ''
