-- The milestones at some positions, and whether each joined two deals. Must never read more than the log holds.

SELECT log.position, log.topic, log.state,
    EXISTS (SELECT FROM deal_link WHERE deal_link.position = log.position) AS joins
FROM log
WHERE log.position = ANY(%(positions)s::bigint[])
