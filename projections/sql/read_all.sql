-- Every milestone up to a position whose set of streams falls to one worker, set by set, in the order of
-- recording within a set. {workers} and {worker} are whole numbers put in by the caller.

COPY (
    SELECT log.position, log.stream, log.topic, log.state
    FROM log LEFT JOIN together ON together.stream = log.stream
    WHERE log.position <= {upto}
      AND coalesce(together.root, log.stream) % {workers} = {worker}
    ORDER BY coalesce(together.root, log.stream), log.position
) TO STDOUT (FORMAT binary)
