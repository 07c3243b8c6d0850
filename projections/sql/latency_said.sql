-- Orders submitted, and everything that corrects or voids another milestone, as recorded up to a position.
-- Must never read a milestone of another type.

SELECT position, stream, topic, state FROM log
WHERE position <= %(known)s
    AND topic IN ('order.submitted.v1', 'milestone.corrected.v1', 'milestone.voided.v1')
ORDER BY position
