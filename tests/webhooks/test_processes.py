"""Webhooks and processes: crashes, back-pressure, the command line, a ledger without a token."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg_pool import ConnectionPool

from adapters.feeds.tallies import KEPT_REJECTIONS, Noted, Rejection, Tallies, rejections, tallies
from adapters.intake import Intake, IntakeFull
from adapters.postgres.connections import connect
from adapters.postgres.migrate import migrate
from api.access.guard import Guard
from api.access.refusals import Unauthorised
from tests.api.running import ServerProcess, cairn, environment, serving
from tests.api.samples import order
from tests.webhooks import signing
from tests.webhooks.configuring import feeds_in
from tests.webhooks.conftest import SECRET, write_feeds

JSON = {"Content-Type": "application/json"}
DAY = 86_400_000_000


def signed(number: str) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(order(number)).encode()
    return body, JSON | signing.stripe(body, SECRET, int(time.time()))


def test_killed_before_the_answer_it_counts_the_message_once_it_is_sent_again(
    database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    env = environment(
        DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema, CAIRN_SOURCES=str(write_feeds(tmp_path))
    )
    body, headers = signed("crash-1")
    with ServerProcess(env=env | {"CAIRN_CRASH_AT": "before_answer"}) as server:
        with pytest.raises(httpx.HTTPError):
            server.client.post("/v1/sources/events", content=body, headers=headers)
        assert server.wait_killed() != 0
    with ServerProcess(env=env) as server:
        answer = server.client.post("/v1/sources/events", content=body, headers=headers)
        # it was recorded when the process died, and never answered: so it is a duplicate, counted once
        assert [one["outcome"] for one in answer.json()["results"]] == ["duplicate"]
        assert "replayed" not in answer.json()["results"][0]
        shown = server.client.get("/v1/sources/events").json()["records"]
        assert (shown["input"], shown["recorded"], shown["duplicate"]) == (1, 0, 1)
        server.kill()
    listed = json.loads(cairn("sources", "--json", env=env).stdout)
    assert next(one for one in listed if one["name"] == "events")["records"] == shown


def test_commands_show_feeds_and_what_was_turned_away(
    database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    sources = write_feeds(tmp_path)
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema, CAIRN_SOURCES=str(sources))
    assert re.search(r"15 feeds, no errors$", cairn("sources", "check", env=env).stdout)
    with ServerProcess(env=env) as server:
        body, headers = signed("shown-1")
        # a sender has no key: what it signs is what lets it in
        answer = httpx.post(f"{server.url}/v1/sources/events", content=body, headers=headers)
        assert answer.status_code == 200
        assert httpx.post(f"{server.url}/v1/sources/unproven", content=body).status_code == 401
        assert server.client.post("/v1/sources/events", content=body).status_code == 401
        assert server.end() in (0, 143, -15)
        assert SECRET not in "".join(server.errors)
        assert "turned a message away: signature_missing" in "".join(server.errors)
    listed = cairn("sources", env=env).stdout
    assert re.search(r"^ ?events +cloudevents\S*/acme +webhook +\S+ +1 +1 +0", listed, re.MULTILINE)
    assert "events rejected: signature_missing 1" in listed
    assert "signature_missing" in cairn("sources", "rejections", "events", env=env).stdout
    unknown = cairn("sources", "rejections", "nobody", env=env, check=False)
    assert (unknown.returncode, "there is no feed of that name" in unknown.stderr) == (1, True)
    # what a feed has brought stays to be seen when it is configured no more
    feeds_in(tmp_path, {})
    assert re.search(r"^ ?events +not configured", cairn("sources", env=env).stdout, re.MULTILINE)


def test_a_file_with_errors_stops_the_server_and_names_them(tmp_path: Path) -> None:
    sources = tmp_path / "sources.yaml"
    sources.write_text(
        "feeds:\n  one: {mapping: strip, webhook: {scheme: stripe, secrets: [{env: NONE_SUCH}]}}\n"
    )
    env = environment(CAIRN_SOURCES=str(sources), CAIRN_DATA=str(tmp_path / "data"))
    checked = cairn("sources", "check", env=env, check=False)
    assert checked.returncode == 1
    assert f"{sources}:2: feeds.one.mapping: there is no such mapping: did you mean stripe?" in checked.stderr
    assert "the environment variable NONE_SUCH is not set" in checked.stderr
    served = cairn("serve", "--port", "0", env=env, check=False)
    assert (served.returncode, "did you mean stripe?" in served.stderr) == (1, True)


def test_when_more_waits_than_may_the_sender_is_told_to_come_again(
    database_url: str, fresh_schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise IntakeFull("full")

    with serving(database_url, fresh_schema, sources=write_feeds(tmp_path)) as client:
        body, headers = signed("full-1")
        with monkeypatch.context() as patched:
            patched.setattr(Intake, "submit", full)
            answer = client.post("/v1/sources/events", content=body, headers=headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            soap = signing.outbound("<Id>1</Id>")
            nack = client.post(f"/v1/sources/outbound?token={SECRET}", content=soap)
            assert (nack.status_code, nack.headers["retry-after"]) == (503, "1")
            assert "<Ack>false</Ack>" in nack.text
        # nothing of it was taken in, so the very same message is new
        assert client.get("/v1/sources/events").json()["records"]["input"] == 0
        again = client.post("/v1/sources/events", content=body, headers=headers)
        assert again.json()["results"][0]["outcome"] == "recorded"


def test_a_message_is_not_answered_until_it_is_counted(
    database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    with serving(database_url, fresh_schema, sources=write_feeds(tmp_path)) as client:
        body, headers = signed("uncounted-1")
        role = f"{fresh_schema}_app"
        with psycopg.connect(database_url, autocommit=True) as owner:
            owner.execute(f"REVOKE INSERT ON {fresh_schema}.feed_tally FROM {role}".encode())
            assert client.post("/v1/sources/events", content=body, headers=headers).status_code >= 500
            owner.execute(f"GRANT INSERT ON {fresh_schema}.feed_tally TO {role}".encode())
        again = client.post("/v1/sources/events", content=body, headers=headers)
        assert again.json()["results"][0]["outcome"] == "duplicate"
        assert client.get("/v1/sources/events").json()["records"]["duplicate"] == 1


def test_only_the_newest_rejections_are_kept_and_all_are_counted(
    database_url: str, fresh_schema: str
) -> None:
    migrate(database_url, fresh_schema)
    number = KEPT_REJECTIONS + 50
    pool: ConnectionPool[psycopg.Connection[tuple[object, ...]]]
    with connect(database_url, fresh_schema, max_size=2) as pool:
        with Tallies(pool) as written:
            waiting = [
                written.note(Noted("one", DAY, rejection=Rejection("signature_wrong", f"{count}")))
                for count in range(number)
            ]
            other = written.note(Noted("two", DAY, rejection=Rejection("signature_wrong", "x")))
            for one in (*waiting, other):
                one.result()
        with pool.connection() as connection:
            kept = rejections(connection, "one", 2**62, 10_000)
            assert len(kept) == KEPT_REJECTIONS
            assert kept[0].detail == str(number - 1)
            assert len(rejections(connection, "two", 2**62, 10)) == 1
            assert tallies(connection)["one"] == {("rejected", "signature_wrong"): number}


def test_counts_of_several_writers_add_up(database_url: str, fresh_schema: str) -> None:
    migrate(database_url, fresh_schema)
    pool: ConnectionPool[psycopg.Connection[tuple[object, ...]]]
    with connect(database_url, fresh_schema, max_size=4) as pool:
        with Tallies(pool) as one, Tallies(pool) as other:
            waiting = [
                writer.note(Noted(feed, DAY * day, {("recorded", ""): 2, ("ignored", "master_data"): 1}))
                for day in range(3)
                for feed in ("a", "b")
                for writer in (one, other, one)
            ]
            for answer in waiting:
                answer.result()
        with pool.connection() as connection:
            wanted = {("recorded", ""): 18, ("ignored", "master_data"): 9}
            assert tallies(connection) == {"a": wanted, "b": wanted}


def test_the_guard_lets_messages_in_only_where_they_prove_themselves() -> None:
    proven = ["/v1/sources/one"]
    for guard in (Guard("0123456789abcdef", proven), Guard(None, proven, may_be_open=True)):
        outside = [(b"host", b"ledger.example"), (b"origin", b"http://evil.example")]
        guard.check("/v1/sources/one", outside, "POST")
        for path, method in (
            ("/v1/sources/one", "GET"),
            ("/v1/sources/one/", "POST"),
            ("/v1/sources/one/reconcile", "POST"),
            ("/v1/sources/two", "POST"),
            ("/v1/events", "POST"),
        ):
            with pytest.raises(Unauthorised):
                guard.check(path, outside, method)
