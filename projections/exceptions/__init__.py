"""Exceptions: what somebody has to do something about, derived when asked (accounting.md section 6).

Nothing of it is stored: each is read from the journal, from what stands beside it, and from what did not get
into the log. Belongs here: which there are on a day as known by a position, and how they are being handled.
Does not belong here: what a milestone posts (projections/rules), how an answer is written (api/excepting).
"""
