-- Milestones that concern the whole ledger and are in force, as known by a position, in the order of recording.
-- Must never show one that was corrected or voided by then.

SELECT fact, topic, state
FROM notice_{generation}
WHERE position <= %(known)s AND topic = ANY(%(topics)s)
GROUP BY fact, topic, state
HAVING sum(sign) > 0
ORDER BY fact
