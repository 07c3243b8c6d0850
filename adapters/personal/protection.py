"""Personal data as the way in knows it: which values are, and where they are kept.

Belongs here: putting the two together for one process. Does not belong here: either of them (marking.py,
vault.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from adapters.personal.marking import PERSONAL_HEADER, Marks
from adapters.personal.vault import Vault
from domain.arrivals import Prepared


class Protection(NamedTuple):
    """marks: None where there are no rules (any more), and what was sealed before can still be opened."""

    marks: Marks | None
    vault: Vault

    def keep(self, items: Sequence[Prepared]) -> None:
        """Have on disk what the tokens of these stand for. Raises PersistenceError."""
        values = [one for item in items if item.accepted.personal for one in item.accepted.personal]
        if values:
            self.vault.keep(values)


def mark_of(headers: str | None) -> str | None:
    """What kept headers say of the payload: that tokens stand in it, or in place of all of it; else None."""
    if headers is None or PERSONAL_HEADER not in headers:
        return None
    found: str | None = msgspec.json.decode(headers).get(PERSONAL_HEADER)
    return found
