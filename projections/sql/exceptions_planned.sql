-- The first planned day that is not covered by what was billed, line by line, and the milestones that planned it.
-- Must never read a plan that was not known on the date.

WITH asked AS (
    SELECT * FROM unnest(%(deal)s::bigint[], %(currency)s::text[], %(line)s::text[], %(billed)s::numeric[])
        AS a (deal, currency, line, billed)
),
planned AS (
    SELECT a.deal, a.currency, a.line, a.billed, p.effective, p.fact,
        sum(CASE WHEN p.credit = 75 THEN p.amount ELSE -p.amount END) AS net
    FROM asked a
    JOIN posting_{generation} p ON p.deal = a.deal AND p.currency = a.currency AND coalesce(p.line, '') = a.line
    WHERE p.position <= %(known)s AND p.stated <= %(at)s AND p.effective <= %(at)s
        AND (p.debit = 75 OR p.credit = 75)
    GROUP BY a.deal, a.currency, a.line, a.billed, p.effective, p.fact
    HAVING sum(CASE WHEN p.credit = 75 THEN p.amount ELSE -p.amount END) <> 0
),
days AS (
    SELECT deal, currency, line, billed, effective, array_agg(fact ORDER BY fact) AS facts,
        sum(sum(net)) OVER (PARTITION BY deal, currency, line ORDER BY effective) AS planned
    FROM planned
    GROUP BY deal, currency, line, billed, effective
)
SELECT DISTINCT ON (deal, currency, line) deal, currency, line, effective, facts
FROM days
WHERE planned > billed
ORDER BY deal, currency, line, effective
