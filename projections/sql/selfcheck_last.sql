-- What the self-check kept last, with the time, day and position of the last check that came to the same.
-- Must never give an outcome another generation's position.

SELECT kept.generation, coalesce(made.position, kept.position), coalesce(made.at, kept.at), kept.breaches,
    coalesce(made.checked_at, kept.checked_at), coalesce(made.rest, 0)
FROM (SELECT * FROM self_check ORDER BY id DESC LIMIT 1) kept
LEFT JOIN last_check made ON made.generation = kept.generation AND made.checked_at >= kept.checked_at
