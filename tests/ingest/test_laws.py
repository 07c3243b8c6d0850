"""Laws of the way in, for any messages, any split into batches and any repetition, on real tables."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from adapters.postgres.connections import connect
from adapters.postgres.migrate import migrate
from domain.arrivals import Outcome
from domain.canonical import content_digest
from domain.ledger import Ledger
from tests.domain.events import Event, event, invoice, order, received
from tests.ingest.conftest import open_ledger
from tests.ingest.messages import ready

_numbers = count(1)


@st.composite
def _events(draw: st.DrawFn) -> list[Event | bytes]:
    """Messages of a few deals, in which identities, versions, contents and keys collide."""
    n = st.integers(1, 3)
    one = st.one_of(
        st.builds(
            lambda a, i, net, more: order(f"SO-{a}", f"o{i}", net=f"{net}.00") | more,
            n, n, st.integers(1, 2), st.sampled_from([{}, {"sequence": "1"}]),
        ),
        st.builds(
            lambda a, b, i: invoice(
                f"INV-{a}", f"i{i}", keys=[f"erp/netsuite/acme:order:SO-{n}" for n in (a, b)]
            ),
            n, n, n,
        ),
        st.builds(lambda a, i: received(f"P-{a}", f"p{i}"), n, n),
        st.builds(lambda i: event("lead.qualified", "lead/1", f"l{i}", lead="1"), n),
        st.sampled_from([b"{", b"[]", b"\xff"]),
    )  # fmt: skip
    return draw(st.lists(one, min_size=1, max_size=14))


def expected(made: Sequence[Event | bytes]) -> list[tuple[str, int | None]]:
    """The contract's section 2 in a dozen lines, one message after another."""
    firsts: dict[Any, tuple[int, bytes]] = {}
    found: list[tuple[str, int | None]] = []
    position = 0
    for each in made:
        if isinstance(each, bytes):
            found.append(("quarantined", None))
            continue
        message = (each["source"], each["id"])
        version = (each["source"], each["subject"], each["type"], each.get("sequence"))
        first = firsts.get(message) or (firsts.get(version) if version[3] else None)
        digest = content_digest(each)
        if first is not None:
            found.append(("duplicate" if first[1] == digest else "conflict", first[0]))
            continue
        position += 1
        firsts[message] = firsts[version] = (position, digest)
        found.append(("recorded", position))
    return found


def said(outcomes: list[Outcome]) -> list[tuple[str, int | None]]:
    return [(outcome.outcome, outcome.position) for outcome in outcomes]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(made=_events(), data=st.data())
def test_outcomes_and_rows_are_those_of_the_contract(
    database_url: str, fresh_schema: str, made: list[Event | bytes], data: st.DataObject
) -> None:
    schema = f"{fresh_schema}_{next(_numbers)}"
    migrate(database_url, schema)
    writers = [open_ledger(database_url, schema) for _ in range(2)]
    pool = connect(database_url, schema, max_size=1)
    try:
        found: list[tuple[str, int | None]] = []
        start = 0
        while start < len(made):
            step = data.draw(st.integers(1, len(made) - start), label="batch")
            writer = data.draw(st.sampled_from(writers), label="writer")
            found += said(writer.record(ready(writer, *made[start : start + step])))
            start += step
        assert found == expected(made)
        _check_rows(pool, made, found)
        again = said([outcome for each in made for outcome in writers[0].record(ready(writers[0], each))])
        assert again == expected([*made, *made])[len(made) :]
        assert all(
            told == ("duplicate", position)
            for told, (name, position) in zip(again, found, strict=True)
            if name == "recorded"
        )
        _check_rows(pool, [*made, *made], [*found, *again])
    finally:
        pool.close()
        for writer in writers:
            writer.close()
        _drop(database_url, schema)


def _drop(database_url: str, schema: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
        connection.execute(f"DROP ROLE {schema}_app".encode())


def _check_rows(
    pool: "ConnectionPool[Any]", made: Sequence[Event | bytes], found: Sequence[tuple[str, int | None]]
) -> None:
    with pool.connection() as connection:

        def ask(query: str) -> list[Any]:
            found: list[Any] = connection.execute(query.encode()).fetchall()
            return found

        recorded = [
            (position, content_digest(each))
            for each, (name, position) in zip(made, found, strict=True)
            if name == "recorded" and not isinstance(each, bytes)
        ]
        assert ask("SELECT position, digest FROM log ORDER BY position") == recorded
        kept = {
            (each["source"], each["id"], content_digest(each))
            for each, (name, _) in zip(made, found, strict=True)
            if name == "conflict" and not isinstance(each, bytes)
        }
        assert {tuple(row) for row in ask("SELECT source, event_id, digest FROM conflict")} == kept
        unread = {each for each in made if isinstance(each, bytes)}
        held = ask("SELECT i.body FROM quarantine AS q JOIN inbox AS i ON i.id = q.inbox")
        assert sorted(row[0] for row in held) == sorted(unread)
        assert ask("SELECT count(*) FROM inbox") == [(len(recorded) + len(kept) + len(unread),)]
        streams = ask("SELECT stream, count(*), max(version), min(position) FROM log GROUP BY stream")
        assert all(number == last and first == stream for stream, number, last, first in streams)


def test_the_ledger_and_this_page_agree_on_a_duplicate(ledger: Ledger) -> None:
    """The model above is not vacuous: it and the ledger say the same of a plain case."""
    made = [order(), order(), order(net="2.00")]
    assert expected(made) == said(ledger.record(ready(ledger, *made)))


def test_an_id_that_only_a_duplicate_bore_is_free_for_another_message(ledger: Ledger) -> None:
    """o2 repeats o1 by its sequence and leaves nothing, so the other o2 is the first of its id."""
    versioned = order() | {"sequence": "1"}
    made = [versioned, versioned | {"id": "o2"}, order(net="2.00") | {"id": "o2"}]
    assert said(ledger.record(ready(ledger, *made))) == [("recorded", 1), ("duplicate", 1), ("recorded", 2)]
    assert said(ledger.record(ready(ledger, *made))) == [("duplicate", 1), ("conflict", 2), ("duplicate", 2)]
