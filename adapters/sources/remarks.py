"""What is to be said of files beside their records: members passed over, columns that nobody reads.

Belongs here: saying it, and hearing it. Does not belong here: whatever makes a file or a record unreadable;
that is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

#: Remarks that are kept of one reading; of many files the first ones tell.
MOST: Final = 100

_heard: Final[ContextVar[list[str] | None]] = ContextVar("remarks", default=None)


def remark(text: str) -> None:
    """Say something of a file to whoever has it read. It names places and never repeats values of records."""
    heard = _heard.get()
    if heard is not None and len(heard) < MOST and text not in heard:
        heard.append(text)


@contextmanager
def listening(heard: list[str]) -> Iterator[None]:
    """Hear the remarks of what is read meanwhile, in order."""
    token = _heard.set(heard)
    try:
        yield
    finally:
        _heard.reset(token)
