-- The rows of one table of a generation that belong to some deals. {table} is put in by projections/verification.py.
-- Must never leave out a row of those deals.

SELECT * FROM {table}_{generation} WHERE deal = ANY(%(deals)s::bigint[]) AND position <= %(upto)s
