"""Two milestones compared, field by field, as they stand on the wire.

Belongs here: which fields differ, and what each says. Does not belong here: whether the difference counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from api.rendering import event_of
from domain.milestones import Milestone


class Difference(NamedTuple):
    """One field.

    field: its path, with `*` for the line or element. before, after: None where it is not there.
    """

    field: str
    before: Any
    after: Any


def differences(before: Milestone | None, after: Milestone) -> list[Difference]:
    """The fields in which they differ, by path; all of `after` counts as one where there was nothing."""
    if before is None:
        return [Difference("/", None, "counts again")]
    one, other = dict(_leaves(event_of(before))), dict(_leaves(event_of(after)))
    return [
        Difference(_general(path), one.get(path), other.get(path))
        for path in sorted(one.keys() | other.keys())
        if one.get(path) != other.get(path)
    ]


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path, value) of everything that holds nothing else. Lines go by their number, not by their place."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        names = [str(one.get("line", "")) for one in value]
        told = names if all(names) and len(set(names)) == len(names) else [str(i) for i in range(len(value))]
        for name, inner in zip(told, value, strict=True):
            yield from _leaves(inner, (*path, f"*{name}"))
    else:
        yield path, value


def _general(path: tuple[str, ...]) -> str:
    return "/" + "/".join("*" if part.startswith("*") else part for part in path)
