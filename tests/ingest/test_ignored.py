"""Records that rightly yield nothing: their bytes are kept, once, so that a changed mapping can read them."""

from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from adapters.importing import import_path
from adapters.intake import Intake
from adapters.sources import Source, Translation
from adapters.sources.base import Record
from domain.ledger import Ledger
from domain.provenance import feed_of, provenance
from tests.domain.events import order
from tests.ingest.conftest import Ask
from tests.ingest.messages import said


class Lines(Source):
    """A record a line: `order` is one, anything else is left aside."""

    name = "lines"
    canonical = False
    stamp = "lines@1#aa"

    def records(self, path: Path) -> Any:
        return (Record(line, "") for line in path.read_bytes().splitlines())

    def translate(self, payload: bytes, instance: str) -> Translation:
        if payload.startswith(b"order"):
            return Translation((order(payload.decode(), payload.decode()),))
        return Translation(ignored="master_data")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lines"
    path.write_bytes(b"order1\ncustomer\norder2\nproduct\ncustomer\n")
    return path


def test_bytes_of_ignored_records_are_kept_once(intake: Intake, file: Path, ask: Ask) -> None:
    for _ in range(2):
        summary = import_path(intake, file, Lines(), "acme")
        assert summary.ignored == {"master_data": 3}
        assert summary.is_whole
        assert set(summary.milestones) <= {
            ("order.accepted.v1", "recorded"), ("order.accepted.v1", "duplicate"),
        }  # fmt: skip
    kept = ask("SELECT i.body, g.reason, g.mapping FROM ignored AS g JOIN inbox AS i ON i.id = g.inbox")
    assert sorted(kept) == [
        (b"customer", "master_data", "lines@1#aa/acme"), (b"product", "master_data", "lines@1#aa/acme"),
    ]  # fmt: skip
    assert ask("SELECT count(*) FROM inbox") == [(4,)]


def test_by_a_later_version_they_are_the_same_bytes(intake: Intake, file: Path, ask: Ask) -> None:
    import_path(intake, file, Lines(), "acme")
    later = Lines()
    later.stamp = "lines@2#bb"
    import_path(intake, file, later, "acme")
    assert ask("SELECT count(*) FROM ignored") == [(2,)]
    import_path(intake, file, Lines(), "other")
    assert ask("SELECT count(*) FROM ignored") == [(4,)]


def test_where_a_setting_says_so_those_of_files_are_counted_only(
    ledger: Ledger, pool: "ConnectionPool[Any]", file: Path, ask: Ask
) -> None:
    with Intake(ledger, pool, keeps_ignored=False) as intake:
        summary = import_path(intake, file, Lines(), "acme")
    assert (summary.recorded, summary.ignored) == (2, {"master_data": 3})
    assert ask("SELECT count(*) FROM ignored") == [(0,)]
    assert ask("SELECT count(*) FROM inbox") == [(2,)]


def test_an_ignored_record_is_answered_as_such(intake: Intake) -> None:
    preparation = intake.prepare_record(Lines(), b"customer", "acme")
    assert preparation.ignored == "master_data"
    (outcome,) = intake.record(preparation.items)
    assert said([outcome]) == [("ignored", None)]
    assert outcome.reasons[0].code == "master_data"


@pytest.mark.parametrize(
    ("text", "name", "version", "digest", "instance"),
    [
        ("stripe/acme", "stripe", None, None, "acme"),
        ("shop@3#0123456789abcdef/acme.eu", "shop", "3", "0123456789abcdef", "acme.eu"),
        ("shop#01/main", "shop", None, "01", "main"),
    ],
)
def test_what_is_kept_of_a_mapping_is_read_in_every_form(
    text: str, name: str, version: str | None, digest: str | None, instance: str
) -> None:
    found = provenance(text)
    assert found == (name, instance, version, digest)
    assert found.text == text
    assert feed_of(text) == f"{name}/{instance}"
