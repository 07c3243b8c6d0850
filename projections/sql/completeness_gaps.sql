-- Numbers that are missing between those that the milestones of a source carry, by a position; of each subject by
-- itself where `by_subject`. A row a gap: the first and the last number missing, and the milestone after it.
-- Must never count a number before the first that is known.

WITH numbered AS (
    SELECT CASE WHEN %(by_subject)s THEN object || '/' || native_id ELSE '' END AS subject, number,
        min(position) AS position
    FROM source_milestone
    WHERE source = %(source)s AND number IS NOT NULL AND position <= %(known)s
    GROUP BY 1, 2
),
follow AS (
    SELECT subject, number, position, lag(number) OVER (PARTITION BY subject ORDER BY number) AS before
    FROM numbered
)
SELECT subject, before + 1, number - 1, position
FROM follow
WHERE number > before + 1
ORDER BY subject, number
