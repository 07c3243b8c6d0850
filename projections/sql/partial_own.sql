-- Which numbers are those of payments' own deals. Every deal has a name from its first milestone on, be it empty.
-- Must never leave one out.

SELECT DISTINCT deal FROM deal_name_{source} WHERE deal = ANY(%(own)s::bigint[]) AND position <= %(upto)s
