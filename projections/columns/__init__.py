"""The journal of one generation as columns in memory, from which reports are read without the database.

Belongs here: loading and following the journal (loading, keeping), its texts and deals (texts, deals),
reading a report off it (asking, scanning, spans, netting, answering). SQL (projections/statements) says the
same and stays the reference: whatever columns can't answer exactly, they leave to it. Does not belong here:
what a measure is, threads, settings.

Nothing of this package is imported where reports are not served from memory: it needs numpy.
"""
