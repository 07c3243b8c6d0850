"""Whether a list of a source moves on from page to page, so that its end is an end and there is one.

Belongs here: what of the pages of one sweep is remembered, and what they must not do. Does not belong here:
how pages are asked for (asking.py, paging.py), what becomes of a poll that breaks off (polling.py).

A parameter that the source does not know is mostly passed over without a word: then it gives its first page
again and again. Taken for the end, that would be a list called complete after one page; followed, one without
an end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Final

from adapters.feeds.clients import ListStands, Page

#: Pages without a record that may follow each other, as of lists that are filtered after they were cut.
MOST_EMPTY: Final = 100
_MEND: Final = "check `cursor_parameter`, `paging` and `first` of the object"


class Turning:
    """The pages of one sweep through a list, from its beginning or from a place in it on."""

    def __init__(self, place: str | None = None) -> None:
        self._places: set[int] = set() if place is None else {hash(place)}
        self._before: bytes | None = None
        self._empty = 0

    def turn(self, page: Page) -> Page:
        """The page, where the list moves on with it. Raises ListStands, before anything of it is taken."""
        digest = _digest(page)
        if digest is not None and digest == self._before and not page.is_anew:
            raise ListStands(f"gives the same page again: {_MEND}; after the last page it must give none")
        self._before = digest
        self._empty = 0 if page.records else self._empty + 1
        if page.next is None:
            return page
        if hash(page.next) in self._places:
            raise ListStands(f"names a page that it has given before, so its list has no end: {_MEND}")
        self._places.add(hash(page.next))
        if self._empty >= MOST_EMPTY:
            raise ListStands(f"has given {MOST_EMPTY} pages without a record, and names more: {_MEND}")
        return page


def every_record(page_at: Callable[[str | None], Page]) -> Iterator[bytes]:
    """The records of a list, page by page to its end. page_at: from a place in it on; None: its beginning.

    Raises ListStands, and what `page_at` raises.
    """
    place: str | None = None
    turning = Turning()
    while True:
        page = turning.turn(page_at(place))
        yield from page.records
        if page.next is None:
            return
        place = page.next


def _digest(page: Page) -> bytes | None:
    """Tells pages apart by their records; None of an empty one."""
    if not page.records:
        return None
    found = sha256()
    for record in page.records:
        found.update(len(record).to_bytes(8))
        found.update(record)
    return found.digest()
