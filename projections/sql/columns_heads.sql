-- The milestones of the log after a position, up to another, in order, with the system that sent each.
-- Must never leave one out.

SELECT l.position, l.topic, substring(i.source FROM '[^/]+/[^/]+$') AS system, l.state
FROM log l JOIN inbox i ON i.id = l.inbox
WHERE l.position > %(after)s AND l.position <= %(upto)s
ORDER BY l.position
