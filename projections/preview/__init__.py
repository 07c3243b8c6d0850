"""What a promotion would change: two generations compared cell by cell, and what lies behind it.

Both journals are folded to what every view reports, by month of effect and by dimension, and as it was known
at the end of every month of recording; cells that differ are kept. Belongs here: the comparison. Does not
belong here: how it is written or shown (api/previewing), building and promoting (projections/rebuild).
"""
