"""A ledger over HTTP that has read the shop's records by the first version of its mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from psycopg_pool import ConnectionPool

from adapters.importing import Summary, import_path
from adapters.intake import Intake
from adapters.postgres.connections import connect
from adapters.sources import SOURCES
from api.house import ledger_on
from tests.api.running import serving
from tests.remapping import shop


class Shop(NamedTuple):
    """The ledger, and two things that an engineer does beside it."""

    client: httpx.Client
    install: Callable[[str], None]
    feed: Callable[[list[dict[str, Any]]], Summary]
    intake: Intake
    pool: ConnectionPool[Any]

    def preview(self, **given: Any) -> dict[str, Any]:
        answer = self.client.post("/v1/mappings/preview", json={"mapping": "shop", **given})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def apply(self, **given: Any) -> httpx.Response:
        told = {"mapping": "shop", "actor": "ann", "reason": "the shop's due date is pay_by", **given}
        return self.client.post("/v1/mappings/apply", json=told)

    def events(self) -> list[dict[str, Any]]:
        """The log, in the order of recording; without what it says of those who worked on it."""
        page = self.client.get("/v1/milestones", params={"limit": 1_000}).json()
        return [one["event"] for one in page["milestones"] if one["event"]["type"] != "audit.recorded.v1"]


@pytest.fixture
def empty(
    database_url: str, fresh_schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    """The shop's ledger, its mapping in the first version, nothing read."""

    def install(text: str) -> None:
        monkeypatch.setitem(SOURCES, "shop", shop.source(text))

    install(shop.FIRST)
    with serving(database_url, fresh_schema) as client:
        ledger = ledger_on(database_url, fresh_schema)
        with connect(database_url, fresh_schema, max_size=4) as pool, Intake(ledger, pool) as intake:

            def feed(records: list[dict[str, Any]]) -> Summary:
                path = tmp_path / "till.jsonl"
                path.write_bytes(shop.lines(records))
                return import_path(intake, path, SOURCES["shop"], "acme")

            yield Shop(client, install, feed, intake, pool)
        ledger.close()


@pytest.fixture
def fed(empty: Shop) -> Shop:
    """The shop's ledger with all of its records read by the first version."""
    summary = empty.feed(shop.RECORDS)
    assert (summary.recorded, summary.ignored.total(), summary.quarantined.total()) == (5, 1, 2)
    return empty
