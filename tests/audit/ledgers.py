"""Ledgers for the tests of bundles: a desk that records, exports and signs, and what is recorded at it.

Belongs here: putting one together on a schema. Does not belong here: forging bundles (tests/audit/forging).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.intake import Intake
from adapters.postgres.connections import connect
from adapters.postgres.migrate import migrate
from adapters.sources import SOURCES, Source
from adapters.transparency.keys import make_key
from api import exporting
from api.checkpoints import Means, Plan, fresh
from api.house import connection_to, ledger_on
from api.trail import Trail
from domain.arrivals import Outcome
from domain.ledger import Ledger
from domain.notes import VerifierKey
from tests.projections import events as e
from tests.projections import revising as r
from tests.remapping import shop

Event = dict[str, Any]


@dataclass
class Desk:
    """A ledger, and what is done with it. key: what bundles are signed with."""

    connection: Connection[Any]
    ledger: Ledger
    intake: Intake
    pool: ConnectionPool[Any]
    means: Means
    folder: Path
    key: VerifierKey | None = None

    def record(self, *events: Event) -> list[Outcome]:
        """Record events in one commit."""
        return self.intake.record([self.intake.prepare_event(json.dumps(one).encode()) for one in events])

    def feed(self, source: Source, *records: Mapping[str, Any], instance: str = "acme") -> list[Outcome]:
        """Record what a mapping reads, a message each."""
        items = [
            item
            for one in records
            for item in self.intake.prepare_record(source, json.dumps(one).encode(), instance).items
        ]
        return self.intake.record(items)

    def checkpoint(self) -> str:
        """A signed note of everything that is recorded now."""
        return fresh(self.connection, self.means).note

    def export(self, *, payloads: bool = True) -> bytes:
        """A bundle of everything that is recorded now."""
        path = self.folder / "bundle.cairn"
        self.key = exporting.export(self.connection, self.means, path, payloads=payloads).key
        return path.read_bytes()


@contextmanager
def desk(url: str, schema: str, folder: Path) -> Iterator[Desk]:
    """A ledger in a schema that is made for it, its key in a folder."""
    migrate(url, schema)
    key = folder / "signing.key"
    make_key(key)
    with ExitStack() as open_:
        ledger = ledger_on(url, schema)
        open_.callback(ledger.close)
        pool = open_.enter_context(connect(url, schema, max_size=4))
        intake = open_.enter_context(Intake(ledger, pool))
        connection = open_.enter_context(connection_to(url, schema, "test"))
        plan = Plan(schema, True, str(key), False, "cairn/test", 0, None)
        means = Means(plan, Trail.of(intake, schema).noticed, 30.0)
        yield Desk(connection, ledger, intake, pool, means, folder)


def story() -> Sequence[Sequence[Event]]:
    """Two deals in some commits: joined, corrected, paid, one of them voided in part; a policy, a rate."""
    sold = e.line("SUB", "1200.00", "2026-01-01", "2026-12-31")
    invoice = e.invoiced("2026-02-01", "I-1", e.line("SUB", "1200.00", of="SO-1/1"))
    wrong = e.won("2026-01-12", e.line("SVC", "90.00"), number="O-2", id_="won-2")
    return [
        [
            e.won("2026-01-10", sold, id_="won-1"),
            e.accepted("2026-01-11", sold, deal="O-1", id_="accepted-1"),
        ],
        [invoice],
        [e.received("2026-02-20", "P-1", "1200.00"), e.applied("2026-02-21", "P-1", "I-1", "700.00")],
        [wrong, e.accepted("2026-01-13", e.line("SVC", "80.00"), order="SO-2", deal=None)],
        [r.linked("2026-01-14", r.opportunity_key("O-2"), r.order_key("SO-2"))],
        [r.corrected("2026-01-15", wrong, e.won("2026-01-12", e.line("SVC", "80.00"), number="O-2"))],
        [r.void("2026-01-16", invoice)],
    ]


def tell(at: Desk) -> None:
    """Record the story, two messages of a mapping and an entry of the trail, with a checkpoint between."""
    *most, last = story()
    for events in most[:3]:
        at.record(*events)
    at.checkpoint()
    for events in most[3:]:
        at.record(*events)
    at.feed(SOURCES["shop"], shop.invoice(1), shop.invoice(2))
    at.record(*last)
    Trail.of(at.intake, "test").acted("test.told", {"what": "a story"})
