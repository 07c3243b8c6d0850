"""A ledger on a real server, for tests of what is projected and reported.

Belongs here: a schema with its log, feeding events, generations of one log side by side. Does not belong
here: the fold without a database (tests/projections/books).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import Connection

from adapters.postgres.connections import conninfo_for
from adapters.postgres.migrate import migrate
from domain.arrivals import Outcome
from domain.canonical import content_digest, decode_json
from domain.contract import parse_event
from domain.ledger import Ledger
from projections import generations, reports
from projections.measures import VIEWS
from projections.projector import Projector
from tests.projections.events import Event

_COLUMNS = (
    "deal, fact, stated, effective, span_start, span_end, due, debit, credit, class, currency,"
    " sku, line, object"
)


class House:
    """One tenant: its log, a connection, and the generations made of it."""

    def __init__(self, url: str, schema: str) -> None:
        migrate(url, schema)
        self.schema = schema
        self.conninfo = conninfo_for(url, schema, application_name="tests")
        self.connection: Connection[Any] = self.connect()
        self.ledger = Ledger(
            {
                "PERSISTENCE_MODULE": "adapters.postgres.recorder",
                "DATABASE_URL": url,
                "DATABASE_SCHEMA": schema,
            }
        )

    def connect(self) -> Connection[Any]:
        """Another connection as the application's role."""
        return psycopg.connect(self.conninfo, autocommit=True)

    def close(self) -> None:
        """End what was opened."""
        self.connection.close()
        self.ledger.close()

    def record(self, events: Iterable[Event | bytes]) -> list[Outcome]:
        """Record events in one batch."""
        items = []
        for event in events:
            body = event if isinstance(event, bytes) else json.dumps(event).encode()
            value, plain = decode_json(body)
            milestone = parse_event(value)
            accepted = self.ledger.accept(body, source=milestone.source, received_at=0)
            items.append(self.ledger.prepare(accepted, milestone, content_digest(value, plain=plain)))
        return self.ledger.record(items)

    def head(self) -> int:
        """The last position of the log."""
        row = self.connection.execute("SELECT coalesce(max(position), 0) FROM log").fetchone()
        assert row is not None
        return int(row[0])

    def live(self) -> generations.Generation:
        """The generation that reports read."""
        found = generations.live(self.connection)
        assert found is not None, "something has been projected"
        return found

    def project(self) -> generations.Generation:
        """Bring the live generation to the head."""
        Projector(self.schema).catch_up(self.connection)
        return self.live()

    def another(self) -> int:
        """An empty generation beside the live one."""
        with self.connection.transaction():
            made = generations.make(self.connection, "building").id
            generations.index(self.connection, made)
        return made

    def built(self, sizes: Sequence[int] = (), *, afresh: bool = False) -> int:
        """A generation of the whole log, taken in batches of these sizes, then in batches of the last."""
        made, n = self.another(), 0
        projector = Projector(self.schema, made)
        while True:
            if afresh:
                projector = Projector(self.schema, made)
            size = sizes[min(n, len(sizes) - 1)] if sizes else 100_000
            if not projector.project(self.connection, size):
                return made
            n += 1

    def journal(self, generation: int, known: int | None = None) -> dict[tuple[Any, ...], int]:
        """Net postings of a generation, as known by a position, and else by position."""
        position = "0" if known is not None else "position"
        rows = self.connection.execute(
            f"SELECT {position}, {_COLUMNS}, sum(amount) FROM posting_g{generation}"
            f" WHERE position <= %s GROUP BY 1, {_COLUMNS} HAVING sum(amount) <> 0",
            (2**60 if known is None else known,),
        ).fetchall()
        return {row[:-1]: int(row[-1]) for row in rows}

    def beside(self, generation: int) -> dict[str, set[tuple[Any, ...]]]:
        """Names, dimensions and findings of a generation, as they stand at the head."""
        held = {}
        for table, key, value in (
            ("deal_name", "deal", "name"),
            ("deal_dimension", "deal, effective, name", "value"),
        ):
            rows = self.connection.execute(
                f"SELECT DISTINCT ON ({key}) {key}, {value} FROM {table}_g{generation}"
                f" ORDER BY {key}, position DESC"
            ).fetchall()
            held[table] = {row for row in rows if row[-1]}
        found = self.connection.execute(
            "SELECT deal, fact, code, effective, object, currency, amount, detail, sum(sign)"
            f" FROM signal_g{generation} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(sign) <> 0"
        ).fetchall()
        return held | {"signal": set(found)}

    def ask(
        self,
        view: str,
        start: str | None,
        end: str,
        *,
        by: tuple[str, ...] = (),
        known: int | None = None,
        generation: int | None = None,
        only: Mapping[str, str] = MappingProxyType({}),
    ) -> reports.Report:
        """A report; start None: since the beginning. only: filters."""
        query = reports.Query(
            view,
            None if start is None else date.fromisoformat(start),
            date.fromisoformat(end),
            self.head() if known is None else known,
            self.live().id if generation is None else generation,
            by,
            only,
            limit=reports.MAX_ROWS,
        )
        return reports.run(self.connection, query)

    def all_reports(self, generation: int, known: int, *ends: str) -> dict[tuple[str, str], reports.Report]:
        """Every view by deal and product at some dates, since the beginning."""
        return {
            (view, end): self.ask(
                view, None, end, by=("deal", "product", "customer"), known=known, generation=generation
            )
            for view in VIEWS
            for end in ends
        }
