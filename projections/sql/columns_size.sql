-- How many pages the journal of a generation has, how many rows about, and its position. Must never scan it.

SELECT pg_relation_size('posting_{generation}') / current_setting('block_size')::int,
    greatest(0, (SELECT reltuples FROM pg_class WHERE oid = 'posting_{generation}'::regclass))::bigint,
    (SELECT position FROM generation WHERE id = %(id)s)
