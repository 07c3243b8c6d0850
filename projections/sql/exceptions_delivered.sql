-- What was delivered or activated of some lines, and the first milestones of it that are not covered by what was
-- billed. Must never count what is earned by time.

WITH asked AS (
    SELECT * FROM unnest(%(deal)s::bigint[], %(currency)s::text[], %(line)s::text[], %(billed)s::numeric[])
        AS a (deal, currency, line, billed)
),
moves AS (
    SELECT a.deal, a.currency, a.line, a.billed, p.effective, p.fact,
        sum(CASE WHEN p.credit = 53 THEN p.amount ELSE -p.amount END) AS net
    FROM asked a
    JOIN posting_{generation} p ON p.deal = a.deal AND p.currency = a.currency AND coalesce(p.line, '') = a.line
    WHERE p.position <= %(known)s AND p.effective <= %(at)s
        AND ((p.debit = 52 AND p.credit = 53) OR (p.debit = 53 AND p.credit IN (52, 54, 55)))
    GROUP BY a.deal, a.currency, a.line, a.billed, p.effective, p.fact
    HAVING sum(CASE WHEN p.credit = 53 THEN p.amount ELSE -p.amount END) <> 0
),
days AS (
    SELECT deal, currency, line, billed, effective, array_agg(fact ORDER BY fact) AS facts,
        sum(sum(net)) OVER (PARTITION BY deal, currency, line ORDER BY effective) AS delivered,
        sum(sum(net)) OVER (PARTITION BY deal, currency, line) AS final
    FROM moves
    GROUP BY deal, currency, line, billed, effective
)
SELECT DISTINCT ON (deal, currency, line) deal, currency, line, final, facts
FROM days
WHERE delivered > billed AND final > billed
ORDER BY deal, currency, line, effective
