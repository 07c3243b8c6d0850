-- Reading the log as the event sourcing library asks for it. These statements must never write.

-- name: select_events
SELECT stream, version, topic, state, position, inbox, identity, digest FROM log
WHERE stream = %(stream)s AND version > %(after)s AND version <= %(last)s
ORDER BY version LIMIT %(limit)s

-- name: select_events_descending
SELECT stream, version, topic, state, position, inbox, identity, digest FROM log
WHERE stream = %(stream)s AND version > %(after)s AND version <= %(last)s
ORDER BY version DESC LIMIT %(limit)s

-- name: select_notifications
SELECT position, stream, version, topic, state FROM log
WHERE position >= %(first)s AND position <= %(last)s
ORDER BY position LIMIT %(limit)s

-- name: select_notifications_of_topics
SELECT position, stream, version, topic, state FROM log
WHERE position >= %(first)s AND position <= %(last)s AND topic = ANY (%(topics)s)
ORDER BY position LIMIT %(limit)s

-- name: max_notification_id
SELECT max(position) FROM log
