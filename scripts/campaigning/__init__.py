"""The property campaign: random stories against the laws of the ledger, for hours; see `__main__`."""
