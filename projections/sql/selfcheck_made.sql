-- Note when the books were checked last, and up to where. Must never say what the check came to.

INSERT INTO last_check (checked_at, generation, position, at, rest)
VALUES (clock_timestamp(), %(generation)s, %(position)s, %(at)s, %(rest)s)
ON CONFLICT (one) DO UPDATE SET checked_at = excluded.checked_at, generation = excluded.generation,
    position = excluded.position, at = excluded.at, rest = excluded.rest
