"""Where a list of a source goes on: next links, cursors, offsets and page numbers.

Belongs here: the place in a list, as text that a cursor's row can hold, and the place after an answer. Does
not belong here: requests (asking.py).

Lists by offset shift while they are read: what changes moves to their end, and what follows moves up. So
pages overlap by one record, whose id is remembered; where it is not found again, the list has shifted, and
the page before is read once more. What comes in twice is a duplicate.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

from adapters.feeds import answers
from adapters.feeds.clients import ListStands, PageLost, SourceRefused
from adapters.feeds.sections import ClientObject

#: Shifts of one list after which it is taken to be in no order at all.
MOST_SHIFTS: Final = 200


class Place(NamedTuple):
    """A place in a list. All but one of link, cursor and number are None, or all at its beginning.

    anchor: the id of the record that the page of this number should begin with, and shifts how often it was
    another; lists by offset only. since: the moment at which a list was begun anew because it was too long.
    """

    link: str | None = None
    cursor: str | None = None
    number: int | None = None
    anchor: str | None = None
    shifts: int = 0
    since: int | None = None

    @classmethod
    def read(cls, text: str | None, asked: ClientObject) -> Self:
        """A place from its text. Raises PageLost where it is none of this kind of list."""
        if text is None:
            return cls(number=_first(asked)) if asked.paging in ("offset", "page") else cls()
        try:
            place = cls(*json.loads(text))
        except (ValueError, TypeError):
            raise PageLost("has a page noted that can't be read") from None
        fits = {
            "next_link": place.link is not None,
            "cursor": place.cursor is not None or place.since is not None,
            "offset": place.number is not None,
            "page": place.number is not None,
            "none": False,
        }[asked.paging]
        if not fits:
            raise PageLost("is set up for another paging than when the page was noted")
        return place

    @property
    def text(self) -> str:
        """What `read` reads."""
        return json.dumps(list(self))

    @property
    def values(self) -> dict[str, str]:
        """What stands for `{cursor}` and `{offset}`."""
        return {
            "cursor": self.cursor or "",
            "offset": "" if self.number is None else str(self.number),
        }

    def parameters(self, asked: ClientObject) -> dict[str, str]:
        """The query parameter that asks for this place."""
        if asked.cursor_parameter is None or (self.cursor is None and self.number is None):
            return {}
        return {asked.cursor_parameter: self.cursor if self.cursor is not None else str(self.number)}


class After(NamedTuple):
    """The records of a page that count, and the place after it; None at the end."""

    records: Sequence[bytes]
    place: Place | None


def _first(asked: ClientObject) -> int:
    if asked.first is not None:
        return asked.first
    return 0 if asked.paging == "offset" else 1


def next_place(
    asked: ClientObject,
    place: Place,
    answer: bytes,
    records: Sequence[bytes],
    last_id: str | None,
    highest: int | None,
    size: int,
) -> After:
    """What follows on an answer.

    last_id: the id of its last record. highest: the latest change on it. size: records asked for at a time.

    A list by offset or number ends at the first page that brings nothing new: a source may give fewer records
    a page than it is asked for. One by cursor or link ends where no next page is named; one that names the
    page again that was asked for has not moved on, unless `last_page` says that this is how it ends. Raises
    ListStands.
    """
    if asked.paging == "none":
        return After(records, None)
    if asked.paging in ("next_link", "cursor"):
        assert asked.cursor is not None, "checked when it was read"
        found = answers.text_at(answers.tree_of(answer), asked.cursor)
        is_same = found is not None and found in (place.link, place.cursor)
        if found is None or (is_same and asked.last_page == "same_cursor"):
            return After(records, None)
        if is_same:
            raise ListStands("gives the same page again: check `cursor_parameter` of the object")
        if asked.paging == "next_link":
            return After(records, Place(link=found))
        return After(records, _within(asked, Place(cursor=found, since=place.since), highest))
    assert place.number is not None, "lists by number begin with one"
    if asked.paging == "page":
        return After(records, Place(number=place.number + 1) if records else None)
    return _after_offset(asked, place, records, last_id, size)


def _within(asked: ClientObject, place: Place, highest: int | None) -> Place:
    """The place, or the list begun anew where a source gives no more of it than so many."""
    number = place.cursor or ""
    if asked.cursor_most is None or not number.isdecimal() or int(number) < asked.cursor_most:
        return place
    if highest is None or highest == place.since:
        raise SourceRefused(f"has more than {asked.cursor_most} changes of one moment, and lists no more")
    return Place(since=highest)


def _after_offset(
    asked: ClientObject, place: Place, records: Sequence[bytes], last_id: str | None, size: int
) -> After:
    number, shifts = place.number, place.shifts
    assert number is not None, "lists by offset begin with one"
    fresh = records
    if place.anchor is not None:
        first_id = answers.text_at(answers.tree_of(records[0]), asked.id) if records else None
        if first_id != place.anchor:
            if shifts >= MOST_SHIFTS:
                raise SourceRefused("gives a list in no steady order: let it sort by time of change")
            # at least one record has moved up past us: the page before has what we missed
            return After(records, Place(number=max(_first(asked), number - size), shifts=shifts + 1))
        fresh = records[1:]
    if not fresh:
        return After((), None)
    if last_id is None:
        return After(fresh, Place(number=number + len(records)))
    return After(fresh, Place(number=number + len(records) - 1, anchor=last_id, shifts=shifts))
