"""One question about exceptions while it is answered: the day, what is known, what several codes share.

Belongs here: reading once what more than one code needs, SLAs, when something began. Does not belong here:
when an exception rises (the other modules of this folder).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import Connection

from domain import milestones as m
from domain.instants import from_date
from domain.stored import Head, decode_head
from projections import open_items, queries, references
from projections.generations import Generation
from projections.open_items import Condition, OpenCash, OpenInvoice, OpenLine, OpenWin

DAY: Final = 86_400_000_000
HOUR: Final = 3_600_000_000


class Found(NamedTuple):
    """An exception on a day. Amount in minor units of the currency, None where none is at risk.

    deal: its number, None where it belongs to none. facts: positions of the milestones, the one that began it
    first. since: microseconds since 1970 UTC. object: what it is about. part: what tells two apart that begin
    with the same milestone. identity: what names it where no milestone of the log began it.
    """

    code: str
    deal: int | None
    facts: tuple[int, ...]
    since: int
    object: str = ""
    currency: str = ""
    amount: int | None = None
    detail: str = ""
    part: str = ""
    identity: tuple[str, str] | None = None


class Balance(NamedTuple):
    """A balance of a deal whose beginning is asked for, and what the postings must name.

    sku, line, object: None for whatever it is.
    """

    deal: int
    currency: str
    sku: str | None = None
    line: str | None = None
    object: str | None = None


class Begun(NamedTuple):
    """Since when a balance has stood on its side of zero: the day, and the positions of that day's facts."""

    day: date
    facts: tuple[int, ...]


class Asking:
    """A day, as known by a position, in one generation. deals: numbers, None for all."""

    def __init__(
        self,
        connection: Connection[Any],
        generation: Generation,
        at: date,
        known: int,
        deals: tuple[int, ...] | None = None,
    ) -> None:
        self.connection, self.generation, self.at, self.known, self.deals = (
            connection,
            generation,
            at,
            known,
            deals,
        )
        self.settings = generation.policies.at(from_date(at)).settings
        #: The moment at which the day is over: microseconds since 1970 UTC.
        self.end = (from_date(at) + 1) * DAY
        self._heads: dict[int, Head] = {}

    def rows(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a named statement; generation, at, known and deals are given to each."""
        asked = {"at": self.at, "known": self.known, "deals": None, **values}
        if self.deals is not None:
            asked["deals"] = list(self.deals)
        return self.connection.execute(queries.statement(name, self.generation.id), asked).fetchall()

    def is_late(self, since: int, hours: int) -> bool:
        """Whether an SLA has run out: the end of the day is later than its start and the hours."""
        return self.end > since + hours * HOUR

    @cached_property
    def signals(self) -> dict[str, list[Condition]]:
        """What stands on the day, by code: findings of the rules in capitals, conditions in small letters."""
        found: dict[str, list[Condition]] = {}
        for one in open_items.conditions(
            self.connection, self.generation.id, self.at, self.known, None, self.deals
        ):
            found.setdefault(one.code, []).append(one)
        return found

    @cached_property
    def settled(self) -> frozenset[int]:
        """Milestones whose content an amendment decides, whatever the day."""
        rows = open_items.conditions(
            self.connection, self.generation.id, date.max, self.known, ("settled",), self.deals
        )
        return frozenset(row.fact for row in rows)

    @cached_property
    def won(self) -> list[OpenWin]:
        """Products between won and ordered."""
        return open_items.won(self.connection, self.generation.id, self.at, self.known, self.deals)

    @cached_property
    def lines(self) -> list[OpenLine]:
        """Order lines of which something is open; `scheduled_before` is what was planned before the SLA."""
        grace = self.settings.hours("BILLING_OVERDUE") // 24
        return open_items.lines(
            self.connection, self.generation.id, self.at, self.known, self.deals, grace=grace
        )

    @cached_property
    def invoices(self) -> list[OpenInvoice]:
        """Invoices that are open or disputed."""
        return open_items.invoices(self.connection, self.generation.id, self.at, self.known, self.deals)

    @cached_property
    def cash(self) -> list[OpenCash]:
        """Payments with unapplied cash."""
        return open_items.cash(self.connection, self.generation.id, self.at, self.known, self.deals)

    def subjects(self, positions: Iterable[int]) -> dict[int, str]:
        """What milestones speak of, by position."""
        chosen = set(positions)
        heads = Asking.heads(self, chosen)
        return {position: heads[position].subject for position in chosen}

    def heads(self, positions: Iterable[int]) -> Mapping[int, Head]:
        """The heads of milestones; corrected ones with the time and day of what they were corrected to."""
        missing = sorted({position for position in positions if position not in self._heads})
        if missing:
            cursor = self.connection.cursor(binary=True)
            cursor.execute(queries.statement("read_positions"), {"positions": missing})
            for position, _, _, state in cursor:
                self._heads[position] = decode_head(state)
            self._amend(self.settled.intersection(missing))
        return self._heads

    def milestones(self, standing: Iterable[Condition]) -> dict[int, m.AnyMilestone]:
        """The milestones that findings are about, by position, as they stand; no corrections and voids."""
        positions = {one.fact for one in standing}
        return open_items.milestones(self.connection, positions, self.known, self.generation.policies)

    def products(self) -> list[references.Product]:
        """Item numbers in use; those that are mapped, or of systems without a list, may be left out."""
        return references.products(self.connection, self.generation.id, self.at, self.known, self.deals)

    def customers(self) -> list[references.Customer]:
        """Customers in use; where none are approved at all, they may be left out."""
        return references.customers(self.connection, self.generation.id, self.at, self.known, self.deals)

    def _amend(self, positions: Iterable[int]) -> None:
        amended = open_items.milestones(self.connection, positions, self.known, self.generation.policies)
        for position, milestone in amended.items():
            self._heads[position] = msgspec.structs.replace(
                self._heads[position],
                time=milestone.time,
                instant=milestone.instant,
                effective=milestone.effective,
            )

    def first_of(self, facts: Iterable[int]) -> int:
        """Of some milestones the first: by time, source, id, whichever came in first."""
        chosen = tuple(facts)
        heads = self.heads(chosen)
        return min(chosen, key=lambda one: (heads[one].instant, heads[one].source, heads[one].id))

    def began(self, facts: Sequence[int]) -> int:
        """The time of the first of some milestones, microseconds since 1970 UTC."""
        return self.heads(facts)[self.first_of(facts)].instant

    def begun(self, accounts: tuple[int, int], balances: Sequence[Balance]) -> dict[Balance, Begun]:
        """Since when each balance that is not zero has stood on its side of zero.

        accounts: the lowest and highest number of those that hold it together.
        """
        if not balances:
            return {}
        asked = list(dict.fromkeys(balances))
        rows = self.rows(
            "exceptions_begun",
            deal=[one.deal for one in asked],
            currency=[one.currency for one in asked],
            low=accounts[0],
            high=accounts[1],
            sku=[one.sku for one in asked],
            line=[one.line for one in asked],
            object=[one.object for one in asked],
        )
        found = {asked[number - 1]: Begun(day, tuple(facts)) for number, day, facts in rows}
        self.heads({fact for begun in found.values() for fact in begun.facts})
        return found


def midnight(day: date) -> int:
    """The moment at which a day begins, microseconds since 1970 UTC."""
    return from_date(day) * DAY
