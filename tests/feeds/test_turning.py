"""Lists that do not move on are failures: none is called whole that was not read, none is read for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from adapters.feeds.asking import HttpClient
from adapters.feeds.clients import ListStands, Page, SourceUnavailable
from adapters.feeds.polling import Poll
from adapters.feeds.sections import ClientSection, PollSection
from adapters.feeds.turning import MOST_EMPTY, Turning, every_record
from adapters.feeds.waits import Cursor
from adapters.importing import Summary
from tests.feeds.pulled import client
from tests.feeds.server import Answer, Asked, SourceServer, as_json

ROWS = [{"id": n, "at": f"2026-01-01T00:00:{n:02d}Z"} for n in range(9)]
SPAN = date(2026, 1, 1), date(2026, 1, 31)


def asking(server: SourceServer, **more: Any) -> HttpClient:
    given = client(server.url, between={"from": "{from}"}, **more)
    return HttpClient(ClientSection.model_validate(given))


def polled(server: SourceServer, saved: list[Cursor], **more: Any) -> Any:
    http = asking(server, **more)
    section = PollSection(objects=("orders",), page=3)
    try:
        return Poll(http, section, lambda records: Summary(), saved.append).run(Cursor("shop", "orders"))
    finally:
        http.close()


def paged(parameter: str) -> Callable[[Asked], Answer]:
    """A source that takes the cursor by this parameter, and passes over any other."""

    def handle(asked: Asked) -> Answer:
        start = int(asked.query.get(parameter, 0))
        page: dict[str, Any] = {"results": ROWS[start : start + 3]}
        return as_json(page | ({"after": str(start + 3)} if start + 3 < len(ROWS) else {}))

    return handle


def test_a_cursor_that_the_source_passes_over_is_a_failure_and_the_watermark_stays(
    server: SourceServer,
) -> None:
    server.handle = paged("start")
    saved: list[Cursor] = []
    with pytest.raises(ListStands, match="the same page again: check `cursor_parameter`"):
        polled(server, saved)
    assert len(server.asked) == 2
    assert (saved[-1].watermark, saved[-1].completed_at, saved[-1].failures) == (None, None, 1)
    assert saved[-1].page is None, "it begins anew once it is mended"
    assert polled(server, saved, cursor_parameter="start").records == 9
    assert saved[-1].watermark is not None


def test_business_dates_of_a_list_that_stands_are_no_list_to_compare_with(server: SourceServer) -> None:
    server.handle = paged("start")
    http = asking(server)
    with pytest.raises(ListStands):
        list(http.between("orders", *SPAN))
    with pytest.raises(ListStands):
        http.totals("orders", *SPAN)
    http.close()


def test_a_source_that_ends_by_naming_the_same_cursor_is_said_to(server: SourceServer) -> None:
    def handle(asked: Asked) -> Answer:
        start = int(asked.query.get("after", 0))
        return as_json({"results": ROWS[start : start + 3], "after": str(min(start + 3, 6))})

    server.handle = handle
    assert polled(server, [], last_page="same_cursor").records == 9
    with pytest.raises(ListStands):
        polled(server, [])


def test_a_same_cursor_does_not_excuse_a_same_page(server: SourceServer) -> None:
    server.handle = paged("start")
    with pytest.raises(ListStands, match="same page"):
        polled(server, [], last_page="same_cursor")


@pytest.mark.parametrize("paging", ["page", "offset"])
def test_a_number_that_the_source_passes_over_is_a_failure(server: SourceServer, paging: str) -> None:
    server.handle = lambda asked: as_json({"results": ROWS[:3]})
    with pytest.raises(ListStands, match="same page"):
        polled(server, [], paging=paging, cursor_parameter="page")
    assert len(server.asked) == 2


def test_a_page_number_that_is_clamped_is_a_failure(server: SourceServer) -> None:
    server.handle = lambda asked: as_json({"results": ROWS[3:] if asked.query["page"] != "1" else ROWS[:3]})
    with pytest.raises(ListStands, match="after the last page it must give none"):
        polled(server, [], paging="page", cursor_parameter="page")


def test_cursors_in_a_circle_are_a_failure(server: SourceServer) -> None:
    def handle(asked: Asked) -> Answer:
        number = len(server.asked)
        return as_json({"results": [{"id": number}], "after": str(number % 3)})

    server.handle = handle
    with pytest.raises(ListStands, match="no end"):
        polled(server, [])
    assert len(server.asked) < 10


def test_pages_without_a_record_are_followed_up_to_a_limit(server: SourceServer) -> None:
    def handle(asked: Asked) -> Answer:
        number = len(server.asked)
        return as_json({"results": [], "after": str(number)})

    server.handle = handle
    with pytest.raises(ListStands, match="100 pages without a record"):
        polled(server, [])
    assert len(server.asked) == MOST_EMPTY


def test_a_list_begun_anew_may_begin_with_what_it_ended_with() -> None:
    def pages() -> Iterator[Page]:
        yield Page((b"1", b"2"), "a")
        yield Page((b"3", b"4"), "b")
        yield Page((b"3", b"4"), "c", is_anew=True)
        yield Page((b"5",))

    given = pages()
    assert len(list(every_record(lambda place: next(given)))) == 7
    turning = Turning()
    turning.turn(Page((b"1",), "a"))
    with pytest.raises(ListStands):
        turning.turn(Page((b"1",), "b"))


def test_one_full_page_that_names_no_next_is_doubted(
    server: SourceServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.handle = paged("after")
    assert polled(server, [], cursor="paging.next").is_doubtful
    assert "nothing says where the list goes on" in caplog.text
    assert not polled(server, []).is_doubtful
    server.handle = lambda asked: as_json({"results": ROWS[:2]})
    assert not polled(server, []).is_doubtful


def test_a_list_that_is_null_is_empty_and_one_that_is_elsewhere_is_a_failure(server: SourceServer) -> None:
    server.handle = lambda asked: as_json({"ok": True, "results": None})
    assert polled(server, []).records == 0
    server.handle = lambda asked: as_json({"ok": False, "error": "rate"})
    with pytest.raises(SourceUnavailable, match="not where `records` says"):
        polled(server, [])


def test_a_byte_order_mark_before_an_answer_is_passed_over(server: SourceServer) -> None:
    server.handle = lambda asked: Answer(200, b'\xef\xbb\xbf{"results": [{"id": 1}]}')
    assert polled(server, []).records == 1
