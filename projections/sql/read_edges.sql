-- What makes streams belong together after a position, up to another: links make one deal of two, crossings
-- only mean that two deals share a payment.

SELECT position, child, parent, true AS one_deal FROM deal_link
WHERE position > %(after)s AND position <= %(upto)s
UNION ALL
SELECT position, stream_a, stream_b, false FROM payment_crossing
WHERE position > %(after)s AND position <= %(upto)s
ORDER BY position
