"""Groups of deals in a currency: by name, by dimensions on a day, as known by a position.

Belongs here: which group each is in, filters, the order of groups. The same as projections/dimensions says.
Does not belong here: what stands in a group.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from projections.bridge import Group
from projections.bridge_spans import Query
from projections.columns.asking import Beyond, Column, deal_columns
from projections.columns.keeping import Columns, State
from projections.columns.texts import Texts
from projections.deals import number_of

Array = NDArray[Any]

_MOST: Final = 2**62


class Groups(NamedTuple):
    """Groups in order. own: numbers of (deal, currency); number: of the group of each, currency: likewise.

    codes: by group. currencies: by number of a currency its text.
    """

    own: Array
    number: Array
    currency: Array
    currencies: dict[int, str]
    codes: Array
    texts: list[list[str | None]]

    @property
    def size(self) -> int:
        """How many groups there are."""
        return len(self.codes)

    def named(self, number: int) -> Group:
        """What a group is called: its values, the currency last."""
        code, found = int(self.codes[number]), []
        for texts in reversed(self.texts):
            code, rank = divmod(code, len(texts))
            found.append(texts[rank] or None)
        return tuple(reversed(found))


def chosen(columns: Columns, connection: Connection[Any], state: State, query: Query) -> Array:
    """By number of (deal, currency), whether it passes the filters. Raises DealUnknown."""
    keys, filters = state.keys, query.filters
    deal_of = keys.deal[keys.of_own]
    found = np.ones(len(deal_of), bool)
    if "deal" in filters:
        place = columns.book.deals.find(
            number_of(connection, filters["deal"], columns.generation, query.known)
        )
        found &= deal_of == (-1 if place is None else place)
    names = [name for name in filters if name not in ("deal", "currency")]
    for name, column in deal_columns(columns, state, connection, query.at, query.known, names).items():
        found &= (column.at(0) == rank_of(columns.book.values[name], filters[name]))[deal_of]
    if "currency" in filters:
        code = columns.book.currencies.find(filters["currency"])
        found &= keys.currency[keys.of_own] == (-1 if code is None else code)
    return found


def rank_of(texts: Texts, value: str) -> int:
    """The rank of a value, 0 for the empty one, -1 where there is none like it."""
    if value == "":
        return 0
    code = texts.find(value)
    return -1 if code is None else int(texts.ranks().of[code])


class Shown(NamedTuple):
    """The currencies in which something is shown: the rank of each, and texts by rank."""

    ranks: Array
    texts: list[str | None]


def groups_of(
    columns: Columns, connection: Connection[Any], state: State, query: Query, own: Array, in_: Shown
) -> Groups:
    """The groups of some (deal, currency). in_: the currency of each of them. Raises Beyond."""
    keys = state.keys
    key = keys.of_own[own]
    names = [name for name in query.by if name != "currency"]
    found = deal_columns(columns, state, connection, query.at, query.known, dict.fromkeys(names))
    texts: list[list[str | None]] = []
    code = np.zeros(len(own), np.int64)
    most = len(in_.texts)
    for name in names:
        column = found[name]
        texts.append(column.texts)
        most *= len(column.texts)
        if most >= _MOST:
            raise Beyond("more combinations of groups than have numbers")
        code = code * len(column.texts) + shown(column)[keys.deal[key]]
    codes, number = np.unique(code * len(in_.texts) + in_.ranks, return_inverse=True)
    met, currency = np.unique(in_.ranks, return_inverse=True)
    currencies = {number: in_.texts[rank] or "" for number, rank in enumerate(met.tolist())}
    return Groups(own, number, currency, currencies, codes, [*texts, in_.texts])


def shown(column: Column) -> Array:
    """Ranks of values on the day; a deal that became part of another has an empty name, which is none."""
    ranks = column.at(0)
    return np.where(ranks == 1, 0, ranks) if len(column.texts) > 1 and column.texts[1] == "" else ranks
