-- Names and dimensions of deals, to stand in for their tables in a restatement: a deal that has become part of
-- another keeps what it was called and grouped under until then. Its postings come to nothing from then on, so
-- what left it shows under its own name. Must be put before the CTEs of a statement that knows a position.

gone AS (
    SELECT deal, position FROM (
        SELECT DISTINCT ON (deal) deal, position, name FROM deal_name_{generation}
        WHERE position <= %(known)s ORDER BY deal, position DESC
    ) last WHERE name = ''
),
kept_name AS (
    SELECT t.* FROM deal_name_{generation} t
    WHERE NOT EXISTS (SELECT FROM gone WHERE gone.deal = t.deal AND gone.position = t.position)
),
kept_dimension AS (
    SELECT t.* FROM deal_dimension_{generation} t
    WHERE NOT EXISTS (SELECT FROM gone WHERE gone.deal = t.deal AND gone.position = t.position)
),
