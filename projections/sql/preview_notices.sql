-- The types of milestones about the whole ledger of which two generations say something else, as known by a
-- position. Must never read a third generation.

SELECT topic
FROM (
    SELECT topic, fact, position, sign, state FROM notice_{old} WHERE position <= %(known)s
    UNION ALL SELECT topic, fact, position, -sign, state FROM notice_{new} WHERE position <= %(known)s
) both_sides
GROUP BY topic, fact, position, state
HAVING sum(sign) <> 0
ORDER BY topic
