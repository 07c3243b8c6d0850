-- When each source was last heard of before a moment, as known by a position: its latest milestone in the log,
-- with when it was recorded, and when a message of it last came that could not be understood. A control total is no
-- sign of a feed that runs; the audit trail is no source's. Must never read every milestone: it goes from one source to
-- the next by the index.

WITH RECURSIVE sources AS (
    (SELECT source FROM source_milestone ORDER BY source LIMIT 1)
    UNION ALL
    SELECT (SELECT s.source FROM source_milestone s WHERE s.source > sources.source ORDER BY s.source LIMIT 1)
    FROM sources WHERE sources.source IS NOT NULL
),
seen AS (
    SELECT least(%(known)s, coalesce((
        SELECT last FROM log_commit WHERE recorded_at < to_timestamp(%(before)s / 1000000.0)
        ORDER BY recorded_at DESC LIMIT 1
    ), 0)) AS position
),
latest AS (
    SELECT sources.source, (
        SELECT max(s.position) FROM source_milestone s
        WHERE s.source = sources.source AND s.position <= seen.position
            AND s.topic <> 'control_total.reported.v1'
    ) AS position
    FROM sources, seen WHERE NOT starts_with(sources.source, '/ledger/audit/')
),
waiting AS (
    SELECT source, max(received_at) AS received_at FROM quarantine
    WHERE NOT starts_with(source, '/ledger/audit/') AND received_at < to_timestamp(%(before)s / 1000000.0)
        AND received_at < coalesce(
            (SELECT min(recorded_at) FROM log_commit WHERE last > %(known)s), 'infinity')
    GROUP BY source
)
SELECT coalesce(latest.source, waiting.source), latest.position,
    (extract(epoch FROM greatest(
        (SELECT recorded_at FROM log_commit WHERE first <= latest.position ORDER BY first DESC LIMIT 1),
        waiting.received_at
    )) * 1000000)::bigint
FROM latest FULL JOIN waiting ON waiting.source = latest.source
WHERE latest.position IS NOT NULL OR waiting.received_at IS NOT NULL
