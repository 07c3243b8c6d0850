-- The kinds of objects that each source speaks of, by a position. Must never read every milestone: it goes from
-- one kind to the next by the index. The audit trail is no source's: it is left out.

WITH RECURSIVE kinds AS (
    (SELECT source, object FROM source_milestone ORDER BY source, object LIMIT 1)
    UNION ALL
    SELECT following.source, following.object
    FROM kinds, LATERAL (
        SELECT s.source, s.object FROM source_milestone s
        WHERE (s.source, s.object) > (kinds.source, kinds.object)
        ORDER BY s.source, s.object LIMIT 1
    ) following
)
SELECT source, object FROM kinds WHERE NOT starts_with(source, '/ledger/audit/') ORDER BY source, object
