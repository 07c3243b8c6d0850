-- Keep what a self-check came to, unless the last one of the same generation came to the same within the hour.
-- Must never change or take away a row.

INSERT INTO self_check (generation, position, at, breaches)
SELECT %(generation)s, %(position)s, %(at)s, %(breaches)s::jsonb
WHERE NOT EXISTS (
    SELECT FROM (SELECT * FROM self_check ORDER BY id DESC LIMIT 1) last
    WHERE last.generation = %(generation)s AND last.breaches = %(breaches)s::jsonb
      AND last.checked_at > clock_timestamp() - make_interval(secs => %(keep)s)
)
RETURNING id
