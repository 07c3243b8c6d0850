-- Orders with the milestone that first ordered something under their number.
-- Must never show one that was accepted outside of the window.

SELECT deal, number, done FROM (
    SELECT DISTINCT ON (deal, number) deal, number, fact AS done, effective
    FROM (
        SELECT deal, regexp_replace(line, '/[^/]*$', '') AS number, fact, min(effective) AS effective
        FROM posting_{generation}
        WHERE debit = 13 AND credit = 15 AND position <= %(known)s AND effective <= %(end)s
            AND (%(deals)s::bigint[] IS NULL OR deal = ANY(%(deals)s))
        GROUP BY deal, 2, fact
        HAVING sum(abs(amount)) > 0 AND sum(amount) <> 0
    ) said
    ORDER BY deal, number, effective, fact
) accepted
WHERE %(start)s::date IS NULL OR effective >= %(start)s
