"""Proving a bundle and a report offline: what an auditor's `cairn verify` does, with no ledger at hand.

Belongs here: what has to be true, found out from the files alone. Does not belong here: the forms of bundles
(adapters/bundles), the arithmetic of trees and notes (domain/merkle.py, domain/notes.py).
"""
