-- What is expected of each feed, by a position: the last configuration that was there before the first commit
-- beyond it; and when the feed last brought anything before a moment, of earlier days to the day.

SELECT DISTINCT ON (e.feed) e.feed, e.speaks, e.every, e.dense,
    (extract(epoch FROM e.configured_at) * 1000000)::bigint AS since,
    (extract(epoch FROM CASE
        WHEN s.last_message_at < to_timestamp(%(before)s / 1000000.0) THEN s.last_message_at
        ELSE (
            SELECT (max(t.day) + 1)::timestamp AT TIME ZONE 'UTC' FROM feed_tally t
            WHERE t.feed = e.feed AND t.outcome <> 'rejected' AND t.day <= %(at)s
        )
    END) * 1000000)::bigint AS heard
FROM feed_expectation e LEFT JOIN feed_state s ON s.feed = e.feed
WHERE e.configured_at < coalesce(
    (SELECT min(recorded_at) FROM log_commit WHERE last > %(known)s), 'infinity')
ORDER BY e.feed, e.id DESC
