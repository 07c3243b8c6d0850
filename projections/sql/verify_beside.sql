-- The rows of one table of a generation that were brought about by some milestones: of tables whose rows are of no
-- deal. {table} is put in by projections/verification.py. Must never leave out a row of those milestones.

SELECT * FROM {table}_{generation} WHERE position = ANY(%(positions)s::bigint[])
