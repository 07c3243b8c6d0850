-- The public names of deals as known by a position.

SELECT DISTINCT ON (deal) deal, name FROM deal_name_{generation}
WHERE position <= %(known)s AND deal = ANY(%(of)s)
ORDER BY deal, position DESC
