-- The deals that may be grouped otherwise since a position: each with the last milestone after it, up to another,
-- that named the deal anew, gave it a dimension, joined it to another one or took it out of one.
-- Must read one generation only.

SELECT deal, max(position) AS position
FROM (
    SELECT deal, position FROM deal_name_{generation}
    WHERE position > %(after)s AND position <= %(known)s
    UNION ALL
    SELECT deal, position FROM deal_dimension_{generation}
    WHERE position > %(after)s AND position <= %(known)s AND name = ANY(%(dimensions)s::text[])
    UNION ALL
    SELECT x.deal, link.position
    FROM deal_link link CROSS JOIN LATERAL (VALUES (link.child), (link.parent)) x (deal)
    WHERE link.position > %(after)s AND link.position <= %(known)s
    UNION ALL
    SELECT place.deal, place.position FROM fact_place_{generation} place
    WHERE place.position > %(after)s AND place.position <= %(known)s AND place.deal <> 0
) touched
GROUP BY deal
