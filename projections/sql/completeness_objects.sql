-- What was said, by a position, of the objects of one kind of a source in a span of days, or by milestones whose
-- content an amendment decides. Amendments themselves say nothing of an object.

SELECT native_id, position, topic, effective, by_time, instant, currency, amount
FROM source_milestone
WHERE source = %(source)s AND object = %(object)s AND position <= %(known)s
    AND topic NOT IN ('milestone.corrected.v1', 'milestone.voided.v1')
    AND effective BETWEEN %(first)s AND %(last)s
UNION
SELECT native_id, position, topic, effective, by_time, instant, currency, amount
FROM source_milestone
WHERE position = ANY(%(amended)s) AND source = %(source)s AND object = %(object)s AND position <= %(known)s
    AND topic NOT IN ('milestone.corrected.v1', 'milestone.voided.v1')
