"""Folding one deal again: what would go and come, which figures would change; and nothing is written."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from projections import casework, generations
from projections.deals import DealUnknown
from projections.journal import TABLES
from projections.refolding import COLUMNS, split, values_of
from projections.rules import pipeline
from tests.projections import revising as r
from tests.projections.events import Event
from tests.projections.served import House
from tests.projections.stories import usual

AT = date(2024, 6, 30)
KEY = r.order_key("SO-O-1")


@pytest.fixture
def told(house: House) -> House:
    """A tenant with three deals."""
    for number in ("O-1", "O-2", "O-3"):
        house.record(usual(number))
    house.project()
    return house


def everything(house: House) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables of the schema."""
    names = house.connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", (house.schema,)
    ).fetchall()
    return {
        name: house.connection.execute(f"SELECT t::text FROM {name} t ORDER BY 1").fetchall()
        for (name,) in names
        if name != "migration"
    }


def test_a_deal_that_is_as_it_ought_to_be_comes_to_the_same(told: House) -> None:
    before = everything(told)
    found = casework.refold(told.connection, KEY, AT)
    assert found.is_same
    assert (found.differences, found.changes, found.breaches) == ([], [], [])
    assert found.milestones == len(usual("O-1"))
    assert found.streams == sorted(found.streams)
    assert found.deals == [1]
    assert found.live == found.ours == generations.rules_digest()
    assert everything(told) == before, "nothing is written"


def test_another_rule_shows_the_postings_and_figures_that_change(
    told: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    won = pipeline.won

    def twice(deal: object, fact: object) -> None:
        won(deal, fact)  # type: ignore[arg-type]
        deal.post(11, 13, "EUR", 100, "S")  # type: ignore[attr-defined]

    monkeypatch.setattr(pipeline, "won", twice)
    from projections import fold

    monkeypatch.setattr(fold, "_rules", {})
    before = everything(told)
    found = casework.refold(told.connection, KEY, AT)
    (difference,) = found.differences
    assert difference.table == "posting"
    assert difference.journal is None
    assert difference.fold is not None
    assert (difference.fold["amount"], difference.fold["fact"]) == (100, 2)
    (change,) = found.changes
    assert change.deal == 1
    assert change.name == "crm/salesforce/acme:opportunity:O-1"
    won_before = change.before["EUR", "bookings", "won"]
    assert change.after["EUR", "bookings", "won"] == won_before + 100
    assert everything(told) == before, "nothing is written"


def test_a_row_that_was_changed_by_hand_is_shown_with_what_it_ought_to_be(
    told: House, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as superuser:
        superuser.execute(
            f"UPDATE {told.schema}.posting_g{told.live().id} SET amount = amount + 7"
            " WHERE debit = 15 AND credit = 19 AND deal = 1"
        )
    found = casework.refold(told.connection, KEY, AT)
    (difference,) = found.differences
    assert difference.journal is not None
    assert difference.fold is not None
    assert difference.journal["amount"] == difference.fold["amount"] + 7
    (change,) = found.changes
    assert change.before["EUR", "billing", "invoiced"] == change.after["EUR", "billing", "invoiced"] + 7
    assert found.breaches == [], "of the fold, not of the journal"
    other = casework.refold(told.connection, r.order_key("SO-O-2"), AT)
    assert other.is_same


def test_policies_that_wait_for_a_rebuild_are_tried_on_the_deal(told: House) -> None:
    told.record([r.policy("2024-01-01", "2", {"proration": "monthly", "liability": "due"})])
    told.project()
    found = casework.refold(told.connection, KEY, AT)
    assert len(found.policies) > 1
    assert found.changes
    kept = casework.refold(told.connection, KEY, AT, policies=told.live().policies)
    assert kept.is_same


def test_an_unknown_key_is_refused(told: House) -> None:
    with pytest.raises(DealUnknown):
        casework.refold(told.connection, r.order_key("NONE"), AT)


def test_packed_rows_are_those_of_the_server(told: House) -> None:
    """Splitting and reading packed rows, against what PostgreSQL says of the same rows."""
    story: list[Event] = [r.split("2024-05-01", KEY), r.rate("2024-01-01", "USD", "EUR", "0.9")]
    told.record(story)
    told.project()
    for table in TABLES:
        name = f"{table}_g{told.live().id}"
        with told.connection.cursor().copy(f"COPY {name} TO STDOUT (FORMAT binary)") as copy:
            packed = b"".join(bytes(block) for block in copy)[19:-2]
        expected = told.connection.execute(f"SELECT * FROM {name}").fetchall()
        assert expected, f"{table} holds rows"
        found = [tuple(values_of(table, row).values()) for row in split(packed)]
        assert found == expected
        assert [key for key, _ in COLUMNS[table]] == list(values_of(table, next(split(packed))))
