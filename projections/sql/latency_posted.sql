-- Which milestones posted in which of some deals, as known by a position. Must never name a deal twice for one.

SELECT DISTINCT deal, fact FROM posting_{generation}
WHERE position <= %(known)s AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
