-- The deals of some keys by a position, where they are not simply those of their streams; deal 0: they are again.
-- Must never follow what was found later.

SELECT DISTINCT ON (key) key, deal FROM key_place_{generation}
WHERE key = ANY(%(keys)s) AND position <= %(known)s
ORDER BY key, position DESC
