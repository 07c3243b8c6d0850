"""Taking answers of a source apart: the bytes of each record, and what stands in them.

Belongs here: JSON answers as bytes. A record's bytes are cut out, never written anew, so every digit
survives. Does not belong here: what a record means (adapters/sources).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from adapters.feeds.clients import SourceUnavailable, Total, added_up

_TICKS: Final = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
#: From here on a number counts milliseconds: the year 5138 in seconds, 1973 in milliseconds.
_MILLISECONDS_FROM: Final = 10**11
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements: Final = msgspec.json.Decoder(list[msgspec.Raw])


def cut(answer: bytes, path: str) -> list[bytes]:
    """The records of an answer. path: dotted, to the list, and after `*` on within each of its elements.

    `list.*.invoice` of `{"list": [{"invoice": {}}]}`. Empty where the answer is the list. A list that is
    null, or left out below a member that is there, is empty. Raises SourceUnavailable for anything else.
    """
    before, _, within = path.partition("*")
    try:
        found = _inside(answer, before.strip("."))
        if found is None or found.strip() == b"null":
            return []
        records = [bytes(element) for element in _elements.decode(found)]
        return [_inside(record, within.strip(".")) or b"" for record in records] if within else records
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise unreadable(answer) from None


def check(answer: bytes) -> None:
    """Raises SourceUnavailable where an answer is no JSON to its end: it was cut off, or is for people."""
    try:
        msgspec.json.decode(answer, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise unreadable(answer) from None


def one(answer: bytes, path: str) -> bytes:
    """The one record of an answer. Raises SourceUnavailable where it can't be read or is not there."""
    try:
        found = _inside(answer, path)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise unreadable(answer) from None
    if found is None or not found.lstrip().startswith(b"{"):
        raise unreadable(answer)
    return found


def _inside(value: bytes, path: str, *, is_whole: bool = True) -> bytes | None:
    """The bytes at a dotted path; names that have dots themselves are found as well.

    None where the last member is left out of an inner object that holds no other list, as some sources do
    instead of an empty one; anything else that is not there raises, since it may be a mistake in the path.
    """
    if not path:
        return value
    members = _members.decode(value)
    if path in members:
        return bytes(members[path])
    for end in (i for i, letter in enumerate(path) if letter == "."):
        if path[:end] in members:
            return _inside(bytes(members[path[:end]]), path[end + 1 :], is_whole=False)
    if is_whole or any(bytes(member).startswith(b"[") for member in members.values()):
        raise msgspec.ValidationError("there is nothing at this path")
    return None


def unreadable(answer: bytes) -> SourceUnavailable:
    """What is said of an answer that is cut off, or no JSON, or another than was configured."""
    return SourceUnavailable(
        f"answered {len(answer)} bytes in which the records are not where `records` says, or that are no JSON"
    )


def tree_of(record: bytes) -> Any:
    """A record as values, numbers exact. Raises SourceUnavailable."""
    try:
        return json.loads(record, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise unreadable(record) from None


def at(tree: Any, path: str) -> Any:
    """The value at a dotted path; None where there is none. A name may have dots: `@odata.nextLink`."""
    if not path:
        return tree
    if not isinstance(tree, dict):
        return None
    if path in tree:
        return tree[path]
    for end in (i for i, letter in enumerate(path) if letter == "."):
        if path[:end] in tree and (found := at(tree[path[:end]], path[end + 1 :])) is not None:
            return found
    return None


def text_at(tree: Any, path: str) -> str | None:
    """A text or number at a path, as text; None where there is none."""
    found = at(tree, path)
    if isinstance(found, bool) or not isinstance(found, str | int | Decimal):
        return None
    return str(found) or None


def moment(value: Any) -> int | None:
    """Microseconds since 1970-01-01 UTC of a time as sources write it; None for what is none.

    RFC 3339, with or without offset (without: UTC); seconds or milliseconds since 1970, as number or text;
    `/Date(milliseconds)/`.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if match := _TICKS.fullmatch(text):
            return int(match[1]) * 1_000
        if re.fullmatch(r"-?\d{1,15}", text, re.ASCII):
            return moment(int(text))
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            return None
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return (found - _EPOCH) // _microsecond
    if not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    if not number.is_finite() or abs(number) >= 10**15:
        return None
    return int(number * (1_000 if abs(number) >= _MILLISECONDS_FROM else 1_000_000))


_microsecond: Final = datetime.resolution


def written(microseconds: int, form: str) -> str:
    """A moment as a source wants it: `iso`, `unix`, `unix_ms` or `date` (its day in UTC)."""
    if form == "unix":
        return str(microseconds // 1_000_000)
    if form == "unix_ms":
        return str(microseconds // 1_000)
    instant = _EPOCH + microseconds * _microsecond
    if form == "date":
        return instant.date().isoformat()
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def total_of(trees: Iterable[Any], amount: str | None, currency: str) -> Total:
    """The total of records. amount: path to it, None where none is asked for; one without it counts 0."""
    found = (
        (Decimal(0), None)
        if amount is None
        else (Decimal(text_at(tree, amount) or 0), text_at(tree, currency))
        for tree in trees
    )
    return added_up(found, has_amounts=amount is not None)
