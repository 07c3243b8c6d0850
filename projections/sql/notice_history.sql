-- Everything ever said and taken back about the whole ledger up to a position, in the order of becoming known.

SELECT position, fact, topic, state, sign
FROM notice_{generation}
WHERE position <= %(known)s AND topic = ANY(%(topics)s)
ORDER BY position, fact, sign
