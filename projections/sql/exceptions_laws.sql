-- What the latest self-check of a generation found, as known by a position, each breach with when the first check
-- in a row was that found the same. Must never show what a later check found to hold.

WITH checks AS (
    SELECT id, checked_at, breaches FROM self_check
    WHERE generation = substr('{generation}', 2)::integer AND position <= %(known)s
),
latest AS (
    SELECT id, breaches FROM checks ORDER BY id DESC LIMIT 1
),
broken AS (
    SELECT breach FROM latest, jsonb_array_elements(latest.breaches) AS breach
)
SELECT b.breach, (extract(epoch FROM (
        SELECT min(c.checked_at) FROM checks c
        WHERE c.id > coalesce((
            SELECT max(held.id) FROM checks held
            WHERE NOT EXISTS (
                SELECT FROM jsonb_array_elements(held.breaches) AS other
                WHERE other ->> 'law' = b.breach ->> 'law'
                    AND other ->> 'deal' IS NOT DISTINCT FROM b.breach ->> 'deal'
                    AND other ->> 'currency' IS NOT DISTINCT FROM b.breach ->> 'currency'
            )
        ), 0)
    )) * 1000000)::bigint AS since
FROM broken b
ORDER BY b.breach ->> 'law', b.breach ->> 'deal', b.breach ->> 'currency'
