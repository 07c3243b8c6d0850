"""What can happen, and what the ledger makes of it on arrival. Pure: no IO, no clock, no random."""
