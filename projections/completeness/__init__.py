"""Completeness: what the ledger has of a source's objects, compared with what the source says it has.

Belongs here: which objects of a source the ledger knows, and what each is worth; control totals and how they
compare; days that are attested. Does not belong here: when a difference becomes an exception (projections/
exceptions/feeding), asking a source (adapters/feeds), what a milestone posts (projections/rules).
"""
