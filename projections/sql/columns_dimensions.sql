-- What was said of the dimensions of deals after a position, up to another. Must never leave one out.

SELECT deal, position, effective - date '1970-01-01', name, value FROM deal_dimension_{generation}
WHERE position > %(after)s AND position <= %(upto)s
