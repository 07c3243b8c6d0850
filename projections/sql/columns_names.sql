-- The names of deals that became known after a position, up to another. Must never leave one out.

SELECT deal, position, name FROM deal_name_{generation}
WHERE position > %(after)s AND position <= %(upto)s
