"""Pulling as people run it: commands, a server with a puller beside it, and processes that are killed."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from adapters.postgres.connections import conninfo_for
from adapters.postgres.migrate import migrate
from tests.api.running import ROOT, TOKEN, ServerProcess, cairn, environment
from tests.domain.events import order
from tests.feeds.server import Answer, Asked, SourceServer, as_json
from tests.webhooks.configuring import feeds_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


class Feed:
    """Milestones of a system that is polled, ten a page, and of files."""

    def __init__(self, number: int) -> None:
        self.events = [
            order(f"SO-{n}", f"o{n}") | {"time": f"2026-03-01T10:{n // 60:02d}:{n % 60:02d}Z"}
            for n in range(number)
        ]

    def __call__(self, asked: Asked) -> Answer:
        since = asked.query.get("since", "")[:19]
        found = [event for event in self.events if str(event["time"])[:19] >= since]
        start = int(asked.query.get("after", 0))
        page: dict[str, Any] = {"events": found[start : start + 10]}
        if start + 10 < len(found):
            page["after"] = str(start + 10)
        return as_json(page)


def polled(url: str, **more: Any) -> dict[str, Any]:
    events = {
        "list": "/events", "records": "events", "since": "since", "updated": "time", "paging": "cursor",
        "cursor": "after", "cursor_parameter": "after",
    }  # fmt: skip
    return {
        "mapping": "cloudevents",
        "client": {"base_url": url, "objects": {"events": events}, "limits": {"retries": 0}},
        "poll": {"objects": ["events"], "every": 1, "overlap": 5, **more},
    }


@pytest.fixture
def env(database_url: str, fresh_schema: str) -> dict[str, str]:
    migrate(database_url, fresh_schema)
    return environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema, CAIRN_TOKEN=TOKEN)


@pytest.fixture
def ask(database_url: str, fresh_schema: str) -> Callable[[str], list[Any]]:
    def rows(query: str) -> list[Any]:
        with psycopg.connect(conninfo_for(database_url, fresh_schema, application_name="test")) as connection:
            return connection.execute(query.encode()).fetchall()

    return rows


def until(check: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.05)
    raise AssertionError(f"it never came to {what}")


IDS = "SELECT count(*), count(DISTINCT identity) FROM log WHERE topic <> 'audit.recorded.v1'"


def test_a_round_by_hand(env: dict[str, str], server: SourceServer, tmp_path: Path, folder: Path) -> None:
    server.handle = Feed(25)
    (folder / "more.ndjson").write_text(json.dumps(order("F-1", "f1")) + "\n")
    feeds = {
        "erp": polled(server.url),
        "drop": {"mapping": "cloudevents", "folder": {"path": "drop", "settled": 0}},
        "pushed": {"mapping": "cloudevents"},
    }
    env = env | {"CAIRN_SOURCES": str(feeds_in(tmp_path, feeds))}
    done = cairn("poll", "--once", env=env)
    assert done.stdout.splitlines() == [
        "erp: events: 25 records: 25 recorded, 0 duplicate, 0 ignored, 0 quarantined",
        "drop: more.ndjson: done, 1 records",
    ]
    shown = json.loads(cairn("sources", "waiting", "erp", "--json", env=env).stdout)
    assert (shown["waiting"], shown["entries"]) == (0, [])
    assert shown["polls"][0]["watermark"] == "2026-03-01T10:00:24.000000Z"
    listed = cairn("sources", env=env).stdout
    assert "erp polls events: complete to 2026-03-01T10:00:24.000000Z, 25 records" in listed
    server.handle = lambda asked: Answer(401)
    failed = cairn("poll", "erp", "--once", env=env, check=False)
    assert failed.returncode == 1
    assert "refuses the credentials" in failed.stdout
    assert "pushed has no poll" in cairn("poll", "pushed", "--once", env=env, check=False).stderr
    assert "no feed of that name" in cairn("poll", "nothing", "--once", env=env, check=False).stderr


def test_a_round_by_hand_says_what_could_not_be_understood(
    env: dict[str, str], server: SourceServer, tmp_path: Path
) -> None:
    server.handle = store = Feed(3)
    del store.events[1]["subject"]
    env = env | {"CAIRN_SOURCES": str(feeds_in(tmp_path, {"erp": polled(server.url)}))}
    done = cairn("poll", "--once", env=env)
    counts, warning = done.stdout.splitlines()
    assert counts == "erp: events: 3 records: 2 recorded, 0 duplicate, 0 ignored, 1 quarantined"
    assert warning.startswith("erp: events: 1 records could NOT be understood (")
    assert "cairn quarantine" in warning


@pytest.mark.parametrize("page", [1, 2, 4])
def test_a_poll_that_is_killed_goes_on_and_loses_and_doubles_nothing(
    env: dict[str, str], server: SourceServer, tmp_path: Path, ask: Callable[[str], list[Any]], page: int
) -> None:
    store, reached, hold = Feed(45), threading.Event(), threading.Event()

    def held() -> None:
        hold.wait(30)

    def handle(asked: Asked) -> Answer:
        answer = store(asked)
        if len(server.asked) == page:
            reached.set()
            return answer._replace(wait=held)
        return answer

    server.handle = handle
    env = env | {"CAIRN_SOURCES": str(feeds_in(tmp_path, {"erp": polled(server.url)}))}
    doomed = subprocess.Popen([sys.executable, "-m", "api.cli", "poll", "--once"], env=env, cwd=ROOT)
    assert reached.wait(30)
    doomed.kill()
    assert doomed.wait(30) == -signal.SIGKILL
    hold.set()
    assert ask(IDS) == [(10 * (page - 1), 10 * (page - 1))]
    cairn("poll", "--once", env=env)
    assert ask(IDS) == [(45, 45)]
    # it went on with the page that was in flight, not from the beginning
    assert server.asked[page].query.get("after", "0") == str(10 * (page - 1))


@pytest.mark.parametrize("label", ["log_written", "before_commit", "after_commit", "before_answer"])
def test_a_poll_killed_while_a_page_is_written_takes_that_page_again(
    env: dict[str, str], server: SourceServer, tmp_path: Path, ask: Callable[[str], list[Any]], label: str
) -> None:
    server.handle = Feed(45)
    env = env | {"CAIRN_SOURCES": str(feeds_in(tmp_path, {"erp": polled(server.url)}))}
    killed = cairn("poll", "--once", env=env | {"CAIRN_CRASH_AT": f"{label}:3"}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert ask("SELECT records FROM poll_cursor") == [(20,)]
    cairn("poll", "--once", env=env)
    assert ask(IDS) == [(45, 45)]


def test_a_server_pulls_beside_itself_and_its_puller_may_be_killed(
    env: dict[str, str], server: SourceServer, tmp_path: Path, folder: Path, ask: Callable[[str], list[Any]]
) -> None:
    server.handle = store = Feed(12)
    feeds = {
        "erp": polled(server.url),
        "drop": {"mapping": "cloudevents", "folder": {"path": "drop", "every": 1, "settled": 1}},
    }
    with ServerProcess(env=env | {"CAIRN_SOURCES": str(feeds_in(tmp_path, feeds))}) as served:
        until(lambda: ask(IDS) == [(12, 12)], "the first poll")
        (folder / "a.ndjson.gz").write_bytes(gzip.compress(json.dumps(order("F-1", "f1")).encode() + b"\n"))
        until(lambda: ask(IDS) == [(13, 13)], "the file")
        until((folder / "done" / "a.ndjson.gz").exists, "the file put away")
        (puller,) = pullers(served)
        puller.kill()
        store.events += Feed(20).events[12:]
        until(lambda: ask(IDS) == [(21, 21)], "the poll after the kill")
        shown = served.client.get("/v1/sources/erp/waiting").json()
        assert shown["polls"][0]["object"] == "events"
        assert served.client.get("/v1/sources/erp").json()["records"]["recorded"] == 20
        assert served.client.post("/v1/sources/erp/waiting/retry").json() == {"source": "erp", "retried": 0}
        assert served.client.get("/v1/sources/none/waiting").status_code == 404
        assert served.client.get("/v1/sources/erp/waiting", params={"cursor": "x"}).status_code == 422
        with httpx.Client(base_url=served.url) as stranger:
            assert stranger.get("/v1/sources/erp/waiting").status_code == 401
            assert stranger.post("/v1/sources/erp/waiting/retry").status_code == 401
        (puller,) = pullers(served)
        served.kill()
        puller.wait(20)


def pullers(served: ServerProcess) -> list[psutil.Process]:
    found: list[psutil.Process] = []

    def there() -> bool:
        children = psutil.Process(served.process.pid).children()
        found[:] = [child for child in children if "api.pulling" in child.cmdline()]
        return len(found) == 1

    until(there, "a puller")
    return found


def test_an_import_of_packed_files_is_killed_and_begun_again(
    env: dict[str, str], tmp_path: Path, ask: Callable[[str], list[Any]]
) -> None:
    events = [order(f"SO-{n}", f"o{n}") for n in range(12_000)]
    content = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(content))
    command = ("ingest", tmp_path / "a.ndjson.gz", "--source", "cloudevents", "--quiet")
    killed = cairn(*command, env=env | {"CAIRN_CRASH_AT": "after_commit:2"}, check=False)
    assert killed.returncode == -signal.SIGKILL
    ((begun, _),) = ask(IDS)
    assert 0 < begun < 12_000
    told = json.loads(cairn(*command, env=env).stdout)
    assert (told["records"], told["recorded"] + told["duplicate"]) == (12_000, 12_000)
    assert ask(IDS) == [(12_000, 12_000)]
    broken = tmp_path / "b.ndjson.gz"
    broken.write_bytes(gzip.compress(content)[:-100])
    failed = cairn("ingest", broken, "--source", "cloudevents", env=env, check=False)
    assert failed.returncode == 1
    assert "b.ndjson.gz: the archive is broken or ends early" in failed.stderr


MAPPING = """\
mapping: thin
version: 1
role: billing
reads: json
formats: {amount: text, time: iso, day: iso}
kind: type
objects:
  notice:
    first:
      - {fetch: about, of: number}
    milestones: []
    otherwise: nothing_told
  invoice:
    currency: currency
    milestones:
      - type: invoice.posted
        subject: [invoice, number]
        time: created_at
        data:
          invoice: number
          due_on: due
          lines: {each: items, sku: product, net: net}
"""


def test_a_sparse_webhook_is_completed_by_the_server_that_took_it(
    env: dict[str, str], server: SourceServer, tmp_path: Path, ask: Callable[[str], list[Any]]
) -> None:
    invoice = {
        "type": "invoice", "number": "I-1", "currency": "EUR", "created_at": "2026-03-01T10:00:00Z",
        "due": "2026-04-01", "items": [{"product": "SUB", "net": "100.00"}],
    }  # fmt: skip
    server.script = [Answer(503), Answer(200, b'{"type": "inv')]
    server.handle = lambda asked: as_json(invoice)
    mappings = tmp_path / "mappings"
    mappings.mkdir()
    (mappings / "thin.yaml").write_text(MAPPING)
    thin = {
        "mapping": "thin",
        "instance": "acme",
        "webhook": {"scheme": "none"},
        "client": {
            "base_url": server.url,
            "objects": {"invoices": {"fetch": "/invoices/{id}"}},
            "limits": {"retries": 1},
        },
        "fetch": {"every": 1},
    }
    env = env | {"CAIRN_SOURCES": str(feeds_in(tmp_path, {"thin": thin})), "CAIRN_MAPPINGS": str(mappings)}
    with ServerProcess(env=env) as served:
        notice = {"type": "notice", "about": "invoices", "number": "I-1"}
        answer = served.client.post("/v1/sources/thin", json=notice)
        assert [one["outcome"] for one in answer.json()["results"]] == ["waiting"]
        until(lambda: ask(IDS) == [(1, 1)], "the invoice")
        until(
            lambda: served.client.get("/v1/sources/thin/waiting").json()["waiting"] == 0, "nothing that waits"
        )
        records = served.client.get("/v1/sources/thin").json()["records"]
        assert (records["input"], records["waiting"], records["recorded"]) == (2, 1, 1)
    assert {asked.path for asked in server.asked} == {"/invoices/I-1"}
