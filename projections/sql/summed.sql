-- The measures of report.sql by group, and within what they are netted, added up. Goes on where report.sql ends.
-- Must never show a row without an amount.

, summed AS (
    SELECT n{outer_groups}, currency, {outer_measures}
    FROM measured
    GROUP BY n{outer_groups}, currency
    HAVING {not_zero}
)
