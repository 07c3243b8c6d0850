"""Properties of what is served: stories on a real server, each in a schema of its own.

Belongs here: what a journal in SQL must agree with, itself made another way or the books in memory. Does not
belong here: the fold alone (`folding`).
"""

from __future__ import annotations

import json
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from itertools import count, pairwise
from typing import Any, Final

import psycopg
from psycopg import sql

from domain.instants import from_date
from domain.money import format_minor
from projections import accounts as a
from projections import bridge, rebuild, reports
from projections.measures import VIEWS
from scripts.campaigning.trying import Property, Story, shuffled
from tests.projections import in_memory
from tests.projections.books import Books as MemoryBooks
from tests.projections.books import MemoryLog, Posting, worth
from tests.projections.served import House
from tests.projections.stories import crowd

_FIRST: Final = date(2023, 12, 31)
_BY: Final = ("deal", "product", "customer")
_BRIDGED: Final = ("deal", "customer")
_server: dict[str, str] = {}
_schemas = count(1)


def use(url: str) -> None:
    """Name the server on which stories are told, once a process."""
    _server["url"] = url


@contextmanager
def house() -> Iterator[House]:
    """An empty tenant, which is dropped afterwards."""
    schema = f"campaign_{os.getpid():x}_{next(_schemas):x}"
    made = House(_server["url"], schema)
    try:
        yield made
    finally:
        made.close()
        with psycopg.connect(_server["url"], autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def drawn(dice: random.Random) -> Story:
    """A crowd of up to eight groups of deals."""
    return crowd(int(dice.random() * 10**9), 1 + int(dice.random() * 8), 4 + int(dice.random() * 10))


def _some_days(dice: random.Random) -> list[date]:
    return [_FIRST + timedelta(days=int(dice.random() * 800)) for _ in range(2)]


def _pieces(story: Story, dice: random.Random) -> Iterator[Story]:
    start = 0
    while start < len(story):
        size = 1 + int(dice.random() * 20)
        yield story[start : start + size]
        start += size


def answers(
    here: House,
    generation: int,
    known: int,
    ends: list[date],
    bases: tuple[str, ...] = ("restated", "as_reported"),
) -> dict[str, str]:
    """Every view on some days on both bases, each as the text that it comes to."""
    found: dict[str, str] = {}
    for view in VIEWS:
        for basis in bases:
            for end in ends:
                query = reports.Query(
                    view, None, end, known, generation, _BY, limit=reports.MAX_ROWS, basis=basis
                )
                try:
                    report = reports.run(here.connection, query)
                except reports.ReportRefused:
                    continue  # a view without a meaning on this basis
                found[f"{view} {basis} on {end}"] = json.dumps([report.rows, report.totals])
    return found


def _apart(found: str, expected: str) -> str:
    """The first rows in which two answers differ."""
    one, other = (
        [json.dumps(row) for part in json.loads(text) for row in part] for text in (found, expected)
    )
    only = [row for row in one if row not in other][:2], [row for row in other if row not in one][:2]
    return f"{only[0]} against {only[1]}" if any(only) else "the same rows in another order"


def any_batches(story: Story, dice: random.Random) -> str | None:
    """Reports of a journal made in random batches are those of one made in one go, and of a rebuild."""
    with house() as here:
        for piece in _pieces(story, dice):
            here.record(piece)
            if dice.random() < 0.3:
                here.project()
        live, head = here.project().id, here.head()
        sizes = [1 + int(dice.random() * 30) for _ in range(5)]
        # first, since it clears away what others have begun to build
        rebuilt = rebuild.rebuild(here.conninfo, here.schema, workers=1).generation
        others = {
            "by a rebuild": rebuilt,
            "in one go": here.built(),
            f"in batches of {sizes}": here.built(sizes, afresh=dice.random() < 0.5),
        }
        ends = _some_days(dice)
        for known in (head, 1 + int(dice.random() * head)):
            expected = answers(here, live, known, ends)
            for how, generation in others.items():
                found = answers(here, generation, known, ends)
                for question, answer in expected.items():
                    if found.get(question) != answer:
                        return (
                            f"{question} as known by {known}, made {how}: {found.get(question)} != {answer}"
                        )
    return None


def any_order_served(story: Story, dice: random.Random) -> str | None:
    """Two ledgers that took in the same messages, in other orders and batches, report the same."""
    again = shuffled(story, dice)
    ends = _some_days(dice)
    told: list[dict[str, str]] = []
    for order in (story, again):
        with house() as here:
            for piece in _pieces(order, dice):
                here.record(piece)
                if dice.random() < 0.3:
                    here.project()
            live = here.project().id
            told.append(answers(here, live, here.head(), ends, ("restated",)) | _bridges(here, ends))
    for question, answer in told[0].items():
        if told[1][question] != answer:
            order_told = [event["id"] for event in again]
            return f"{question}, told in the order {order_told}: {_apart(told[1][question], answer)}"
    return None


def _bridges(here: House, ends: list[date]) -> dict[str, str]:
    found: dict[str, str] = {}
    for end in ends:
        query = bridge.Query(end, here.head(), here.live(), _BRIDGED, limit=reports.MAX_ROWS)
        report = bridge.run(here.connection, query)
        found[f"bridge on {end}"] = json.dumps([report.rows, report.figures, report.totals])
    return found


def bridge_adds_up(story: Story, dice: random.Random) -> str | None:
    """What the bridge takes away in each step is the difference of its ends, per deal and in all."""
    with house() as here:
        here.record(story)
        live, known = here.project(), 1 + int(dice.random() * here.head())
        for end in _some_days(dice):
            for at in (known, here.head()):
                found = bridge.run(here.connection, bridge.Query(end, at, live, limit=reports.MAX_ROWS))
                told = _left_over(found)
                if told is not None:
                    return f"on {end} as known by {at}: {told}"
    return None


def _left_over(found: bridge.Bridge) -> str | None:
    parts: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for row in found.rows:
        parts[row["deal"], row["currency"], row["step"]] += Decimal(str(row["amount"]))
        if row["reason"] == "unexplained":
            return f"unexplained: {row}"
    for total in found.totals:
        for row in total["rows"]:
            parts[None, total["currency"], row["step"]] += Decimal(str(row["amount"]))
    for figures in (*found.figures, *found.totals):
        for step, (before, after) in zip(bridge.STEPS, pairwise(bridge.FIGURES), strict=True):
            wanted = Decimal(str(figures[before])) - Decimal(str(figures[after]))
            left = wanted - parts[figures.get("deal"), figures["currency"], step]
            if left:
                return f"{left} is left of {step} in {figures}"
    return None


#: (view, measure) -> accounts whose balance it is.
_BALANCES: Final = {
    ("pipeline", "open"): (a.PIPELINE,),
    ("backlog", "won_unordered"): (a.WON_UNORDERED,),
    ("backlog", "unbilled"): (a.UNBILLED,),
    ("backlog", "unperformed"): (a.UNPERFORMED, a.UNFULFILLED),
    ("backlog", "unfulfilled"): (a.UNFULFILLED,),
    ("billing", "recognised"): (a.RECOGNISED,),
    ("collections", "receivable"): (a.RECEIVABLE,),
    ("collections", "cash"): (a.CASH,),
    ("collections", "unapplied"): (a.UNAPPLIED,),
    ("collections", "disputed"): (a.DISPUTED,),
    ("arr", "contracted"): (a.CONTRACTED, a.LIVE),
    ("arr", "live"): (a.LIVE,),
}


def sql_equals_python(story: Story, dice: random.Random) -> str | None:
    """Balances in reports are those that the postings are worth, worked out apart from the SQL."""
    log = MemoryLog()
    log.record(*story)
    changes = list(log.project())
    with house() as here:
        here.record(story)
        generation = here.project().id
        for end in _some_days(dice):
            known = 1 + int(dice.random() * here.head())
            books = MemoryBooks([change for change in changes if change.position <= known], log.ids)
            for (view, measure), accounts in _BALANCES.items():
                query = reports.Query(view, None, end, known, generation, ("deal",), limit=reports.MAX_ROWS)
                rows = reports.run(here.connection, query).rows
                found = {
                    (r["deal"], str(r["currency"])): r[measure] for r in rows if Decimal(r[measure] or 0)
                }
                expected = _held(books, books.postings, accounts, from_date(end))
                if found != expected:
                    apart = {key: (found.get(key), expected.get(key)) for key in {*found, *expected}}
                    wrong = {key: pair for key, pair in apart.items() if pair[0] != pair[1]}
                    return f"{view}.{measure} on {end} as known by {known}, (SQL, Python): {wrong}"
    return None


def _held(
    books: MemoryBooks, postings: list[Posting], accounts: tuple[int, ...], day: int
) -> dict[tuple[Any, str], str]:
    held: dict[tuple[Any, str], int] = {}
    for _, row in postings:
        sign = (row[3] in accounts) - (row[2] in accounts)
        if sign:
            key = books.names.get(row[0]), row[4]
            held[key] = held.get(key, 0) + sign * worth(row, day)
    return {key: format_minor(amount, key[1]) for key, amount in held.items() if amount}


def columns_equal_sql(story: Story, dice: random.Random) -> str | None:
    """Any question is answered from memory as SQL answers it, also while facts come in."""
    with house() as here:
        pieces = _pieces(story, dice)
        here.record(next(pieces))
        generation = here.project().id
        memory = in_memory.loaded(here.connection, generation)
        for piece in pieces:
            here.record(piece)
            here.project()
            questions = in_memory.Questions(here.connection, generation, dice, _FIRST, 800)
            for known in (here.head(), 1 + int(dice.random() * here.head())):
                told = in_memory.differs(here.connection, memory, questions.draw(known))
                if told is not None:
                    return told
    return None


PROPERTIES: Final = (
    Property("batches", drawn, any_batches, served=True),
    Property("sql_equals_python", drawn, sql_equals_python, served=True),
    Property("columns_equal_sql", drawn, columns_equal_sql, served=True),
    Property("order_served", drawn, any_order_served, served=True),
    Property("bridge", drawn, bridge_adds_up, served=True),
)
