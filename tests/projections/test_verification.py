"""Verification: an untouched ledger passes however it was told; whatever is changed by hand is found."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import psycopg
import pytest

from projections import checking, generations, rebuild
from projections.checking import Checked, Wanted, check
from projections.journal import TABLES
from projections.refolding import COLUMNS
from tests.projections import revising as r
from tests.projections.events import Event
from tests.projections.served import House
from tests.projections.stories import crowd, usual

AT = date(2025, 6, 30)


def checked(house: House, **wanted: Any) -> Checked:
    return check(house.conninfo, Wanted(**wanted), AT, workers=1)


def tell(house: House, story: list[Event], dice: random.Random) -> None:
    """Record a story in pieces, and project it now and then."""
    at = 0
    while at < len(story):
        size = 1 + int(dice.random() * 20)
        house.record(story[at : at + size])
        at += size
        if dice.random() < 0.3:
            house.project()
    house.project()


@pytest.fixture
def told(house: House) -> House:
    """A tenant with deals in it that share payments, are linked, split, corrected; every table holds rows."""
    story = [event for n in range(1, 5) for event in usual(f"O-{n}")]
    split = r.split("2024-04-01", r.order_key("SO-O-2"))
    house.record([*story, split, r.rate("2024-01-01", "USD", "EUR", "0.9")])
    house.project()
    return house


def owner(url: str, house: House, statement: str) -> int:
    """Run a statement past the application, as the owner: rows that it changed. {g}: the live generation."""
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(f"SET search_path = {house.schema}".encode())
        return superuser.execute(statement.format(g=house.live().id).encode()).rowcount


def test_the_columns_are_those_of_the_tables(told: House) -> None:
    kinds = {"bigint": "i", "smallint": "i", "integer": "i", "date": "d", "text": "t", "bytea": "b"}
    for table in TABLES:
        rows = told.connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s"
            " AND table_name = %s ORDER BY ordinal_position",
            (told.schema, f"{table}_g{told.live().id}"),
        ).fetchall()
        assert [(name, kinds[kind]) for name, kind in rows] == list(COLUMNS[table])


@pytest.mark.parametrize("seed", range(8))
def test_an_untouched_ledger_passes_however_it_was_told(
    house: House, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    tell(house, crowd(seed, 8, 14), dice)
    monkeypatch.setattr(checking, "SPAN", 1 + int(dice.random() * 40))
    for _ in range(2):
        found = checked(house)
        assert found.differences == []
        assert found.breaches == []
        assert found.holds
        assert (found.milestones, found.position) == (house.head(), house.head())
        rows = 0
        for table in TABLES:
            counted = house.connection.execute(f"SELECT count(*) FROM {table}_g{found.generation}")
            rows += (counted.fetchone() or (0,))[0]
        assert found.rows == rows, "every row of the generation is compared, once"
        rebuild.rebuild(house.conninfo, house.schema, workers=1)


def test_several_processes_find_the_same(told: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "SPAN", 7)
    stages: list[tuple[str, int]] = []
    found = check(
        told.conninfo, Wanted(), AT, workers=2, report=lambda stage, done: stages.append((stage, done))
    )
    assert found == checked(told)
    assert found.holds
    assert stages[0] == ("log", 0)
    assert stages[-1] == ("laws", told.head())


def test_a_sample_looks_at_some_deals_only(told: House) -> None:
    assert 0 < checked(told, deals=1).milestones < told.head()
    assert 0 < checked(told, part=0.2).milestones < told.head()
    everything = checked(told, part=1.0)
    assert (everything.milestones, everything.holds) == (told.head(), True)
    assert checked(told, deals=10_000) == everything


CHANGES = {
    "posting": [
        "UPDATE posting_g{g} SET amount = amount + 1 WHERE debit = 11 AND credit = 13",
        "UPDATE posting_g{g} SET sku = 'X' WHERE sku = 'G'",
        "UPDATE posting_g{g} SET sku = '' WHERE sku IS NULL",
        "UPDATE posting_g{g} SET span_end = span_end + 1 WHERE span_end IS NOT NULL",
        "UPDATE posting_g{g} SET position = position + 1 WHERE position = 3",
        "UPDATE posting_g{g} SET deal = deal + 1 WHERE position = 3",
        "UPDATE posting_g{g} SET fact = fact - 1 WHERE position = 3",
        "UPDATE posting_g{g} SET due = due + 1 WHERE due IS NOT NULL",
        "UPDATE posting_g{g} SET class = 4 WHERE class = 1",
        "UPDATE posting_g{g} SET deal = 99999999 WHERE position = 3",
        "UPDATE posting_g{g} SET deal = -99999999 WHERE position = 3",
        "DELETE FROM posting_g{g} WHERE position = 3",
        "DELETE FROM posting_g{g}",
        "INSERT INTO posting_g{g} SELECT * FROM posting_g{g} WHERE position = 3",
        # two rows that exchange their amounts
        "UPDATE posting_g{g} SET amount = 235000 - amount WHERE amount IN (120000, 115000)",
    ],
    "deal_name": [
        "UPDATE deal_name_g{g} SET name = name || 'x' WHERE position = 1",
        "UPDATE deal_name_g{g} SET position = position + 1 WHERE position = 1",
        "DELETE FROM deal_name_g{g} WHERE position = 1",
        "INSERT INTO deal_name_g{g} VALUES (77777777, 1, 'x')",
        "INSERT INTO deal_name_g{g} VALUES (1, 99999999, 'x')",
        "INSERT INTO deal_name_g{g} VALUES (0, 1, 'x')",
    ],
    "deal_dimension": [
        "UPDATE deal_dimension_g{g} SET value = 'large' WHERE value = 'smb'",
        "UPDATE deal_dimension_g{g} SET value = NULL WHERE value = 'smb'",
        "DELETE FROM deal_dimension_g{g}",
        "INSERT INTO deal_dimension_g{g} SELECT * FROM deal_dimension_g{g} LIMIT 1",
    ],
    "signal": [
        "UPDATE signal_g{g} SET sign = -sign",
        "DELETE FROM signal_g{g} WHERE ctid = (SELECT min(ctid) FROM signal_g{g})",
        "INSERT INTO signal_g{g} SELECT * FROM signal_g{g} LIMIT 1",
    ],
    "notice": [
        "UPDATE notice_g{g} SET state = state || 'x'::bytea",
        "UPDATE notice_g{g} SET fact = 1",
        "DELETE FROM notice_g{g}",
        "INSERT INTO notice_g{g} SELECT fact, 99999999, sign, topic, state FROM notice_g{g} LIMIT 1",
    ],
    "fact_place": [
        "UPDATE fact_place_g{g} SET deal = 0",
        "DELETE FROM fact_place_g{g}",
        "INSERT INTO fact_place_g{g} SELECT * FROM fact_place_g{g} LIMIT 1",
        "INSERT INTO fact_place_g{g} VALUES (1, 99999999, -5)",
    ],
    "key_place": [
        "UPDATE key_place_g{g} SET key = key || 'x'",
        "DELETE FROM key_place_g{g}",
        "INSERT INTO key_place_g{g} SELECT * FROM key_place_g{g} LIMIT 1",
    ],
}


@pytest.mark.parametrize(
    ("table", "change"), [(table, change) for table, changes in CHANGES.items() for change in changes]
)
def test_a_row_that_was_tampered_with_is_found_in_its_table(
    told: House, database_url: str, table: str, change: str
) -> None:
    assert owner(database_url, told, change) > 0
    found = checked(told)
    assert found.differing > 0
    assert {one.table for one in found.differences} == {table}
    assert not found.holds


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("UPDATE log SET state = '\\x00' WHERE position = 3", "can't be read"),
        ("UPDATE log SET identity = gen_random_uuid() WHERE position = 3", "identity"),
        ("UPDATE log SET version = version + 50 WHERE position = 3", "version"),
        ("UPDATE inbox SET body = body || ' '::bytea WHERE id = 3", "digest"),
        ("DELETE FROM inbox WHERE id = 3", "missing"),
        ("DELETE FROM log WHERE position = 3", "no milestone at positions 3 to 3"),
        ("UPDATE log_commit SET last = last - 1", "commit"),
    ],
)
def test_a_log_that_was_tampered_with_is_found(
    told: House, database_url: str, change: str, wrong: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as superuser:
        superuser.execute(f"SET search_path = {told.schema}".encode())
        superuser.execute("SET session_replication_role = replica")
        assert superuser.execute(change.encode()).rowcount > 0
    found = checked(told)
    assert not found.holds
    if wrong:
        assert any(wrong in one.wrong for one in found.differences), found.differences


def test_a_difference_names_deal_fact_and_both_rows(told: House, database_url: str) -> None:
    owner(database_url, told, "UPDATE posting_g{g} SET amount = amount + 1 WHERE fact = 2 AND debit = 11")
    (one,) = checked(told).differences
    assert (one.table, one.fact, one.position) == ("posting", 2, 2)
    assert one.journal is not None
    assert one.fold is not None
    assert one.journal["amount"] == one.fold["amount"] + 1
    assert {**one.journal, "amount": 0} == {**one.fold, "amount": 0}
    assert one.deal == one.fold["deal"]


def test_what_is_recorded_and_projected_meanwhile_is_no_difference(told: House) -> None:
    def go_on(stage: str, _done: int) -> None:
        if stage in ("sets", "strays"):
            told.record(usual(f"O-{told.head() + 100}"))
            told.project()

    before = told.head()
    found = check(told.conninfo, Wanted(), AT, workers=1, report=go_on)
    assert (found.position, found.milestones, found.differences) == (before, before, [])
    assert told.head() > before


def test_another_generation_can_be_checked(told: House, database_url: str) -> None:
    old = told.live().id
    owner(database_url, told, "UPDATE posting_g{g} SET amount = amount + 1 WHERE fact = 2 AND debit = 11")
    rebuild.rebuild(told.conninfo, told.schema, workers=1)
    assert checked(told).holds, "a rebuild puts it right"
    found = checked(told, generation=old)
    assert (found.generation, found.differing) == (old, 1)
    with pytest.raises(checking.CheckRefused, match="no generation 4711"):
        checked(told, generation=4711)


def test_rules_that_have_changed_since_are_no_difference(
    told: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "rules_digest", lambda: "other")
    with pytest.raises(checking.OtherRules, match="cairn rebuild"):
        checked(told)
