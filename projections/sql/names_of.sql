-- What deals are called as known by a position; one that has become part of another, what it was called last.
-- Must read one generation only.

SELECT DISTINCT ON (deal) deal, name FROM deal_name_{generation}
WHERE deal = ANY(%(deals)s::bigint[]) AND position <= %(known)s AND name <> ''
ORDER BY deal, position DESC
