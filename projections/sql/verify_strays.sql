-- The rows of one table of a generation that belong to no milestone of the log, so that no set comes by them:
-- brought about by a position that is not there or that the generation has not come to, or of a deal whose number
-- is no position of the log, whatever its sign; the first ones, whole. {table}, {deal} and {limit} are put in by
-- projections/verification.py. Must see generation and rows of one moment.

SELECT * FROM {table}_{generation} r
WHERE r.position > (SELECT position FROM generation WHERE id = %(generation)s)
    OR NOT EXISTS (SELECT FROM log WHERE log.position = r.position)
    OR NOT EXISTS (SELECT FROM log WHERE log.position = abs({deal}))
LIMIT {limit}
