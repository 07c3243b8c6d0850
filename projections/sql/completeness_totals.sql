-- Control totals as known by a position.

SELECT position FROM source_milestone
WHERE topic = 'control_total.reported.v1' AND position <= %(known)s
ORDER BY position
