"""cairn check looks at what the log's decisions left beside it, and at what came in and is no milestone."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import date

import psycopg
import pytest

from adapters.postgres import deciding
from api import verifying
from domain.arrivals import Fetch, left_aside, refused, sparse
from domain.refusals import Reason
from projections.checking import Checked, Wanted, check
from tests.api.running import cairn, environment
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.served import House
from tests.projections.stories import crowd, usual

AT = date(2025, 6, 30)
#: In microseconds.
HOUR = 3_600_000_000


@pytest.fixture
def house(database_url: str, fresh_schema: str) -> Iterator[House]:
    """A tenant with rows in all tables that decisions leave, and messages of every fate."""
    house = House(database_url, fresh_schema)
    try:
        tell(house)
        yield house
    finally:
        house.close()


def tell(house: House) -> None:
    story = [event for n in range(1, 4) for event in usual(f"O-{n}")]
    first = {**story[0], "sequence": "1"}
    early = e.received("2024-04-01", "P-9", "1.00")
    house.record([first, *story[1:]])
    house.record(
        [r.void("2024-04-02", early), r.linked("2024-04-03", r.order_key("SO-O-1"), r.order_key("SO-O-2"))]
    )
    house.record([early])
    other = deepcopy(first)
    other["data"]["effective_on"] = "2023-12-31"
    assert [one.outcome for one in house.record([other])] == ["conflict"]
    ledger = house.ledger
    accepted = [
        ledger.accept(name.encode(), source="/erp/one", received_at=hours * HOUR, mapping="erp@1#ab/one")
        for name, hours in (("held", 0), ("left", 0), ("asks", 2), ("asks again", 3))
    ]
    fetch = [Fetch("orders", "7")]
    outcomes = ledger.record(
        [
            refused(accepted[0], [Reason("unreadable", "", "no milestone")]),
            left_aside(accepted[1], "not_ours"),
            sparse(accepted[2], fetch, source="erp/one"),
            sparse(accepted[3], fetch, source="erp/one"),
        ]
    )
    assert [one.outcome for one in outcomes] == ["quarantined", "ignored", "waiting", "waiting"]
    house.project()


def checked(house: House) -> Checked:
    return check(house.conninfo, Wanted(), AT, workers=1, beside=(verifying.decisions,))


def owner(url: str, house: House, statement: str) -> int:
    """Run a statement past the application, as the owner: rows that it changed."""
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(f"SET search_path = {house.schema}".encode())
        superuser.execute("SET session_replication_role = replica")
        return superuser.execute(statement.encode()).rowcount


def test_an_untouched_ledger_passes(house: House) -> None:
    assert checked(house).differences == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("step", [3, 1_000])
def test_decisions_taken_again_leave_the_same_however_it_was_told(
    database_url: str, fresh_schema: str, seed: int, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "STEP", step)
    house = House(database_url, fresh_schema)
    try:
        story = crowd(seed, 8, 14)
        for at in range(0, len(story), 7):
            house.record(story[at : at + 7])
        assert deciding.differing(house.connection, 20) == []
    finally:
        house.close()


FIRST = "(SELECT min(ctid) FROM {0})"
DECIDED = {
    "deal_key": [
        "UPDATE {0} SET stream = stream + 1 WHERE ctid = {1}",
        "UPDATE {0} SET position = position + 1",
    ],
    "sequence_identity": ["UPDATE {0} SET position = position + 1"],
    "deal_link": ["UPDATE {0} SET parent = parent + 1 WHERE ctid = {1}"],
    "payment_crossing": ["UPDATE {0} SET stream_a = stream_a + 1 WHERE ctid = {1}"],
    "awaited": ["UPDATE {0} SET stream = stream + 1 WHERE ctid = {1}"],
}


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (table, change)
        for table, changes in DECIDED.items()
        for change in (*changes, "DELETE FROM {0} WHERE ctid = {1}", "DELETE FROM {0}")
    ],
)
def test_what_decisions_left_can_not_be_changed_unseen(
    house: House, database_url: str, table: str, change: str
) -> None:
    assert owner(database_url, house, change.format(table, FIRST.format(table))) > 0
    found = checked(house)
    assert table in {one.table for one in found.differences}
    assert not found.holds


def test_a_row_that_no_decision_left_is_found(house: House, database_url: str) -> None:
    owner(
        database_url,
        house,
        "INSERT INTO deal_key VALUES ('erp/x/y:order:1', 1, 1), ('erp/x/y:order:2', 1, 99999)",
    )
    assert [(one.table, one.position, one.wrong) for one in checked(house).differences] == [
        ("deal_key", 1, "key erp/x/y:order:1: expected none, there is stream 1, of position 1"),
        ("deal_key", 99999, "key erp/x/y:order:2: expected none, there is stream 1, of position 99999"),
    ]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("UPDATE log SET digest = sha256(digest) WHERE position = 3", "digest of its content"),
        ("UPDATE log SET identity = gen_random_uuid() WHERE position = 3", "identity"),
        ("UPDATE log SET stream = 2 WHERE position = 3", "its stream is 2, and 1 follows from the log"),
        ("UPDATE log SET state = '\\x00' WHERE position = 3", "not decided again"),
        ("DELETE FROM log WHERE position = 3", "a gap before it"),
    ],
)
def test_a_milestone_that_was_not_decided_so_is_found(
    house: House, database_url: str, change: str, wrong: str
) -> None:
    assert owner(database_url, house, change) > 0
    found = verifying.decisions(house.connection, house.live())
    assert any(one.table == "log" and wrong in one.wrong for one in found), found


OF = "(SELECT id FROM inbox WHERE convert_from(body, 'UTF8') = '{}')"
REPLAYED = "INSERT INTO quarantine_replay (quarantine_id, outcome, reasons, replayed_at) VALUES "


@pytest.mark.parametrize(
    ("change", "table", "wrong"),
    [
        ("DELETE FROM quarantine", "inbox", "nothing tells what became of it"),
        ("DELETE FROM conflict", "inbox", "nothing tells what became of it"),
        ("DELETE FROM ignored", "inbox", "nothing tells what became of it"),
        ("DELETE FROM awaiting_fetch", "inbox", "nothing tells what became of it"),
        ("UPDATE quarantine SET id = id + 1", "quarantine", "numbers 1 to 1 are missing"),
        ("UPDATE conflict SET id = id + 1", "conflict", "numbers 1 to 1 are missing"),
        ("UPDATE conflict SET position = 99999", "conflict", "where no milestone is"),
        ("UPDATE quarantine SET digest = sha256(digest)", "quarantine", "its digest is not"),
        ("UPDATE ignored SET digest = sha256(digest)", "ignored", "its digest is not"),
        (f"DELETE FROM inbox WHERE id = {OF.format('held')}", "inbox", "are missing"),
        (f"DELETE FROM inbox WHERE id = {OF.format('held')}", "quarantine", "the bytes that it came in"),
        *(
            (f"UPDATE inbox SET body = 'x' WHERE id = {OF.format(name)}", "inbox", "their digest")
            for name in ("held", "left", "asks", "asks again")
        ),
        (f"{REPLAYED} (4711, 'ignored', '[]', now())", "quarantine_replay", "no quarantine entry 4711"),
    ],
)
def test_what_is_no_milestone_can_not_be_changed_unseen(
    house: House, database_url: str, change: str, table: str, wrong: str
) -> None:
    assert owner(database_url, house, change) > 0
    found = checked(house)
    assert any(one.table == table and wrong in one.wrong for one in found.differences), found.differences


def test_the_command_names_the_key_and_the_streams_and_says_what_to_do(
    house: House, database_url: str, fresh_schema: str
) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    assert "all is as it ought to be" in cairn("check", env=env).stdout
    key = r.order_key("SO-O-3")
    was = house.connection.execute("SELECT stream, position FROM deal_key WHERE key = %s", (key,)).fetchone()
    assert was is not None
    assert owner(database_url, house, f"UPDATE deal_key SET stream = 1 WHERE key = '{key}'") == 1
    owner(database_url, house, "DELETE FROM quarantine")
    told = cairn("check", env=env, check=False)
    assert told.returncode == 1
    assert (
        f"deal_key, milestone {was[1]}: key {key}: expected stream {was[0]}, of position {was[1]},"
        f" there is stream 1, of position {was[1]}"
    ) in told.stdout
    assert "nothing tells what became of it" in told.stdout
    assert "restore the database from a backup" in told.stdout
