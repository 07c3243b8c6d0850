"""What nearly every path is: a member of what is here, in one step, and nearly always written as usual.

Belongs here: readers that take the usual form in one go, and hand everything else to the reader of its kind,
which reads or refuses it; they never answer anything else than that one would. Does not belong here: what may
be read at all (reading.py), other paths (paths.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from adapters.sources.mapping.context import Context, Want
from adapters.sources.mapping.moments import quick_day, quick_seconds, quick_time
from adapters.sources.mapping.numbers import in_minor_units, quick_quantity
from adapters.sources.mapping.reading import plain
from adapters.sources.mapping.scope import Get, Place, Reader, Scope, Test
from adapters.sources.payload import MAX_ID
from domain.money import MAX_MINOR
from domain.reading import MAX_TEXT

#: Kinds of values that are texts as they stand, and the characters they may have.
_TEXTS: Final = {"id": MAX_ID, "text": MAX_TEXT}


def member_get(name: str, want: Want, context: Context, read: Reader, place: Place) -> Get:
    """The member of that name as what is wanted; None where it is missing, null or an empty text."""
    kind, formats = want.kind, context.formats
    if kind == "raw":
        return _plain(name)
    if kind == "present":
        return _present(name)
    if kind in _TEXTS:
        return _text(name, _TEXTS[kind], read, place)
    if kind == "code":
        return _code(name, read, place)
    if kind == "flag":
        return _flag(name, read, place)
    if kind == "amount" and formats.amount.notation == "minor":
        return _minor_units(name, context, read, place)
    quick: Callable[[Any], Any] | None = None
    if kind == "day":
        quick = quick_day(formats.day)
    elif kind in ("time", "seconds"):
        quick = quick_time(formats.time) if kind == "time" else quick_seconds(formats.time)
    elif kind == "quantity":
        quick = quick_quantity(formats.number)
    return _other(name, read, place) if quick is None else _quick(name, quick, read, place)


def member_among(name: str, words: frozenset[str], *, inside: bool) -> Test:
    """Whether the member, as a text, is one of the words; `inside` false: whether it is none of them."""

    def among(scope: Scope) -> bool:
        value = scope.value
        found = value.get(name) if type(value) is dict else None
        return ((found if type(found) is str else plain(found)) in words) is inside

    return among


def _plain(name: str) -> Get:
    def get(scope: Scope) -> str | None:
        value = scope.value
        found = value.get(name) if type(value) is dict else None
        if type(found) is str:
            return found or None
        return None if found is None else plain(found)

    return get


def _present(name: str) -> Get:
    def get(scope: Scope) -> bool | None:
        value = scope.value
        found = value.get(name) if type(value) is dict else None
        return None if found is None or found == "" else True

    return get


def _text(name: str, longest: int, read: Reader, place: Place) -> Get:
    def get(scope: Scope) -> Any:
        value = scope.value
        found = value.get(name) if type(value) is dict else None
        if found is None or found == "":
            return None
        if type(found) is str and len(found) <= longest and "\0" not in found and not found.isspace():
            return found
        return read(found, scope, place)

    return get


def _code(name: str, read: Reader, place: Place) -> Get:
    def get(scope: Scope) -> Any:
        value = scope.value
        found = value.get(name) if type(value) is dict else None
        if type(found) is str:
            return found or None
        return None if found is None else read(found, scope, place)

    return get


def _flag(name: str, read: Reader, place: Place) -> Get:
    def get(scope: Scope) -> Any:
        value = scope.value
        found = value.get(name) if type(value) is dict else None
        if found is True or found is False or found is None:
            return found
        return None if found == "" else read(found, scope, place)

    return get


def _minor_units(name: str, context: Context, read: Reader, place: Place) -> Get:
    currency, same = context.currency(), in_minor_units(context.formats.amount)
    if currency is None:
        return _other(name, read, place)

    def get(scope: Scope) -> Any:
        value = scope.value
        found = value.get(name) if type(value) is dict else None
        if found is None or found == "":
            return None
        if currency(scope) in same and type(found) is int and -MAX_MINOR <= found <= MAX_MINOR:
            return found
        return read(found, scope, place)

    return get


def _quick(name: str, quick: Callable[[Any], Any], read: Reader, place: Place) -> Get:
    def get(scope: Scope) -> Any:
        value = scope.value
        found = value.get(name) if type(value) is dict else None
        if found is None or found == "":
            return None
        told = quick(found)
        return read(found, scope, place) if told is None else told

    return get


def _other(name: str, read: Reader, place: Place) -> Get:
    def get(scope: Scope) -> Any:
        value = scope.value
        found = value.get(name) if type(value) is dict else None
        return None if found is None or found == "" else read(found, scope, place)

    return get
