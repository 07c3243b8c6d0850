-- The public names of some deals from position to position, up to one; "" where a deal became part of another.
-- Must read one generation only.

SELECT deal, position, name FROM deal_name_{generation}
WHERE deal = ANY(%(deals)s::bigint[]) AND position <= %(known)s
ORDER BY position
