-- The months in which something was recorded, up to a position: a day of each, and its last position.
-- Must never read more than the commits of the log.

SELECT (date_trunc('month', max(recorded_at) AT TIME ZONE 'UTC'))::date AS month, max(last) AS last
FROM log_commit
WHERE first <= %(known)s
GROUP BY date_trunc('month', recorded_at AT TIME ZONE 'UTC')
ORDER BY 1
