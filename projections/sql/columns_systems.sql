-- The systems that sent the milestones after a position, up to another, in order. Must never leave one out.

SELECT substring(i.source FROM '[^/]+/[^/]+$') AS system
FROM log l JOIN inbox i ON i.id = l.inbox
WHERE l.position > %(after)s AND l.position <= %(upto)s
ORDER BY l.position
