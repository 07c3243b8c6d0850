"""A change of rule under load: a policy is previewed, promoted and returned while milestones come and
reports are read.

Method: `cairn serve` on an imported ledger; one client posts single milestones at a fixed rate, another
asks the same few reports as known at one position, over and over. Meanwhile a policy is activated, a
rebuild with a preview is asked for over HTTP, its generation is promoted, and then returned. Held to: every
read is answered, and is one of the two answers that the two generations give, by the generation that it
names; every milestone that was answered as recorded is in the log, and in the reports. Raises
AssertionError where that is not so.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any, Final, Self

import psycopg

from adapters.postgres.connections import conninfo_for
from scripts.bench_events import events
from scripts.benching.load import ASKING
from scripts.benching.serving import MEDIA, server

PER_SECOND: Final = 50
_QUESTIONS: Final = (
    "/v1/reports/billing?from=2025-07-01&to=2026-06-15&by=currency&known_position={known}",
    "/v1/reports/backlog?at=2026-03-17&by=territory&known_position={known}",
    "/v1/reports/bookings?from=2026-01-01&to=2026-06-30&by=product&known_position={known}",
)
_CHECK: Final = """SELECT (SELECT count(*) FROM log WHERE position = ANY(%s)),
    (SELECT count(*) = max(position) FROM log)"""
_SETTINGS: Final = {"proration": "monthly", "booking_trigger": "won"}


def _ask(port: int, method: str, path: str, body: Any = None, media: str = "application/json") -> Any:
    sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data=sent, method=method, headers={"content-type": media, **ASKING}
    )
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


class _Load:
    """Two threads that append and read until they are stopped. What goes wrong is kept, not raised."""

    def __init__(self, port: int, known: int) -> None:
        self._port, self._known = port, known
        self._stop = threading.Event()
        self.wrong: list[str] = []
        self.positions: list[int] = []
        self.answers: dict[tuple[str, int], set[str]] = {}
        self.appending: list[float] = []
        self.reading: list[float] = []
        self._threads = [threading.Thread(target=self._append), threading.Thread(target=self._read)]

    def _append(self) -> None:
        stream = events(1_000_000, 100_000, 23)
        begun = time.perf_counter()
        for number, line in enumerate(stream):
            if self._stop.wait(max(0.0, begun + number / PER_SECOND - time.perf_counter())):
                return
            try:
                at = time.perf_counter()
                said = _ask(self._port, "POST", "/v1/events", line.rstrip(b"\n"), MEDIA)
                self.appending.append((time.perf_counter() - at) * 1000)
                result = said["results"][0]
                if result["outcome"] == "recorded":
                    self.positions.append(result["position"])
            except (OSError, KeyError) as error:
                self.wrong.append(f"an append: {error!r}")

    def _read(self) -> None:
        while not self._stop.is_set():
            for path in _QUESTIONS:
                try:
                    at = time.perf_counter()
                    answer = _ask(self._port, "GET", path.format(known=self._known))
                    self.reading.append((time.perf_counter() - at) * 1000)
                except urllib.error.HTTPError as error:
                    self.wrong.append(f"{path}: {error} {error.read()[:200]!r}")
                except OSError as error:
                    self.wrong.append(f"{path}: {error!r}")
                else:
                    figures = [{k: v for k, v in row.items() if k != "explain"} for row in answer["rows"]]
                    told = json.dumps([figures, answer["totals"]], sort_keys=True)
                    self.answers.setdefault((path, answer["generation"]), set()).add(told)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def _await_rebuild(port: int, link: str) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = _ask(port, "GET", link)
        if found["state"] != "running":
            assert found["state"] == "done", found["error"]
            return found
        time.sleep(0.25)


def measure(url: str, schema: str) -> dict[str, float]:
    """Seconds and milliseconds: {"build_s", "preview_s", "promote_s", "return_s", "read_p99_ms", ...}."""
    with psycopg.connect(conninfo_for(url, schema, application_name="bench"), autocommit=True) as connection:
        row = connection.execute("SELECT max(position) FROM log").fetchone()
        known = int(row[0]) if row else 0
    took: dict[str, float] = {}
    with server(url, schema) as (port, _), _Load(port, known) as load:

        def timed(name: str, method: str, path: str, body: Any = None) -> Any:
            at = time.perf_counter()
            found = _ask(port, method, path, body)
            took[f"{name}_s"] = time.perf_counter() - at
            return found

        before = next(
            one["generation"]
            for one in _ask(port, "GET", "/v1/generations")["generations"]
            if one["state"] == "live"
        )
        policy = {
            "specversion": "1.0", "id": "switching-1", "source": "/ledger/cairn/bench", "type":
            "policy.activated.v1", "subject": "policy/switching@1", "time": datetime.now(UTC).isoformat(),
            "data": {
                "policy": "switching", "version": "1", "from": "2025-01-01", "settings": _SETTINGS,
                "keys": ["ledger/cairn/bench:policy:switching@1"],
            },
        }  # fmt: skip
        said = _ask(port, "POST", "/v1/events", json.dumps(policy).encode(), MEDIA)
        assert said["results"][0]["outcome"] == "recorded", said
        at = time.perf_counter()
        started = _ask(port, "POST", "/v1/rebuilds", {"preview": True})
        built = _await_rebuild(port, started["links"]["self"])["rebuild"]
        took["build_s"] = time.perf_counter() - at
        preview = timed("preview", "GET", f"/v1/generations/{built}/preview")
        assert preview["differing"] > 0, "a changed rule changes figures"
        timed("promote", "POST", f"/v1/generations/{built}/promote")
        time.sleep(10)
        timed("return", "POST", "/v1/generations/return")
        time.sleep(5)
    assert not load.wrong, load.wrong[:3]
    generations = {generation for _, generation in load.answers}
    assert generations == {before, built}, generations
    for (path, generation), answers in load.answers.items():
        assert len(answers) == 1, f"{path} had {len(answers)} answers in generation {generation}"
    first = _QUESTIONS[0]
    assert load.answers[first, before] != load.answers[first, built], "the rule changes billing"
    _check_log(url, schema, load.positions)
    appending, reading = sorted(load.appending), sorted(load.reading)
    return took | {
        "appends": len(appending),
        "append_p99_ms": appending[int(len(appending) * 0.99)],
        "append_worst_ms": appending[-1],
        "reads": len(reading),
        "read_p99_ms": reading[int(len(reading) * 0.99)],
        "read_worst_ms": reading[-1],
    }


def _check_log(url: str, schema: str, positions: list[int]) -> None:
    """Every milestone that was answered as recorded is in the log, which has no gaps."""
    with psycopg.connect(conninfo_for(url, schema, application_name="bench"), autocommit=True) as connection:
        found = connection.execute(_CHECK, (positions,)).fetchone()
    assert found == (len(positions), True), found
