-- All milestones that were recorded within some days (UTC), each with when it was; but for the audit trail, which
-- no source has reported.
-- Must never read beyond the position that is known.

SELECT l.position, l.state, c.recorded_at
FROM log_commit c JOIN log l ON l.position BETWEEN c.first AND c.last
WHERE c.recorded_at < %(until)s AND (%(since)s::timestamptz IS NULL OR c.recorded_at >= %(since)s)
    AND c.first <= %(known)s AND l.position <= %(known)s AND l.topic <> 'audit.recorded.v1'
