-- What some milestones say of the whole ledger, from the live generation to one that is built, up to a position.
-- Must never be run between tables of other columns.

INSERT INTO notice_{generation}
SELECT * FROM notice_{source}
WHERE topic = ANY(%(topics)s) AND fact = ANY(%(facts)s::bigint[]) AND position <= %(upto)s
