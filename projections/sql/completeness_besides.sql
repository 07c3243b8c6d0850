-- What was said, by a position, of some objects of one kind of a source outside of a span of days. The list of ids
-- must stay a parameter: as a join it is gone through for each row where the table has no statistics yet.

SELECT native_id, position, topic, effective, by_time, instant, currency, amount
FROM source_milestone
WHERE source = %(source)s AND object = %(object)s AND native_id = ANY(%(ids)s) AND position <= %(known)s
    AND topic NOT IN ('milestone.corrected.v1', 'milestone.voided.v1')
    AND effective NOT BETWEEN %(first)s AND %(last)s
