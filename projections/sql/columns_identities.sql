-- Where milestones of some identities stand in the log, up to a position. Must never read what was not asked for.

SELECT position, identity FROM log WHERE identity = ANY(%(identities)s::uuid[]) AND position <= %(upto)s
