"""The codes that mappings may name, by kind. The functions themselves stand in adapters/sources/codes.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from adapters.sources.base import JsonValue, Milestone
from adapters.sources.payload import Node

#: From a place, and the currency where an amount is wanted, to a text, an amount in minor units, or None.
ValueCode: TypeAlias = "Callable[[Node, str | None], str | int | None]"
#: From an object and the instance to its milestones, or the reason to ignore it.
ObjectCode: TypeAlias = Callable[[Node, str], "tuple[Milestone, ...] | str"]
#: From a document and its currency to its lines.
LinesCode: TypeAlias = Callable[[Node, str], "list[JsonValue]"]


class OfValue(NamedTuple):
    """A code of a value. version: raised whenever what it answers changes."""

    run: ValueCode
    version: int


class OfObject(NamedTuple):
    """A code of an object."""

    run: ObjectCode
    version: int


class OfLines(NamedTuple):
    """A code of lines."""

    run: LinesCode
    version: int


VALUES: Final[dict[str, OfValue]] = {}
OBJECTS: Final[dict[str, OfObject]] = {}
LINES: Final[dict[str, OfLines]] = {}


def value_code(name: str, version: int) -> Callable[[ValueCode], ValueCode]:
    """Registers a code of values."""

    def register(run: ValueCode) -> ValueCode:
        assert name not in VALUES, f"there is a code {name} already"
        VALUES[name] = OfValue(run, version)
        return run

    return register


def object_code(name: str, version: int) -> Callable[[ObjectCode], ObjectCode]:
    """Registers a code of objects."""

    def register(run: ObjectCode) -> ObjectCode:
        assert name not in OBJECTS, f"there is a code {name} already"
        OBJECTS[name] = OfObject(run, version)
        return run

    return register


def lines_code(name: str, version: int) -> Callable[[LinesCode], LinesCode]:
    """Registers a code of lines."""

    def register(run: LinesCode) -> LinesCode:
        assert name not in LINES, f"there is a code {name} already"
        LINES[name] = OfLines(run, version)
        return run

    return register
