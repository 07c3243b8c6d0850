"""The audit bundle: one file that an auditor takes home, and that verifies with no database at hand.

Belongs here: the container, what each member holds, writing it from the log and reading it strictly. Does not
belong here: what a bundle has to prove (api/proving), who may have one (api/exporting.py).
"""
