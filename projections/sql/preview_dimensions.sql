-- What deals are grouped by, as known by a position, in numbers of fixed length: names and values by their place
-- in the lists given, from 1 on; 0: withdrawn. Must never leave out a row, nor read another generation.

SELECT d.deal, d.position, d.effective, (array_position({names}::text[], d.name))::int, coalesce(v.code, 0)::int
FROM deal_dimension_{generation} d
LEFT JOIN unnest({values}::text[]) WITH ORDINALITY AS v (value, code) ON v.value = d.value
WHERE d.position <= {known} AND d.name = ANY({names}::text[])
