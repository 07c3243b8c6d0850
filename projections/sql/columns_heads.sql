-- The milestones of the log after a position, up to another, in order. Must never leave one out.

SELECT position, topic, state FROM log WHERE position > %(after)s AND position <= %(upto)s ORDER BY position
