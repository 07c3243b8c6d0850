"""Reading a JSON payload with a finger on the place: every refusal says where, none says what stood there.

Numbers with a fraction are read as decimals, never as binary floats; integers keep all their digits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

import msgspec

from adapters.sources.base import Refusal
from domain.instants import parse_day, parse_instant
from domain.reading import MAX_TEXT
from domain.refusals import pointer as json_pointer

MAX_ID: Final = 255
#: Characters of a number with a fraction or an exponent; a longer one is never made into a number.
LONGEST_NUMBER: Final = 1_000
_TYPE_NAMES: Final = {
    str: "a text",
    bool: "true or false",
    int: "an integer",
    Decimal: "a number with a fraction",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class Unreadable(ValueError):
    """A payload can't be understood; carries the refusal."""

    def __init__(self, code: str, pointer: str, message: str) -> None:
        super().__init__(f"{code} at {pointer or '/'}: {message}")
        self.refusal = Refusal(code, pointer, message)


class _Missing:
    """The value of a member that the payload does not have."""


#: What stands where the payload has no such member.
MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the payload, and the JSON Pointer that leads to it."""

    value: object
    pointer: str = ""

    @property
    def given(self) -> bool:
        """Whether there is a value other than null and the empty text."""
        return self.value is not MISSING and self.value is not None and self.value != ""

    def refuse(self, code: str, message: str) -> NoReturn:
        """Give up on the payload, at this place. Raises Unreadable."""
        raise Unreadable(code, self.pointer, message)

    def wrong(self, code: str, wanted: str) -> NoReturn:
        """Give up because this is missing or is of another kind than `wanted`. Raises Unreadable."""
        if not self.given:
            raise Unreadable("field_missing", self.pointer, f"needs {wanted}")
        found = _TYPE_NAMES.get(type(self.value), "something else")
        raise Unreadable(code, self.pointer, f"needs {wanted}, found {found}")

    def at(self, *names: str) -> Node:
        """The member of that name, and so on inwards; a missing one is a Node that is not `given`."""
        node = self
        for name in names:
            value = node.value.get(name, MISSING) if isinstance(node.value, dict) else MISSING
            node = Node(value, node.pointer + json_pointer(name))
        return node

    def items(self) -> tuple[Node, ...]:
        """The elements of a list; none where it is missing or null."""
        if not self.given:
            return ()
        if not isinstance(self.value, list):
            self.wrong("list_format", "a list")
        return tuple(Node(value, f"{self.pointer}/{i}") for i, value in enumerate(self.value))

    def members(self) -> Iterator[tuple[str, Node]]:
        """The members of an object in the order in which they stand."""
        if not isinstance(self.value, dict):
            self.wrong("object_format", "an object")
        for name in self.value:
            yield name, self.at(name)

    def text(self, wanted: str = "a text") -> str:
        """A text that is not empty."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.wrong("text_format", wanted)
        if len(self.value) > MAX_TEXT or "\0" in self.value:
            self.refuse("text_format", f"{wanted} has at most {MAX_TEXT} characters and no NUL")
        return self.value

    def identifier(self, wanted: str = "an id") -> str:
        """A native id: a text, or an integer as its digits. Two of them must fit into one text."""
        found = str(self.value) if type(self.value) is int else self.text(wanted)
        if len(found) > MAX_ID:
            self.refuse("id_format", f"{wanted} has at most {MAX_ID} characters")
        return found

    def optional(self) -> str | None:
        """A native id, None where there is none."""
        return self.identifier() if self.given else None

    def label(self) -> str | None:
        """A text for people, None where there is none."""
        return self.text() if self.given else None

    def integer(self, wanted: str = "an integer") -> int:
        """An integer, not a text that looks like one."""
        if type(self.value) is not int:
            self.wrong("integer_format", wanted)
        return self.value

    def flag(self) -> bool:
        """A JSON boolean; missing and null are false."""
        if not self.given:
            return False
        if not isinstance(self.value, bool):
            self.wrong("flag_format", "true or false")
        return self.value

    def word(self, known: frozenset[str], what: str) -> str:
        """One of the words that a source uses for something; another one is not guessed at."""
        found = self.text(what)
        if found not in known:
            self.refuse("value_unknown", f"{what} is none of {' '.join(sorted(known))}; extend the mapping")
        return found

    def day(self, wanted: str = "a date") -> str:
        """A calendar date `YYYY-MM-DD`."""
        found = self.text(wanted)
        if parse_day(found) is None:
            self.refuse("date_format", f"needs {wanted} of the form 2026-01-31")
        return found

    def instant(self, wanted: str = "a time") -> str:
        """An RFC 3339 time with an offset, as it stands."""
        found = self.text(wanted)
        if parse_instant(found) is None:
            self.refuse("time_format", f"needs {wanted} of the form 2026-01-31T09:30:00Z")
        return found


def read_payload(payload: bytes, fraction: Callable[[str], object] = Decimal) -> Node:
    """The JSON object in a payload, numbers with a fraction read by `fraction`. Raises Unreadable.

    Refused: bytes that are not UTF-8, malformed JSON, NaN and infinities, a name that stands twice in one
    object, lone surrogates, numbers or nesting beyond what can be read, anything but an object.
    """
    found = read_json(payload, fraction)
    if not isinstance(found, dict):
        Node(found).wrong("object_format", "a JSON object")
    return Node(found)


def read_json(payload: bytes, fraction: Callable[[str], object] = Decimal) -> object:
    """The JSON value in a payload, of any kind; refused as by `read_payload`. Raises Unreadable.

    The fast reader keeps the last of two members of one name, so it counts only where the value, written
    anew, has as many colons as the payload: one behind each name, and those in texts, which nobody escapes.
    Whatever it can't read, or is in doubt, is read again by the exact one.
    """
    if fraction is Decimal and b"\\u" not in payload:
        try:
            found: object = _DECODER.decode(payload)
            if payload.count(b":") == _ENCODER.encode(found).count(b":"):
                return found
        except (ValueError, TypeError, RecursionError, ArithmeticError):
            pass
    return _read_exactly(payload, fraction)


def _short(text: str) -> str:
    if len(text) > LONGEST_NUMBER:
        raise Unreadable("json_number", "", f"a number has at most {LONGEST_NUMBER} characters")
    return text


def _decimal(text: str) -> Decimal:
    return Decimal(text if len(text) <= LONGEST_NUMBER else _short(text))


_DECODER: Final = msgspec.json.Decoder(float_hook=_decimal)
_ENCODER: Final = msgspec.json.Encoder()


def _read_exactly(payload: bytes, fraction: Callable[[str], object]) -> object:
    try:
        found: object = json.loads(
            payload.decode("utf-8"),
            parse_float=lambda text: fraction(_short(text)),
            parse_constant=_no_constant,
            object_pairs_hook=_no_repeats,
        )
    except UnicodeDecodeError:
        raise Unreadable("text_encoding", "", "send UTF-8") from None
    except RecursionError:
        raise Unreadable("json_depth", "", "the nesting is deeper than can be read") from None
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg} at character {error.pos}"
        raise Unreadable("json_format", "", message) from None
    except Unreadable:
        raise
    except (ValueError, ArithmeticError):
        raise Unreadable("json_number", "", "a number has more digits than can be read") from None
    if b"\\u" in payload:
        _check_surrogates(found)
    return found


def _no_constant(_constant: str) -> NoReturn:
    raise Unreadable("json_format", "", "not JSON: NaN and infinities are no numbers")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unreadable("json_repeated_name", "", "a name stands twice in one object; which one counts?")
    return members


def _check_surrogates(found: object) -> None:
    try:
        json.dumps(found, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise Unreadable("text_encoding", "", "a text holds half a character (lone surrogate)") from None
