-- A view over the journal of one generation: what its postings, known by a position, come to in each window.
-- Must never read the log, another generation, or a posting beyond the position.
-- {braces} are put in by projections/statements.py from its own lists, never from a request; values are bound.

WITH windows (n, start_day, end_day) AS (
    SELECT * FROM unnest(%(window)s::int[], %(start)s::date[], %(end)s::date[])
),
{ctes}
cells AS (
    SELECT w.n{groups_inner}, {currency} AS currency, p.debit, p.credit{bucket_column},
        sum(v.ve) AS ve, sum(v.ve - v.vs) AS vd{beyond_column}
    FROM windows w
    JOIN {posting} p ON p.{counts_from} <= w.end_day {in_window}
    {joins}
{counted}
    GROUP BY w.n{groups_numbers}, {currency}, p.debit, p.credit{bucket_group}
),
measured AS (
    SELECT n{groups}, currency, {measures}
    FROM cells
    GROUP BY n{groups}, currency
)
