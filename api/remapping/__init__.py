"""What stored bytes come to by a changed mapping: shown beforehand, and then applied.

Belongs here: which milestones would differ, and the corrections that make them so. Does not belong here:
what a mapping is (adapters/sources/mapping), reading bytes (adapters/preparing.py), what a correction does
to the books (projections).
"""
