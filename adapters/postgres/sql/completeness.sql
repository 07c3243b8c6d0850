-- Runs of reconciling, and what is expected of feeds. These statements must never change or remove a row.

-- name: insert_reconciliation
INSERT INTO reconciliation (source, object, first_day, last_day, told_by, outcome, result, total, began_at)
VALUES (%(source)s, %(object)s, %(first)s, %(last)s, %(told_by)s, %(outcome)s, %(result)s, %(total)s, %(began_at)s)
RETURNING id

-- name: runs
-- The latest run of each source, kind of object and span, newest first.
SELECT DISTINCT ON (source, object, first_day, last_day)
    id, source, object, first_day, last_day, told_by, outcome, total, ended_at
FROM reconciliation
WHERE last_day >= %(first)s AND first_day <= %(last)s
ORDER BY source, object, first_day, last_day, id DESC

-- name: kinds_told
-- The kinds of objects that somebody who speaks for a source has spoken of.
SELECT DISTINCT source, object FROM reconciliation WHERE told_by = %(told_by)s

-- name: expectations
SELECT DISTINCT ON (feed) feed, speaks, every, dense FROM feed_expectation ORDER BY feed, id DESC

-- name: insert_expectation
INSERT INTO feed_expectation (feed, speaks, every, dense) VALUES (%s, %s, %s, %s)
