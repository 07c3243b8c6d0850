"""The sets of real files of ../shared/data, as docs/sources.md brings them in, each into a ledger of its own.

Belongs here: the commands and tables of that page, records of the sets, ledgers, and which documents of a set
belong together. Does not belong here: what the files add up to (scripts/straight).
"""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from adapters.importing import Summary, import_path
from adapters.intake import Intake
from adapters.postgres.connections import connect
from adapters.preparing import Preparation
from adapters.sources import SOURCES
from projections import bridge, laws
from projections.exceptions.listing import Query, exceptions
from tests.projections.served import House

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "sources.md"
DATA = ROOT.parent / "shared" / "data"
#: A day after everything that the sets tell.
LATE = date(2030, 12, 31)

Milestone = dict[str, Any]


class Set(NamedTuple):
    """A folder or file of ../shared/data, and how it is brought in."""

    name: str
    source: str
    instance: str

    @property
    def path(self) -> Path:
        """Where it stands."""
        return DATA / self.name


class Told(NamedTuple):
    """A record of a set. number: its place among all."""

    of: Set
    payload: bytes
    where: str
    number: int


def sets() -> list[Set]:
    """What the page brings in by `cairn ingest`, in its order."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("cairn ingest ") and "../shared/data/" in line:
            words = shlex.split(line)
            given = dict(zip(words[2:-1:2], words[3:-1:2], strict=True))
            name = words[-1].removeprefix("../shared/data/")
            found.append(Set(name, given["--source"], given["--instance"]))
    return found


def table(first: str) -> dict[str, dict[str, str]]:
    """The table of the page whose header begins with this cell: by row the cells by their column."""
    rows: list[list[str]] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith(f"| {first} |") or (rows and line.startswith("|")):
            rows.append(cells)
        elif rows:
            break
    assert rows, f"the page has a table {first!r}"
    return {row[0]: dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[2:]}


def records(several: Iterable[Set]) -> list[Told]:
    """Every record of some sets, in the order of their files."""
    found: list[Told] = []
    for one in several:
        for record in SOURCES[one.source].records(one.path):
            found.append(Told(one, record.payload, record.where, len(found)))
    return found


def milestones(one: Set) -> list[Milestone]:
    """What a set tells, each identity once."""
    found: dict[tuple[str, str], Milestone] = {}
    for record in SOURCES[one.source].records(one.path):
        for milestone in SOURCES[one.source].translate(record.payload, one.instance).milestones:
            told: Milestone = dict(milestone)
            found.setdefault((told["source"], told["id"]), told)
    return list(found.values())


class Ledger:
    """A tenant with its way in and its reports."""

    def __init__(self, house: House, intake: Intake) -> None:
        self.house = house
        self.intake = intake

    def bring_in(self, one: Set) -> Summary:
        """A set, as `cairn ingest` does."""
        summary = import_path(self.intake, one.path, SOURCES[one.source], one.instance, readers=0)
        self.house.project()
        return summary

    def deliver(self, told: Sequence[Told], size: int = 200) -> None:
        """Records in this order, with reports made in between."""
        for start in range(0, len(told), size):
            prepared: list[Preparation] = [
                self.intake.prepare_record(SOURCES[one.of.source], one.payload, one.of.instance)
                for one in told[start : start + size]
            ]
            self.intake.record(item for one in prepared for item in one.items)
            self.house.project()

    def answers(self) -> dict[str, Any]:
        """All that it reports of now, but what hangs on when and in which order things were recorded."""
        head, live = self.house.head(), self.house.live()
        connection = self.house.connection
        query = Query(LATE, head, live)
        found = [
            # conflicts and quarantine are numbered as they came
            (one.found.code, one.deal, "", "", None, "")
            if one.found.code in ("CONFLICT", "QUARANTINED")
            else (
                one.found.code,
                one.deal,
                one.found.object,
                one.found.currency,
                one.found.amount,
                one.found.detail,
            )
            for one in exceptions(connection, query)
        ]
        whole = bridge.run(connection, bridge.Query(LATE, head, live, limit=100_000))
        return {
            "reports": {
                name: (sorted(map(repr, report.rows)), report.totals)
                for name, report in self.house.all_reports(live.id, head, "2015-06-30", str(LATE)).items()
            },
            "exceptions": sorted(map(repr, found)),
            "bridge": (whole.rows, whole.figures, whole.totals),
        }

    def broken_laws(self) -> list[dict[str, Any]]:
        """What does not add up."""
        return laws.check(self.house.connection, self.house.live().id, LATE, self.house.head())

    def figures(self) -> dict[str, dict[str, str]]:
        """Totals by currency of bookings, billing and collections, since the beginning."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for view in ("bookings", "billing", "collections"):
            for row in self.house.ask(view, None, str(LATE)).totals:
                told = {name: value for name, value in row.items() if name != "currency" and value}
                found[str(row["currency"])] |= {name: str(value) for name, value in told.items()}
        return dict(found)


@contextmanager
def ledger(url: str, schema: str) -> Iterator[Ledger]:
    """A ledger in a new schema, which is dropped at the end."""
    house = House(url, schema)
    try:
        with (
            connect(url, schema, application_name="test", max_size=2) as pool,
            Intake(house.ledger, pool) as intake,
        ):
            yield Ledger(house, intake)
    finally:
        house.close()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '5s'")
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


#: Kinds of documents, by the types of the milestones that tell of one.
TYPES = {
    "opportunity": ("opportunity.opened", "opportunity.changed", "opportunity.won", "opportunity.lost"),
    "quote": ("quote.approved", "quote.accepted", "quote.rejected"),
    "order": ("order.submitted", "order.accepted"),
    "invoice": ("invoice.posted",),
    "credit": ("credit_memo.posted",),
    "receipt": ("payment.received",),
    "application": ("payment.applied",),
}


def subjects(told: Iterable[Milestone], kind: str) -> dict[str, Milestone]:
    """The documents of a kind, by their own key."""
    types = {f"{name}.v1" for name in TYPES[kind]}
    return {
        f"{one['source'][1:]}:{one['subject'].replace('/', ':', 1)}": one
        for one in told
        if one["type"] in types
    }


def links(told: Sequence[Milestone]) -> dict[str, tuple[int, int]]:
    """Of the documents of a kind how many reach one of another: by a deal's keys, or by the payment named."""
    deals = _deals(told)
    of = {kind: subjects(told, kind) for kind in TYPES}

    def reached(start: str, end: str) -> tuple[int, int]:
        ends = {deals[key] for key in of[end]}
        return sum(deals[key] in ends for key in of[start]), len(of[start])

    posted = {key for one in of["invoice"].values() for key in one["data"]["keys"] if ":invoice:" in key}
    paid = {f"{one['source'][1:]}:invoice:{one['data']['invoice']}" for one in of["application"].values()}
    received = {key for one in of["receipt"].values() for key in one["data"]["keys"]}
    applied = [f"{one['source'][1:]}:payment:{one['data']['payment']}" for one in of["application"].values()]
    return {
        "quote → order": reached("quote", "order"),
        "quote → invoice": reached("quote", "invoice"),
        "order → invoice": reached("order", "invoice"),
        "credit → invoice": reached("credit", "invoice"),
        "application → invoice": (len(paid & posted), len(paid)),
        "application → receipt": (sum(key in received for key in applied), len(applied)),
        "invoice → receipt": (
            sum(
                f"{one['source'][1:]}:payment:{one['data']['payment']}" in received
                and f"{one['source'][1:]}:invoice:{one['data']['invoice']}" in posted
                for one in of["application"].values()
            ),
            len(of["invoice"]),
        ),
    }


def _deals(told: Iterable[Milestone]) -> dict[str, str]:
    """By key the least key that it is tied to. Keys of payments, customers and products tie nothing."""
    above: dict[str, str] = {}

    def top(key: str) -> str:
        while above.setdefault(key, key) != key:
            key = above[key]
        return key

    for one in told:
        keys = sorted(key for key in one["data"]["keys"] if key.split(":")[1] not in _LOOSE)
        own = f"{one['source'][1:]}:{one['subject'].replace('/', ':', 1)}"
        for key in (own, *keys) if own.split(":")[1] not in _LOOSE else keys:
            low, high = sorted((top(keys[0] if keys else key), top(key)))
            above[high] = low
        top(own)
    return {key: top(key) for key in list(above)}


_LOOSE = ("payment", "customer", "product")
