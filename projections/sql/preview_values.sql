-- The values that deals are grouped by. Must read one generation only.

SELECT DISTINCT value FROM deal_dimension_{generation} WHERE value IS NOT NULL
