-- When positions were recorded: the first position of each commit after one, up to another, in order.
-- Must never leave one out.

SELECT first, recorded_at FROM log_commit WHERE first > %(after)s AND first <= %(upto)s ORDER BY first
