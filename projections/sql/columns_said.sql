-- All that was said of the dimensions of deals up to a position: each value with the deals, positions and days that it
-- was said of, put end to end. A message for each row costs more than the row. Must never leave one out.

SELECT name, value, string_agg(int8send(deal) || int8send(position) || int4send(effective - date '1970-01-01'), '')
FROM deal_dimension_{generation} WHERE position <= %(upto)s
GROUP BY name, value
