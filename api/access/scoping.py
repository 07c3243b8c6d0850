"""Row scopes: what a caller is limited to, made part of what it asks.

Belongs here: the filters that a limited caller's question must have. Does not belong here: which routes are
for limited callers at all (`roles`), what a filter leaves (projections).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from api.access.callers import current
from api.access.refusals import Forbidden

HEADER: Final = "Cairn-Limited-To"


def limited(sent: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Query parameters with the filters that the caller is limited to. sent: as they came.

    Where it is limited to one value the filter is added; of several it must name one. Raises Forbidden, which
    lists them.
    """
    asked = list(sent)
    caller = current()
    for dimension, values in caller.scopes.items():
        given = [value for name, value in asked if name == dimension]
        allowed = tuple(f"{dimension}={value}" for value in values)
        if not given and len(values) > 1:
            raise Forbidden(f"{caller.name} must say which {dimension} it asks for", allowed)
        if any(value not in values for value in given):
            raise Forbidden(f"{caller.name} may not read the rows of this {dimension}", allowed)
        if not given:
            asked.append((dimension, values[0]))
    return asked


def told(asked: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The header that tells a limited caller which of its rows it sees; none for others."""
    scopes = current().scopes
    limits = [f"{name}={quote(value)}" for name, value in asked if name in scopes]
    return {HEADER: ", ".join(limits)} if limits else {}
