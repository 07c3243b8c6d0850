"""The self-check: it sees what was tampered with, keeps what it found, and stays out of the way."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from projections import generations, laws, rebuild, rounds, selfcheck
from tests.projections import events as e
from tests.projections.served import House
from tests.projections.stories import usual

AT = date(2025, 6, 30)


@pytest.fixture
def told(house: House) -> House:
    """A tenant with a deal in it, projected."""
    house.record(usual("O-1"))
    house.project()
    return house


def tamper(url: str, house: House, change: str) -> None:
    """Change the journal by hand, past the application."""
    with psycopg.connect(url, autocommit=True) as superuser:
        done = superuser.execute(f"UPDATE {house.schema}.posting_g{house.live().id} SET {change}")
        assert done.rowcount > 0


def rows(house: House) -> list[tuple[int, int]]:
    """Generation and number of breaches of every outcome that was kept."""
    return house.connection.execute(
        "SELECT generation, jsonb_array_length(breaches) FROM self_check ORDER BY id"
    ).fetchall()


def test_books_that_hold_are_kept_as_such_once_an_hour(told: House) -> None:
    for _ in range(3):
        assert selfcheck.once(told.connection) is not None
    assert rows(told) == [(told.live().id, 0)]
    found = selfcheck.last(told.connection)
    assert found is not None
    assert (found.position, found.breaches) == (told.head(), [])


def test_the_last_check_is_known_by_its_own_time_and_position(told: House) -> None:
    selfcheck.once(told.connection)
    first = selfcheck.last(told.connection)
    told.record([e.received("2025-01-01", "P-9", "1.00")])
    told.project()
    selfcheck.once(told.connection)
    found = selfcheck.last(told.connection)
    assert first is not None
    assert found is not None
    assert rows(told) == [(told.live().id, 0)], "the outcome is the same"
    assert (first.position, found.position) == (told.head() - 1, told.head())
    assert found.checked_at > first.checked_at


def test_a_check_is_overdue_after_three_that_were_left_out() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    found = selfcheck.Outcome(1, 1, AT, [], now - timedelta(seconds=901), rest=10.0)
    assert selfcheck.is_overdue(found, now, 300)
    assert not selfcheck.is_overdue(found, now, 301)
    assert not selfcheck.is_overdue(found, now, 0), "nobody checks"
    assert not selfcheck.is_overdue(found._replace(rest=400.0), now, 300), "it rests as long as checks take"


def test_nothing_is_checked_before_the_first_generation(house: House) -> None:
    assert selfcheck.check(house.connection, AT) is None
    assert selfcheck.once(house.connection) is None
    assert selfcheck.last(house.connection) is None


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ("amount = amount + 1 WHERE debit = 19 AND credit = 21", "cash_is_applied"),
        ("credit = 53 WHERE debit = 15 AND credit = 19", "transfers_stay_in_their_plane"),
        ("credit = 53 WHERE debit = 15 AND credit = 19", "planes_balance"),
        ("credit = 99 WHERE debit = 15 AND credit = 19", "transfers_stay_in_their_plane"),
        ("currency = 'ZZZ' WHERE debit = 41", "cash_is_applied"),
    ],
)
def test_a_posting_that_was_tampered_with_is_found(
    told: House, database_url: str, change: str, law: str
) -> None:
    clean = selfcheck.check(told.connection, AT)
    assert clean is not None
    assert clean.breaches == []
    tamper(database_url, told, change)
    found = selfcheck.check(told.connection, AT)
    assert found is not None
    assert law in {breach["law"] for breach in found.breaches}
    assert all(breach["says"] == laws.LAWS[breach["law"]] for breach in found.breaches)


def test_a_broken_law_is_logged_by_name_and_kept(
    told: House, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    selfcheck.once(told.connection)
    tamper(database_url, told, "amount = amount + 1 WHERE debit = 19 AND credit = 21")
    for _ in range(2):
        selfcheck.once(told.connection)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert any("cash_is_applied" in record.getMessage() for record in errors)
    kept = rows(told)
    assert len(kept) == 2
    assert kept[1][1] > 0


def test_another_generation_is_a_new_outcome(told: House) -> None:
    selfcheck.once(told.connection)
    with told.connection.transaction():
        other = told.built()
        told.connection.execute("UPDATE generation SET state = 'retired' WHERE state = 'live'")
        told.connection.execute("UPDATE generation SET state = 'live' WHERE id = %s", (other,))
    selfcheck.once(told.connection)
    assert [generation for generation, _ in rows(told)] == [other - 1, other]


def test_it_checks_again_and_again_until_it_is_stopped(told: House) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=selfcheck.run, args=(told.connect, stop, 0.05))
    thread.start()
    until = time.monotonic() + 20
    while selfcheck.last(told.connection) is None and time.monotonic() < until:
        time.sleep(0.02)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert rows(told) == [(told.live().id, 0)]


def test_it_waits_while_the_reports_are_behind(told: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selfcheck, "MOST_BEHIND", 1)
    told.record([e.received("2025-01-01", f"P-{n}", "1.00") for n in range(3)])
    stop = threading.Event()
    thread = threading.Thread(target=selfcheck.run, args=(told.connect, stop, 0.02))
    thread.start()
    time.sleep(0.4)
    assert rows(told) == []
    told.project()
    until = time.monotonic() + 20
    while not rows(told) and time.monotonic() < until:
        time.sleep(0.02)
    stop.set()
    thread.join(20)
    assert len(rows(told)) == 1


def test_an_unreachable_database_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def connect() -> psycopg.Connection[object]:
        calls.append(1)
        raise psycopg.OperationalError("gone")

    stop = threading.Event()
    thread = threading.Thread(target=selfcheck.run, args=(connect, stop, 0.01))
    thread.start()
    until = time.monotonic() + 20
    while len(calls) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    stop.set()
    thread.join(20)
    assert len(calls) >= 3
    assert "could not be made" in caplog.text


# -- the journal compared with the log, a slice at a time


def test_each_check_compares_the_next_slice_until_all_are_through(
    told: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "SPAN", 3)
    monkeypatch.setattr(rounds, "SECONDS", 0.0)
    assert rounds.last(told.connection) is None
    seen = []
    for _ in range(4):
        assert rounds.turn(told.connection, 0.0) == []
        found = rounds.last(told.connection)
        assert found is not None
        seen.append((found.next, found.milestones, found.completed_at is not None))
    # one deal of seven milestones and a payment's own
    assert [next_ for next_, _, _ in seen] == [4, 7, 1, 4]
    assert [done for _, _, done in seen] == [False, False, True, True]
    assert seen[0][1] == told.head(), "the deal and the payment that it shares lie in the first slice"


def test_a_row_that_does_not_follow_from_the_log_is_a_breach_until_it_is_put_right(
    told: House, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "SPAN", 3)
    monkeypatch.setattr(rounds, "SECONDS", 0.0)
    tamper(database_url, told, "sku = 'X' WHERE sku = 'G' AND fact = 3")
    for _ in range(4):  # found in the first slice, and looked at again whichever slice is next
        outcome = selfcheck.once(told.connection)
        assert outcome is not None
        (breach,) = outcome.breaches
        assert breach["law"] == "journal_follows_from_log"
        assert breach["says"] == laws.LAWS[breach["law"]]
        assert breach["deal"] == 1
        assert "sku X" in breach["left"]
        assert "sku G" in breach["right"]
        assert selfcheck.compared(told.connection, told.live().id) == [breach]
    tamper(database_url, told, "sku = 'G' WHERE sku = 'X' AND fact = 3")
    outcome = selfcheck.once(told.connection)
    assert outcome is not None
    assert outcome.breaches == []
    found = rounds.last(told.connection)
    assert found is not None
    assert found.broken == []


def test_another_generation_begins_a_round_of_its_own(told: House, database_url: str) -> None:
    tamper(database_url, told, "sku = 'X' WHERE sku = 'G' AND fact = 3")
    assert rounds.turn(told.connection) != []
    made = rebuild.rebuild(told.conninfo, told.schema, workers=1).generation
    assert rounds.turn(told.connection) == []
    found = rounds.last(told.connection)
    assert found is not None
    assert (found.generation, found.broken, found.completed_at is None) == (made, [], False)


def test_a_generation_of_other_rules_is_not_compared(told: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generations, "rules_digest", lambda: "other")
    assert rounds.turn(told.connection) == []
    assert rounds.last(told.connection) is None
