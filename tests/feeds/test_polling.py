"""Polls: whatever pages, overlaps, failures and deaths there are, every record comes in, and once."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from adapters.feeds.clients import Page, PageLost, SourceError, SourceRefused, SourceUnavailable, Total
from adapters.feeds.inlet import Inlet
from adapters.feeds.polling import Poll, Polled, backoff
from adapters.feeds.pulling import FeedBusy, Means, Puller
from adapters.feeds.sections import PollSection
from adapters.feeds.tallies import Tallies
from adapters.feeds.waits import Cursor, Waits, held, microseconds_of, moment_of
from adapters.importing import Summary
from adapters.intake import Intake
from tests.feeds.pulled import Orders, client, feed
from tests.feeds.server import Answer, Asked, SourceServer, as_json
from tests.ingest.conftest import Ask

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = 1_000_000


class Shop:
    """A source in memory. records: id to when it changed and when the source shows it, in seconds."""

    def __init__(self, records: dict[str, tuple[int, int]], *, dated: bool = True) -> None:
        self.records = records
        self.dated = dated
        self.now = 0
        self.faults: list[SourceError] = []

    def poll(self, kind: str, since: int | None, page: str | None, size: int) -> Page:
        if self.faults and (error := self.faults.pop(0)) is not None:
            raise error
        begin = 0 if since is None else since // SECOND - int(START.timestamp())
        found = sorted(
            (changed, name)
            for name, (changed, shown) in self.records.items()
            if shown <= self.now and changed >= begin
        )
        at = int(page or 0)
        some = found[at : at + size]
        highest = (int(START.timestamp()) + some[-1][0]) * SECOND if some and self.dated else None
        following = str(at + size) if at + size < len(found) else None
        return Page(tuple(name.encode() for _, name in some), following, highest)

    def fetch(self, kind: str, native_id: str) -> bytes:
        raise NotImplementedError

    def between(self, kind: str, first: date, last: date) -> Any:
        raise NotImplementedError

    def ids(self, kind: str, first: date, last: date) -> Any:
        raise NotImplementedError

    def totals(self, kind: str, first: date, last: date) -> Total:
        raise NotImplementedError

    def close(self) -> None:
        pass


class Taken:
    """What came in, and the cursor as it was noted last."""

    def __init__(self) -> None:
        self.records: list[str] = []
        self.cursor = Cursor("shop", "orders")
        self.dies_after_taking = 0

    def take(self, records: Sequence[bytes]) -> Summary:
        self.records += [record.decode() for record in records]
        self.dies_after_taking -= 1
        if self.dies_after_taking == 0:
            raise KeyboardInterrupt  # the process dies between the page and its cursor
        return Summary()

    def save(self, cursor: Cursor) -> None:
        self.cursor = cursor


def poll(shop: Shop, taken: Taken, **section: Any) -> Polled:
    asked = PollSection.model_validate({"objects": ["orders"], **section})
    made = Poll(shop, asked, taken.take, taken.save, clock=lambda: START + timedelta(seconds=shop.now))
    return made.run(taken.cursor)


def test_the_first_poll_reads_everything_and_the_next_what_changed_since() -> None:
    shop, taken = Shop({"a": (1, 1), "b": (2, 2), "c": (50, 50)}), Taken()
    shop.now = 10
    assert poll(shop, taken, overlap=0) == Polled(2, is_whole=True, summary=Summary())
    assert taken.cursor.watermark == START + timedelta(seconds=2)
    assert taken.cursor.completed_at == START + timedelta(seconds=10)
    shop.now = 60
    poll(shop, taken, overlap=0)
    assert taken.records == ["a", "b", "b", "c"]


def test_a_first_poll_may_begin_later() -> None:
    shop, taken = Shop({"a": (1, 1), "b": (9, 9)}), Taken()
    shop.now = 10
    poll(shop, taken, start="2026-01-01T00:00:05Z")
    assert taken.records == ["b"]


def test_a_poll_that_brings_nothing_moves_nothing() -> None:
    shop, taken = Shop({}), Taken()
    poll(shop, taken)
    assert taken.cursor.watermark is None
    assert taken.cursor.next_poll == START + timedelta(seconds=300)


def test_a_change_dated_ahead_of_our_clock_skips_nothing() -> None:
    shop, taken = Shop({"a": (9_999, 1)}), Taken()
    shop.now = 10
    poll(shop, taken, overlap=0)
    assert taken.cursor.watermark == START + timedelta(seconds=10)


def test_records_that_do_not_say_when_they_changed_count_by_our_clock() -> None:
    shop, taken = Shop({"a": (1, 1)}, dated=False), Taken()
    shop.now = 10
    poll(shop, taken)
    assert taken.cursor.watermark == START + timedelta(seconds=10)


def test_a_poll_goes_on_where_it_broke_off() -> None:
    shop, taken = Shop({name: (n, n) for n, name in enumerate("abcdef")}), Taken()
    shop.now = 10
    shop.faults = [None, None, SourceUnavailable("fails", retry_after=7_200)]  # type: ignore[list-item]
    with pytest.raises(SourceUnavailable):
        poll(shop, taken, page=2)
    assert taken.records == list("abcd")
    assert (taken.cursor.failures, taken.cursor.last_error) == (1, "fails")
    assert taken.cursor.watermark is None
    assert taken.cursor.next_poll == START + timedelta(seconds=10 + 7_200)
    assert poll(shop, taken, page=2) == Polled(2, is_whole=True, summary=Summary())
    assert taken.records == list("abcdef")
    assert (taken.cursor.failures, taken.cursor.last_error) == (0, None)


def test_a_page_that_the_source_has_forgotten_begins_the_list_anew() -> None:
    shop, taken = Shop({name: (n, n) for n, name in enumerate("abcd")}), Taken()
    shop.now = 10
    shop.faults = [None, PageLost("forgot")]  # type: ignore[list-item]
    assert poll(shop, taken, page=2).is_whole
    assert taken.records == list("ababcd")
    shop.faults = [None, *[e for _ in range(4) for e in (PageLost("forgot"), None)]]  # type: ignore[list-item]
    with pytest.raises(SourceUnavailable):
        poll(shop, taken, page=2)


def test_a_poll_that_is_asked_to_end_goes_on_later() -> None:
    shop, taken, stop = Shop({"a": (1, 1), "b": (2, 2)}), Taken(), threading.Event()
    shop.now = 10
    section = PollSection(objects=("orders",), page=1)

    def take(records: Sequence[bytes]) -> Summary:
        stop.set()
        return taken.take(records)

    ended = Poll(shop, section, take, taken.save, clock=lambda: START, stop=stop).run(taken.cursor)
    assert ended == Polled(1, is_whole=False, summary=Summary())
    assert poll(shop, taken, page=1).is_whole
    assert taken.records == ["a", "b"]


def test_a_source_that_keeps_failing_is_asked_less_and_less_often() -> None:
    waits = [backoff(60, n, SourceRefused("no")).total_seconds() for n in (1, 2, 3, 50)]
    assert 48 <= waits[0] <= 72
    assert 96 <= waits[1] <= 144
    assert 2_880 <= waits[3] <= 4_320
    assert backoff(60, 1, SourceUnavailable("later", retry_after=9_000)).total_seconds() == 9_000


@given(st.data())
def test_any_pages_overlaps_delays_and_deaths_end_in_the_same_set(data: st.DataObject) -> None:
    """As long as no change is shown later than the overlap after the newest one that was seen."""
    overlap = data.draw(st.integers(0, 20), label="overlap")
    changes = data.draw(
        st.lists(st.tuples(st.integers(0, 60), st.integers(0, overlap)), max_size=30), label="changes"
    )
    shop = Shop({f"r{n}": (changed, changed + late) for n, (changed, late) in enumerate(changes)})
    taken = Taken()
    size = data.draw(st.integers(1, 7), label="page")
    for now in [*sorted(data.draw(st.lists(st.integers(0, 80), max_size=6), label="polls")), 100, 101]:
        shop.now = now
        taken.dies_after_taking = data.draw(st.integers(0, 4), label="dies after")
        shop.faults = data.draw(
            st.lists(st.sampled_from([None, SourceUnavailable("fails"), PageLost("forgot")]), max_size=3),
            label="faults",
        )
        try:
            poll(shop, taken, overlap=overlap, page=size)
        except (SourceError, KeyboardInterrupt):
            continue
    shop.faults, taken.dies_after_taking = [], 0
    for _ in range(2):  # one may have been under way with what it asked for then
        poll(shop, taken, overlap=overlap, page=size)
    assert set(taken.records) == set(shop.records)


# ---- into a real ledger


class Store:
    """Orders over HTTP, changed one after the other."""

    def __init__(self, number: int) -> None:
        self.orders = [{"id": n, "at": f"2026-01-01T00:{n // 60:02d}:{n % 60:02d}Z"} for n in range(number)]

    def __call__(self, asked: Asked) -> Answer:
        if asked.path != "/orders":
            wanted = asked.path.removeprefix("/orders/")
            found = next((one for one in self.orders if str(one["id"]) == wanted), None)
            return Answer(404) if found is None else as_json(found)
        since = asked.query.get("since", "")[:19]
        found_all = [one for one in self.orders if str(one["at"])[:19] >= since]
        start, size = int(asked.query.get("after", 0)), int(asked.query["limit"])
        page: dict[str, Any] = {"results": found_all[start : start + size]}
        if start + size < len(found_all):
            page["after"] = str(start + size)
        return as_json(page)


@pytest.fixture
def means(intake: Intake, tallies: Tallies, pool: ConnectionPool[Any], schema: str) -> Means:
    return Means(intake, tallies, pool, schema)


def test_polled_records_are_in_the_ledger_once_and_counted(
    means: Means, server: SourceServer, ask: Ask
) -> None:
    server.handle = store = Store(25)
    made = feed(client=client(server.url), poll={"objects": ["orders"], "page": 10, "overlap": 5})
    puller = Puller(means, made, Orders(), stop=threading.Event())
    came = puller.round().polled["orders"]
    assert (came.records, came.is_whole, came.summary.recorded) == (25, True, 25)
    assert ask("SELECT count(*) FROM log") == [(25,)]
    store.orders += Store(30).orders[25:]
    assert puller.round().polled == {}, "not due yet"
    came = puller.round(at_once=True).polled["orders"]
    assert (came.records, came.is_whole) == (11, True)
    puller.close()
    assert ask("SELECT count(*) FROM log") == [(30,)]
    tally = "SELECT outcome, sum(records)::int FROM feed_tally WHERE feed = 'shop' GROUP BY 1 ORDER BY 1"
    assert ask(tally) == [("duplicate", 6), ("recorded", 30)]
    assert ask("SELECT watermark, page, records FROM poll_cursor") == [
        (datetime(2026, 1, 1, 0, 0, 29, tzinfo=UTC), None, 36)
    ]


def test_a_source_that_is_down_is_a_problem_and_no_end(means: Means, server: SourceServer, ask: Ask) -> None:
    server.handle = lambda asked: Answer(500)
    made = feed(client=client(server.url), poll={"objects": ["orders"]})
    puller = Puller(means, made, Orders(), stop=threading.Event())
    assert puller.round().problems == ["orders: the source fails (HTTP 500)"]
    puller.close()
    assert ask("SELECT failures, last_error FROM poll_cursor") == [(1, "fails (HTTP 500)")]


def test_a_feed_is_pulled_by_one_process_at_a_time(means: Means, server: SourceServer) -> None:
    made = feed(client=client(server.url), poll={"objects": ["orders"]})
    puller = Puller(means, made, Orders(), stop=threading.Event())
    with held(means.pool, means.schema, "shop") as ours:
        assert ours
        with pytest.raises(FeedBusy, match="shop"):
            puller.round()
    server.handle = Store(1)
    assert puller.round().problems == []
    puller.close()


def test_a_cursor_is_kept_to_the_microsecond(pool: ConnectionPool[Any]) -> None:
    waits = Waits(pool)
    at = moment_of(1_767_225_600_123_456)
    assert microseconds_of(at) == 1_767_225_600_123_456
    cursor = Cursor("f", "o", at, at, "page", at, at, at, 7, 2, at, "why")
    waits.save(cursor)
    assert waits.cursor("f", "o") == cursor
    assert waits.cursor("f", "p") == Cursor("f", "p")


def test_what_cannot_be_read_goes_to_quarantine_and_holds_up_nothing(
    means: Means, server: SourceServer, ask: Ask
) -> None:
    server.handle = lambda asked: as_json({"results": [{"id": 1}, {}, {"ignored": 1}, {"id": 2}]})
    made = feed(client=client(server.url), poll={"objects": ["orders"]})
    inlet = Inlet(means.intake, means.tallies, made, Orders())
    summary = inlet.take([json.dumps(one).encode() for one in ({"id": 1}, {}, {"ignored": 1}, {"id": 2})])
    assert (summary.recorded, summary.quarantined, summary.ignored) == (
        2, {"id_missing": 1}, {"master_data": 1},
    )  # fmt: skip
    assert ask("SELECT count(*) FROM log") == [(2,)]
