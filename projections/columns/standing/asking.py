"""A question about exceptions that is answered from the columns: what several codes share.

Belongs here: what projections/exceptions/asking reads, the same. Whatever is about few deals is left to SQL.
Does not belong here: when an exception rises (projections/exceptions), the list of them (excepting).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from domain.instants import to_date
from domain.stored import Head
from projections import open_items as o
from projections import references
from projections.columns.keeping import Columns
from projections.columns.standing import amounts, receivables
from projections.columns.standing.amounts import Asked
from projections.columns.standing.beginnings import begun
from projections.columns.standing.lines import Lines, labels_of, lines
from projections.columns.standing.lots import Look, grouped, lots, place_of
from projections.columns.standing.receivables import NEVER
from projections.columns.standing.wins import wins
from projections.exceptions.asking import DAY, Asking, Balance, Begun, Found
from projections.exceptions.listing import Query

Array = NDArray[Any]


class Held(Asking):
    """A day, as known by a position, in a generation whose postings are in memory; of all deals."""

    def __init__(self, columns: Columns, connection: Connection[Any], look: Look, query: Query) -> None:
        super().__init__(connection, query.generation, query.at, query.known)
        heads = look.state.heads
        assert heads is not None, "whoever asks has looked"
        assert columns.log is not None, "there are heads"
        self.look, self.columns, self.log, self.all_heads = look, columns, columns.log, heads
        self._lean: dict[int, Head] = {}
        keys = look.state.keys
        self.deal_of_own = columns.book.deals.values[keys.deal[keys.of_own]]
        self.currency_of = columns.book.currencies.by_code()
        self.sku_of = columns.book.skus.by_code()
        self.source_of = columns.log.sources.by_code()

    # -- numbers to names ------------------------------------------------------------------------------

    def _owner(self, own: int) -> tuple[int, str]:
        keys = self.look.state.keys
        return int(self.deal_of_own[own]), self.currency_of[int(keys.currency[keys.of_own[own]])]

    def _line(self, number: int) -> str:
        return self.columns.book.labels.text(int(self.look.state.items.line_label[number]))

    def _object(self, number: int) -> str:
        return self.columns.book.labels.text(int(self.look.state.items.object_label[number]))

    def renewal(self, key: int, rate: int, last: int, fact: int) -> Found:
        """A late renewal in full. key: of the product; last: its last service day; fact: what began it."""
        keys = self.look.state.keys
        return Found(
            "LATE_RENEWAL", int(self.columns.book.deals.values[keys.deal[key]]), (fact,), (last + 1) * DAY,
            self.sku_of[int(keys.sku[key])], self.currency_of[int(keys.currency[key])], rate,
            f"served until {to_date(last).isoformat()}",
        )  # fmt: skip

    # -- what several codes share ----------------------------------------------------------------------

    @cached_property
    def won(self) -> list[o.OpenWin]:
        """Products between won and ordered; of the milestones that brought them there, none."""
        found, keys = wins(self.look), self.look.state.keys
        some = found.waiting != 0
        for sums in found.variance.values():
            some |= sums != 0
        places = np.flatnonzero(some)
        variances = [(account, sums[places].tolist()) for account, sums in found.variance.items()]
        waiting = found.waiting[places].tolist()
        told = []
        for n, (own, sku) in enumerate(
            zip(keys.own[places].tolist(), keys.sku[places].tolist(), strict=True)
        ):
            variance = {account: sums[n] for account, sums in variances if sums[n]}
            told.append(o.OpenWin(*self._owner(own), self.sku_of[sku], waiting[n], variance, None, None, ()))
        return sorted(told, key=lambda one: one[:3])

    @cached_property
    def lines(self) -> list[o.OpenLine]:
        """The lines that an exception may come of."""
        grace, book = self.settings.hours("BILLING_OVERDUE") // 24, self.columns.book
        by_product = self.columns.small.of(
            ("labels of products", len(book.skus), len(book.labels)),
            lambda: labels_of(book.skus, book.labels),
        )
        found = lines(self.look, by_product, grace)
        billed = found.billed - found.rebilled
        delivered = found.is_ordered & ~found.is_planned & (found.performed > billed)
        may = (found.unbilled < 0) | (found.scheduled_before > billed) | delivered
        found = Lines(*(column[may] for column in found))
        first = amounts.first_billed(self.look, by_product, found.line[found.unbilled < 0])
        told = []
        for row in zip(*(column.tolist() for column in found), strict=True):
            one: Any = Lines(*row)
            line = o.OpenLine(
                *self._owner(one.own), self._line(one.line), "", 0, one.usage, one.billed, one.rebilled, 0,
                one.unbilled, one.performed, 0, one.unfulfilled, one.scheduled, one.scheduled_before,
                one.planned, one.is_planned, one.is_ordered, None, None, None, first.get(one.line),
                one.is_ratable, [],
            )  # fmt: skip
            told.append(line)
        return sorted(told, key=lambda one: one[:3])

    @cached_property
    def invoices(self) -> list[o.OpenInvoice]:
        """Invoices that are open; of those that are disputed alone, none."""
        found = receivables.invoices(self.look)
        posted = amounts.posted(self.look, found.number)
        told = []
        for n, row in enumerate(zip(*(column.tolist() for column in found), strict=True)):
            one: Any = receivables.Invoices(*row)
            invoiced, fact = posted.get(n, (0, None))
            due = None if one.due == NEVER else to_date(one.due)
            invoice = o.OpenInvoice(
                *self._owner(one.own), self._object(one.number), due, one.open, one.disputed, invoiced,
                one.is_posted, fact, None,
            )  # fmt: skip
            told.append(invoice)
        return sorted(told, key=lambda one: one[:3])

    @cached_property
    def cash(self) -> list[o.OpenCash]:
        """Payments with unapplied cash."""
        unapplied, own = receivables.unapplied(self.look), self.look.state.items.object_own
        told = [
            o.OpenCash(*self._owner(int(own[n])), self._object(n), int(unapplied[n]), 0, None, None)
            for n in np.flatnonzero(unapplied).tolist()
        ]
        return sorted(told, key=lambda one: one[:3])

    # -- milestones --------------------------------------------------------------------------------------

    def heads(self, positions: Iterable[int]) -> Mapping[int, Head]:
        """The heads of milestones, without what they speak of; corrected ones as the base has them."""
        missing = {position for position in positions if position not in self._lean}
        amended = self.settled.intersection(missing)
        if amended:
            corrected = super().heads(amended)
            self._lean |= {position: corrected[position] for position in amended}
        heads = self.all_heads
        for at in missing - amended:
            source = self.source_of[int(heads.source[at - 1])]
            self._lean[at] = Head(
                "", source, self.log.id_of(at), "", "", int(heads.instant[at - 1]), None,
                int(heads.effective[at - 1]),
            )  # fmt: skip
        return self._lean

    def first_of(self, facts: Iterable[int]) -> int:
        """Of some milestones the first: by time, source, id."""
        chosen = tuple(facts)
        return chosen[0] if len(chosen) == 1 else super().first_of(chosen)

    def began(self, facts: Sequence[int]) -> int:
        """The time of the first of some milestones, microseconds since 1970 UTC."""
        if len(facts) == 1 and facts[0] not in self.settled:
            return int(self.all_heads.instant[facts[0] - 1])
        return super().began(facts)

    def instants(self, facts: Array) -> Array:
        """When milestones happened."""
        found: Array = self.all_heads.instant[facts - 1]
        settled = np.flatnonzero(np.isin(facts, np.array(sorted(self.settled), np.int64)))
        for place in settled.tolist():
            found[place] = self.heads((int(facts[place]),))[int(facts[place])].instant
        return found

    # -- reference data --------------------------------------------------------------------------------

    def products(self) -> list[references.Product]:
        """Item numbers in use that may not be mapped, in systems that have a list."""
        mapped = references.mapped(self.connection, self.generation.id, self.at, self.known)
        if not mapped:
            return []
        if len(self.all_heads.system) < self.known:  # told by a correction alone
            return super().products()
        deals = amounts.deals_naming(self.look, self._unmapped(mapped))
        if not len(deals):
            return []
        numbers = self._numbers(deals)
        return references.products(self.connection, self.generation.id, self.at, self.known, numbers)

    def _unmapped(self, mapped: Iterable[references.Name]) -> Array:
        """By system and product, whether it is in no list though the system has one; codes of both."""
        systems, skus = self.log.systems, self.columns.book.skus
        found = np.zeros((len(systems) + 1, len(skus) + 1), bool)
        for name in mapped:
            code = systems.find(name.system)
            if code is not None:
                found[code] = True
        for name in mapped:
            code, sku = systems.find(name.system), skus.find(name.id)
            if code is not None and sku is not None:
                found[code, sku] = False
        found[:, [0, *(code for text in references.NO_PRODUCT if (code := skus.find(text)) is not None)]] = (
            False
        )
        return found

    def customers(self) -> list[references.Customer]:
        """Customers in use, where there are approved ones."""
        if not references.approves(self.connection, self.generation.id, self.at, self.known):
            return []
        return super().customers()

    # -- statements --------------------------------------------------------------------------------------

    def rows(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a named statement, read off the columns where SQL would read all of the journal."""
        read = _READ.get(name)
        if read is not None:
            return read(self, **values)
        if name == "exceptions_closed":
            return self._closed(values)
        return super().rows(name, **values)

    def _closed(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """By SQL, of the deals that were told of closed periods alone."""
        deals = amounts.late_deals(self.look, values["now"], values["opened_at"], values["opened_on"])
        if not len(deals):
            return []
        return super().rows("exceptions_closed", **{**values, "deals": self._numbers(deals)})

    def _numbers(self, deals: Array) -> list[int]:
        found: list[int] = self.columns.book.deals.values[deals].tolist()
        return found

    def begun(self, accounts: tuple[int, int], balances: Sequence[Balance]) -> dict[Balance, Begun]:
        """Since when each balance that is not zero has stood on its side of zero."""
        asked = list(dict.fromkeys(balances))
        kinds: dict[str, list[tuple[int, int]]] = {}
        for n, one in enumerate(asked):
            kind, number = self._numbered(one)
            if number is not None:
                kinds.setdefault(kind, []).append((number, n))
        found: dict[Balance, Begun] = {}
        for kind, both in kinds.items():
            numbers = np.array([number for number, _ in both], np.int64)
            for n, day, fact in self._moves(accounts, kind, numbers):
                one = asked[both[n][1]]
                facts = found[one].facts if one in found else ()
                found[one] = Begun(day, (*facts, fact))
        return {one: found[one] for one in asked if one in found}

    def _numbered(self, one: Balance) -> tuple[str, int | None]:
        """What postings of a balance name, and the number by which they do."""
        book = self.columns.book
        own = amounts.own_of(book, one.deal, one.currency)
        if own is None:
            return "", None
        if one.sku is not None:
            return "key", amounts.key_of(book, own, one.sku)
        if one.line is not None:
            return "line", amounts.item_of(book, book.lines, own, one.line)
        if one.object is not None:
            return "object", amounts.item_of(book, book.objects, own, one.object)
        return "own", own

    def _moves(self, accounts: tuple[int, int], kind: str, numbers: Array) -> Iterable[tuple[int, Any, int]]:
        """Place among the numbers, day and position of the milestones that began each balance."""
        low, high = accounts
        keys, items = self.look.state.keys, self.look.state.items
        size = {
            "key": len(keys.own), "own": len(keys.of_own), "line": len(items.line_own),
            "object": len(items.object_own),
        }[kind]  # fmt: skip
        place = place_of(numbers, size)
        parts = []
        for lot in lots(self.look, lambda debit, credit: (low <= debit <= high) != (low <= credit <= high)):
            of = keys.own[lot.key] if kind == "own" else getattr(lot, kind)
            some = lot.only(place[of] >= 0)
            if some.size:
                number = place[of][place[of] >= 0]
                moved = some.amount if low <= lot.pair[1] <= high else -some.amount
                parts.append((number, some.effective, some.fact, moved))
        if not parts:
            return []
        number, day, fact, moved = (
            np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)
        )
        moves = grouped((number, day, fact), moved)
        moves = moves.only(moves.amount != 0)
        number, day, fact = moves.columns
        found = begun(number, day, fact, moves.amount)
        days = [to_date(day) for day in found.day.tolist()]
        return zip(found.number.tolist(), days, found.fact.tolist(), strict=True)


def _uncovered(held: Held, moves: Callable[[Look, Array], Asked], values: Mapping[str, Any]) -> list[Any]:
    """Deal, currency, line, day, facts and sum of the first day of each line beyond what was billed."""
    book = held.columns.book
    wanted: dict[int, int] = {}
    for n, (deal, currency, line) in enumerate(
        zip(values["deal"], values["currency"], values["line"], strict=True)
    ):
        own = amounts.own_of(book, deal, currency)
        number = None if own is None else amounts.item_of(book, book.lines, own, line)
        if number is not None:
            wanted[number] = n
    numbers = np.array(list(wanted), np.int64)
    billed = np.array([values["billed"][n] for n in wanted.values()], np.int64)
    found = amounts.uncovered(moves(held.look, numbers), billed)
    places = list(wanted.values())
    told = []
    for number, day, facts, final in found:
        n = places[number]
        told.append((values["deal"][n], values["currency"][n], values["line"][n], day, facts, final))
    return sorted(told, key=lambda row: row[:3])


def _planned(held: Held, **values: Any) -> list[tuple[Any, ...]]:
    return [row[:5] for row in _uncovered(held, amounts.planned, values)]


def _delivered(held: Held, **values: Any) -> list[tuple[Any, ...]]:
    found = _uncovered(held, amounts.delivered, values)
    return [
        (deal, currency, line, final, facts)
        for (deal, currency, line, _, facts, final), billed in zip(found, _billed(found, values), strict=True)
        if final > billed
    ]


def _billed(found: Sequence[Any], values: Mapping[str, Any]) -> list[int]:
    of = dict(
        zip(
            zip(values["deal"], values["currency"], values["line"], strict=True),
            values["billed"],
            strict=True,
        )
    )
    return [of[row[:3]] for row in found]


_READ: Final[dict[str, Callable[..., list[tuple[Any, ...]]]]] = {
    "exceptions_planned": _planned,
    "exceptions_delivered": _delivered,
}
