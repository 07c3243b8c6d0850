"""What deals are called and grouped by on a day, as known by a position, for reports that go deal by deal.

Belongs here: names, dimensions with merged customers, filters. Does not belong here: views, which group in
one statement (projections/statements).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from psycopg import Connection

from projections import merges, queries
from projections.deals import number_of
from projections.reports import DEAL_DIMENSIONS, ReportRefused

#: What a report that goes deal by deal can be grouped and filtered by.
GROUPS: Final = ("deal", *DEAL_DIMENSIONS, "currency")


class Dimensions:
    """The dimensions of all deals on a day. Each is read when it is first asked for."""

    def __init__(self, connection: Connection[Any], generation: int, known: int, at: date) -> None:
        self._connection, self._generation, self._known, self._at = connection, generation, known, at
        self._values: dict[str, dict[int, str]] = {}

    def names(self, deals: Iterable[int] | None = None) -> dict[int, str]:
        """Public names by number; of all deals, or only these."""
        asked = {"known": self._known, "deals": None if deals is None else sorted(set(deals))}
        rows = self._connection.execute(queries.statement("deal_names", self._generation), asked).fetchall()
        return dict(rows)

    def values(self, name: str) -> Mapping[int, str]:
        """deal -> its value of a dimension; a merged customer's deals are under the surviving one."""
        found = self._values.get(name)
        if found is None:
            asked = {"name": name, "known": self._known, "at": self._at}
            statement = queries.statement("deal_dimensions", self._generation)
            found = dict(self._connection.execute(statement, asked).fetchall())
            if name == "customer":
                into = merges.survivors(self._connection, self._generation, self._known)
                found = {deal: into.get(value, value) for deal, value in found.items()}
            self._values[name] = found
        return found

    def chosen(self, filters: Mapping[str, str]) -> list[int] | None:
        """The deals that filters leave, so far as they name any; None where every deal may pass."""
        chosen: set[int] | None = None
        if "deal" in filters:
            chosen = {number_of(self._connection, filters["deal"], self._generation, self._known)}
        for name in DEAL_DIMENSIONS:
            if filters.get(name):
                having = {deal for deal, value in self.values(name).items() if value == filters[name]}
                chosen = having if chosen is None else chosen & having
        return None if chosen is None else sorted(chosen)

    def passes(self, filters: Mapping[str, str], deal: int) -> bool:
        """Whether the dimensions of a deal are those of the filters; "" is "has none"."""
        return all(
            (self.values(name).get(deal) or "") == filters[name]
            for name in DEAL_DIMENSIONS
            if name in filters
        )


def checked(what: str, by: Iterable[str], filters: Iterable[str]) -> None:
    """Raises ReportRefused where deals can't be grouped or filtered that way."""
    for name in by:
        if name not in GROUPS:
            raise ReportRefused(f"can't group the {what} by {name!r}", GROUPS)
    for name in filters:
        if name not in GROUPS:
            raise ReportRefused(f"can't filter the {what} by {name!r}", GROUPS)
