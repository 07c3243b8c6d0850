"""A log in memory and the books that the fold makes of it: what every account holds on a date.

Belongs here: recording as the ledger records, projecting in batches, balances and laws worked out a second
time, apart from the code under test. Does not belong here: events (tests/projections/events), SQL.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from domain.arrivals import Accepted, Outcome, Prepared, arrival_of
from domain.canonical import content_digest, decode_json
from domain.contract import parse_event
from domain.instants import from_date
from domain.money import format_minor
from domain.placement import Forest
from domain.policies import DEFAULT_POLICIES, Policies
from domain.recording import Batch, Known
from domain.stored import CODEC
from projections import accounts as a
from projections.book import Row
from projections.cluster import Change
from projections.clusters import Clusters, Edge, LogRow, by_position, decode
from tests.projections.events import Event

Net = Counter[tuple[Any, ...]]


class MemoryLog:
    """The log without a database: the ledger's own decisions, kept in lists."""

    def __init__(self) -> None:
        self.rows: list[LogRow] = []
        self.edges: list[Edge] = []
        self.ids: dict[int, str] = {}
        self._known = Known(0, 0, 0, 0, 0, {}, {}, Forest(), {}, {})

    def record(self, *events: Event) -> list[Outcome]:
        """Record events as one batch."""
        items = []
        for event in events:
            body = json.dumps(event).encode()
            value, plain = decode_json(body)
            milestone = parse_event(value)
            digest = content_digest(value, plain=plain)
            arrival = arrival_of(milestone, digest, CODEC.encode(milestone))
            items.append(Prepared(Accepted(milestone.source, 0, body, b""), arrival))
        batch = Batch(items, self._known)
        for pieces in batch.decide(len(items) or 1, set()):
            for found in pieces:
                self.rows.append((found.position, found.stream, found.topic, found.state))
                milestone = CODEC.decode(found.topic, found.state)
                self.ids[found.position] = f"{milestone.source}|{milestone.id}"
        self.edges += [Edge(at, child, parent, True) for child, parent, at in batch.rows.links]
        self.edges += [Edge(at, one, other, False) for one, other, at in batch.rows.crossings]
        return batch.outcomes

    def read(self, streams: Sequence[int], upto: int) -> Iterable[LogRow]:
        """All milestones of streams up to a position."""
        wanted = set(streams)
        return [row for row in self.rows if row[1] in wanted and row[0] <= upto]

    def project(
        self, sizes: Iterable[int] = (), *, restart: bool = False, policies: Policies = DEFAULT_POLICIES
    ) -> Iterator[Change]:
        """What each milestone adds to the journal, taken in batches of these sizes, then all of the rest.

        restart: begin every batch with nothing in memory, as after a crash. policies: those in force.
        """
        edges = by_position(self.edges)
        clusters, after = Clusters(self.read, policies), 0
        for size in [*sizes, len(self.rows)]:
            rows = self.rows[after : after + size]
            if restart:
                clusters = Clusters(self.read, policies)
                clusters.learn(edge for edge in self.edges if edge.position <= after)
            touched = {row[1] for row in rows}
            for row in rows:
                touched |= {s for edge in edges.get(row[0], ()) for s in (edge.child, edge.parent)}
            clusters.prepare(touched, after)
            for row in rows:
                yield clusters.take(decode(row), edges.get(row[0], ()))
            after += len(rows)


class Posting(NamedTuple):
    """A journal row with the position from which on it is known."""

    position: int
    row: Row


def half_away(value: Fraction) -> int:
    """Rounded half away from zero."""
    floor = abs(value.numerator) // value.denominator
    up = 2 * abs(value.numerator) >= (2 * floor + 1) * value.denominator
    return (floor + up) * (1 if value >= 0 else -1)


def worth(row: Row, day: int) -> int:
    """What a posting counts for by the end of a day, minor units: accounting.md 3b, written anew."""
    amount, effective, start, end = row[5], row[7], row[8], row[9]
    if day < effective:
        return 0
    if day >= end:
        return amount
    return half_away(Fraction(amount) * Fraction(day - start + 1, end - start + 1))


class Books:
    """A journal, with the names of its deals, and questions about it."""

    def __init__(self, changes: Iterable[Change], ids: dict[int, str]) -> None:
        self.postings: list[Posting] = []
        self.names: dict[int, str] = {}
        self.signals: Counter[tuple[Any, ...]] = Counter()
        self.notices: Counter[tuple[Any, ...]] = Counter()
        self.places: dict[int | str, int] = {}
        self.dimensions: dict[tuple[int, str, int], str | None] = {}
        self.ids = ids
        self._changes = list(changes)
        for change in self._changes:
            self.postings += [Posting(change.position, row) for row in change.rows]
            self.names.update(change.names)
            self.dimensions.update({entry[:3]: entry[3] for entry in change.dimensions})
            for signal in change.signals:
                self.signals[signal[:-1]] += signal[-1]
            for notice in change.notices:
                self.notices[notice[:-1]] += notice[-1]
            self.places.update(change.places)

    def known(self, position: int) -> Books:
        """The books as known by a position."""
        return Books([change for change in self._changes if change.position <= position], self.ids)

    def minor(self, on: str | int, currency: str = "EUR", deal: str | None = None) -> dict[str, int]:
        """Account -> what it holds by the end of a day, minor units; zeros left out."""
        day = on if isinstance(on, int) else from_date(date.fromisoformat(on))
        held: defaultdict[str, int] = defaultdict(int)
        for _, row in self.postings:
            if row[4] == currency and (deal is None or self.names.get(row[0], "").endswith(deal)):
                value = worth(row, day)
                held[a.NAMES[row[2]]] -= value
                held[a.NAMES[row[3]]] += value
        return {name: amount for name, amount in sorted(held.items()) if amount}

    def _plane(self, plane: str, on: str, currency: str, deal: str | None) -> dict[str, str]:
        numbers = {name: number for number, name in a.NAMES.items()}
        return {
            name: format_minor(amount, currency)
            for name, amount in self.minor(on, currency, deal).items()
            if a.plane_of(numbers[name]) == plane and not name.startswith("source.")
        }

    def claims(self, on: str, currency: str = "EUR", deal: str | None = None) -> dict[str, str]:
        """Where the deal's value stands, between forecast and bank."""
        return self._plane("claims", on, currency, deal)

    def performance(self, on: str, currency: str = "EUR", deal: str | None = None) -> dict[str, str]:
        """What is owed to the customer and what is earned."""
        return self._plane("performance", on, currency, deal)

    def party(self, on: str, currency: str = "EUR", deal: str | None = None) -> dict[str, str]:
        """The customer's cash."""
        return self._plane("party", on, currency, deal)

    def run_rate(self, on: str, currency: str = "EUR", deal: str | None = None) -> dict[str, str]:
        """A year's worth; `contracted` here is what is not live yet."""
        return self._plane("run_rate", on, currency, deal)

    def beside(self, on: str, currency: str = "EUR", deal: str | None = None) -> dict[str, str]:
        """Weighted pipeline and disputed receivables."""
        return self._plane("memorandum", on, currency, deal)

    def recognised(self, on: str, currency: str = "EUR") -> str:
        """Recognised by the end of a day."""
        return self.performance(on, currency).get("recognised", format_minor(0, currency))

    def moved(self, debit: str, credit: str, currency: str = "EUR") -> str:
        """All that ever went from one account to another."""
        found = 0
        for _, row in self.postings:
            if (a.NAMES[row[2]], a.NAMES[row[3]], row[4]) == (debit, credit, currency):
                found += row[5]
        return format_minor(found, currency)

    def found(self) -> list[str]:
        """Codes of the exceptions that the rules found and that stand, sorted."""
        held: Counter[tuple[Any, ...]] = Counter()
        for (deal, fact, code, _, *rest), sign in self.signals.items():
            held[deal, fact, code, *rest] += sign
        return sorted(key[2] for key, sign in held.items() if sign > 0 and key[2].isupper())

    def deals(self) -> set[str]:
        """Names of the deals that are there."""
        return {name for name in self.names.values() if name}

    def in_force(self, topic: str) -> list[Any]:
        """Milestones of a type that concern the whole ledger and are in force, by their ids."""
        held = [(self.ids[at], CODEC.decode(name, state)) for at, name, state in self.notices.elements()]
        return [milestone for _, milestone in sorted(held, key=lambda one: one[0]) if milestone.name == topic]

    def standing(self, on: str) -> set[tuple[str, str, str, int, str]]:
        """What stands on a day: code, object, currency, amount, detail."""
        day = from_date(date.fromisoformat(on))
        held: Counter[tuple[Any, ...]] = Counter()
        for (_, fact, code, since, object_, currency, amount, detail), sign in self.signals.items():
            if since <= day:
                held[fact, code, object_, currency, amount, detail] += sign
        return {key[1:] for key, sign in held.items() if sign > 0}

    def net(self, known: int | None = None) -> Net:
        """Postings summed by everything but position; deals and facts by name, so that logs compare."""
        found: Net = Counter()
        for position, row in self.postings:
            if known is None or position <= known:
                found[self.names.get(row[0]), self.ids[row[1]], *row[2:5], *row[6:]] += row[5]
        return Counter({key: amount for key, amount in found.items() if amount})

    def outcome(self) -> tuple[Any, ...]:
        """All that the journal ends with, by names: postings, dimensions, signals, notices, places."""
        name = self.names.get
        grouped = {(name(d), n, day, value) for (d, n, day), value in self.dimensions.items() if value}
        held: Counter[tuple[Any, ...]] = Counter()
        for (deal, at, *rest), sign in self.signals.items():
            # what is settled is said of a fact, wherever that is shown
            held[None if rest[0] == "settled" else name(deal), self.ids[at], *rest] += sign
        found = {(*said, sign) for said, sign in held.items() if sign}
        noticed = {(self.ids[at], *rest, held) for (at, *rest), held in self.notices.items() if held}
        return self.net(), grouped, found, noticed

    def days(self) -> list[int]:
        """Days on which something begins, ends or is half done, and the days around them."""
        found: set[int] = set()
        for _, row in self.postings:
            for day in (row[7], row[8], (row[8] + row[9]) // 2, row[9]):
                found |= {day - 1, day, day + 1}
        return sorted(found)


def breaches(postings: Iterable[Posting], day: int) -> list[str]:
    """The laws of accounting.md section 2 on a day, worked out over postings; empty where all hold."""
    held: defaultdict[tuple[int, str, int], int] = defaultdict(int)
    flow: defaultdict[tuple[int, str, int, int], int] = defaultdict(int)
    for _, row in postings:
        assert a.plane_of(row[2]) == a.plane_of(row[3]), "a transfer stays in its plane"
        value = worth(row, day)
        held[row[0], row[4], row[2]] -= value
        held[row[0], row[4], row[3]] += value
        flow[row[0], row[4], row[2], row[3]] += value
    broken = []
    for deal, currency in sorted({key[:2] for key in held}):

        def at(*accounts: int, of: tuple[int, str] = (deal, currency)) -> int:
            return sum(held[*of, account] for account in accounts)

        def went(*pairs: tuple[int, int], of: tuple[int, str] = (deal, currency)) -> int:
            return sum(flow[*of, *pair] for pair in pairs)

        ends = (a.CREDITED_CONCESSION, a.CREDITED_RETURN, a.CREDITED_CANCELLATION, a.UNBILLED)
        invoiced = went((a.UNBILLED, a.RECEIVABLE))
        credited = went(*((a.OPEN_CREDIT, end) for end in ends))
        tax = went((a.SOURCE_TAX, a.RECEIVABLE)) - went((a.OPEN_CREDIT, a.SOURCE_TAX))
        both_sides = {
            "a": (
                at(a.UNBILLED) + invoiced - credited,
                at(a.UNPERFORMED, a.UNFULFILLED, a.RECOGNISED),
            ),
            "b": (
                went((a.PIPELINE, a.WON_UNORDERED)),
                at(a.WON_UNORDERED, a.DEBOOKED, *a.VARIANCES) + went((a.WON_UNORDERED, a.UNBILLED)),
            ),
            "c": (
                invoiced + tax - credited,
                at(a.RECEIVABLE, a.OPEN_CREDIT, a.CASH, a.WRITTEN_OFF, a.DISCOUNT, a.WITHHELD),
            ),
            "d": (went((a.SOURCE_BANK, a.UNAPPLIED)), at(a.UNAPPLIED, a.APPLIED)),
            "redated": (at(a.REDATED), 0),
        }
        broken += [
            f"({law}) of deal {deal} in {currency} on {day}: {left} != {right}"
            for law, (left, right) in both_sides.items()
            if left != right
        ]
    for currency in {key[1] for key in held}:
        cash = sum(v for (_, c, account), v in held.items() if c == currency and account == a.CASH)
        applied = sum(v for (_, c, account), v in held.items() if c == currency and account == a.APPLIED)
        if cash != applied:
            broken.append(f"(e) in {currency} on {day}: {cash} != {applied}")
        for plane, first in a.PLANES:
            total = sum(
                v for (_, c, account), v in held.items() if c == currency and a.plane_of(account) == plane
            )
            if total:
                broken.append(f"the plane from {first} does not balance in {currency} on {day}: {total}")
    return broken


def books_of(
    events: Sequence[Event],
    sizes: Iterable[int] = (),
    *,
    restart: bool = False,
    policies: Policies = DEFAULT_POLICIES,
) -> Books:
    """The books of a log that took in these events in this order."""
    log = MemoryLog()
    log.record(*events)
    return Books(log.project(sizes, restart=restart, policies=policies), log.ids)


def ledger(*events: Event) -> Books:
    """The books of a story. The laws are asserted on every day that matters; other orders end the same."""
    books = books_of(events)
    for day in books.days():
        assert breaches(books.postings, day) == []
    for order in (events[::-1], (*events[1::2], *events[::2])):
        other = books_of(order, (1, 2), restart=True)
        assert other.outcome() == books.outcome(), "the order of arrival mattered"
    return books
