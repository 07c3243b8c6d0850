-- Note how far the self-check has come with comparing the journal with the log. Must never touch another table.

INSERT INTO check_round (generation, next, milestones, began_at, checked_at, completed_at, broken)
VALUES (%(generation)s, %(next)s, %(milestones)s, %(began_at)s, %(checked_at)s, %(completed_at)s, %(broken)s::jsonb)
ON CONFLICT (one) DO UPDATE SET generation = excluded.generation, next = excluded.next,
    milestones = excluded.milestones, began_at = excluded.began_at, checked_at = excluded.checked_at,
    completed_at = excluded.completed_at, broken = excluded.broken
