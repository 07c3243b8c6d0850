-- What is wrong with the log as a whole up to a position: gaps in the positions, commits that don't follow on one
-- another. Position and what is wrong with it; the first ones. Must read nothing but numbers.

(SELECT after + 1 AS position, 'the log has no milestone at positions ' || after + 1 || ' to ' || position - 1 AS wrong
FROM (SELECT position, lag(position, 1, 0::bigint) OVER (ORDER BY position) AS after FROM log
    WHERE position <= %(upto)s) numbered
WHERE position <> after + 1
ORDER BY position
LIMIT %(limit)s)
UNION ALL
(SELECT first, 'its commit does not follow on the one before, which ends at ' || after
FROM (SELECT first, lag(last, 1, 0::bigint) OVER (ORDER BY first) AS after, recorded_at,
        lag(recorded_at) OVER (ORDER BY first) AS before FROM log_commit) committed
WHERE first <= %(upto)s AND (first <> after + 1 OR recorded_at <= before)
ORDER BY first
LIMIT %(limit)s)
UNION ALL
(SELECT ends.position, 'the log ends at ' || ends.position || ', its commits at ' || ends.committed
FROM (SELECT (SELECT coalesce(max(position), 0) FROM log) AS position,
        (SELECT coalesce(max(last), 0) FROM log_commit) AS committed) ends
WHERE ends.position <> ends.committed)
