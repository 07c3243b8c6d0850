-- The deal of a key by a position, where it is not simply that of the stream. Must never follow what was found later.

SELECT deal FROM key_place_{generation}
WHERE key = %(key)s AND position <= %(known)s
ORDER BY position DESC
LIMIT 1
