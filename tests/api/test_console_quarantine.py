"""The quarantine in the console: groups, an entry with the place marked, reading again, dismissing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.browsing import CHROMIUM, Browser
from tests.api.running import ServerProcess, environment
from tests.api.samples import order

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


def bad(number: str, note: str = "x") -> dict[str, object]:
    event = order(number)
    event["data"] |= {"currency": "EUX", "note": note}
    return event


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(env=environment(CAIRN_DATA=str(tmp_path / "data"))) as started:
        hostile = "<img src=x onerror=window.hit=1>"
        sent = [bad("1"), bad("2", hostile), {"not": "an event"}, order("3")]
        started.client.post("/v1/events", json=sent).raise_for_status()
        yield started


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as opened:
        yield opened


def test_groups_lead_to_entries_and_an_entry_shows_the_place(server: ServerProcess, browser: Browser) -> None:
    browser.go(f"{server.url}/#quarantine")
    browser.until("document.querySelectorAll('#held table[aria-label=groups] tbody tr').length === 2")
    assert "3 in 2 groups" in browser.run("document.querySelector('#held').textContent")
    browser.run("document.querySelector('#held table[aria-label=groups] tbody tr').click()")
    browser.until("document.querySelectorAll('#held table[aria-label=quarantine] tbody tr').length === 2")
    assert browser.run("document.querySelector('#held-by').elements.reason.value") == "currency_unknown"
    browser.go(f"{server.url}/#quarantine/2")
    browser.until("document.querySelector('#details pre.bytes mark') !== null")
    assert browser.run("document.querySelector('#details pre.bytes mark').textContent") == '"EUX"'
    assert "send it again" in browser.run("document.querySelector('#details').textContent")
    # bytes from outside are text
    assert "<img src=x" in browser.run("document.querySelector('#details pre.bytes').textContent")
    assert browser.run("window.hit") is None


def test_a_group_is_read_again_and_an_entry_is_dismissed(server: ServerProcess, browser: Browser) -> None:
    browser.go(f"{server.url}/#quarantine")
    browser.until("document.querySelector('#held table[aria-label=groups] button') !== null")
    browser.run("document.querySelector('#held table[aria-label=groups] button').click()")
    browser.until(
        "document.querySelector('#details')?.textContent.includes('2 of 2 read again: quarantined 2')"
    )
    browser.press("Escape")
    browser.run("""[...document.querySelectorAll('#held table[aria-label=quarantine] button')]
        .find((one) => one.textContent === 'Dismiss').click()""")
    browser.until("document.querySelector('#dismissal').open")
    browser.run("""{
        const { actor, note } = document.querySelector('#dismissal form').elements;
        [actor.value, note.value] = ['ann', 'a test of theirs'];
        document.querySelector('#dismissal button[type=submit]').click();
    }""")
    browser.until("document.querySelectorAll('#held table[aria-label=quarantine] tbody tr').length === 2")
    (entry,) = server.client.get("/v1/quarantine", params={"status": "dismissed"}).json()["entries"]
    done = server.client.get(f"/v1/quarantine/{entry['id']}").json()["history"][-1]
    assert (done["outcome"], done["actor"], done["note"]) == ("dismissed", "ann", "a test of theirs")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_section_is_no_wider_than_the_page(server: ServerProcess, browser: Browser, width: int) -> None:
    browser.resize(width)
    browser.go(f"{server.url}/#quarantine")
    browser.until("document.querySelector('#held table') !== null && !document.querySelector('[aria-busy]')")
    assert browser.run("document.documentElement.scrollWidth") <= width
