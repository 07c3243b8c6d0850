-- What of an interval's amount is earned by the end of a day within it, by days (accounting.md 3b).
-- Must be used for days from the interval's first to its last only. {day} is put in by projections/statements.py.

round(p.amount::numeric * ({day} - p.span_start + 1) / (p.span_end - p.span_start + 1))::bigint
