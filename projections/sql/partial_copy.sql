-- The rows of some deals in one table, from the live generation to one that is built, up to a position.
-- Must never be run between tables of other columns.

INSERT INTO {table}_{generation}
SELECT * FROM {table}_{source} WHERE deal = ANY(%(deals)s::bigint[]) AND position <= %(upto)s
