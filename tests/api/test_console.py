"""The console: its files, and, where Chromium is at hand, what a reader sees in it.

Given/when/then over the files as they are served, and over pages that a real browser has built from a story.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from api import console
from api.headers import CONSOLE
from tests.api.browsing import CHROMIUM, Browser, built_page
from tests.api.running import TOKEN, ServerProcess, environment
from tests.api.samples import order

FOLDER: Final = Path(console.__file__).parent
FILES: Final = sorted(path.name for path in FOLDER.iterdir() if path.suffix not in (".py", ""))
TYPES: Final = {
    ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml",
}  # fmt: skip
NAMESPACE: Final = "http://www.w3.org/2000/svg"

_numbers = count(1)


# ---- the files


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_with_its_type_and_the_policy(client: httpx.Client, name: str) -> None:
    answer = client.get("/" if name == "index.html" else f"/console/{name}", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == TYPES[Path(name).suffix]
    assert answer.headers["content-security-policy"] == CONSOLE
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content == (FOLDER / name).read_bytes()


def test_what_is_not_of_the_console_is_not_served(client: httpx.Client) -> None:
    for name in ("__init__.py", "nothing.js", "..%2Fsettings.py"):
        assert client.get(f"/console/{name}").status_code == 404


def test_every_file_that_the_page_and_its_scripts_name_exists_and_no_file_is_left_over() -> None:
    page = (FOLDER / "index.html").read_text()
    named = set(re.findall(r'(?:src|href)="/console/([^"]+)"', page))
    imported = {
        found
        for script in FOLDER.glob("*.js")
        for found in re.findall(r'from "\./([^"]+)"', script.read_text())
    }
    assert named <= set(FILES)
    assert imported <= named, "a module that is not named in the page is fetched only after its importer"
    assert {*named, "index.html"} == set(FILES)


def test_the_page_has_no_script_and_no_style_of_its_own_and_asks_nobody_else() -> None:
    page = (FOLDER / "index.html").read_text()
    for script in re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL):
        assert not script.strip()
    assert "<style" not in page
    assert not re.search(r"\s(style|on[a-z]+)=", page)
    for name in FILES:
        text = (FOLDER / name).read_text().replace(NAMESPACE, "")
        assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), name
        assert ".style" not in text or name.endswith(".html"), name


def test_every_field_has_a_label_and_every_id_that_a_script_asks_for_is_there_once() -> None:
    page = (FOLDER / "index.html").read_text()
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    asked = {
        found
        for script in FOLDER.glob("*.js")
        for found in re.findall(r'\$\("#([a-z-]+)[" ]', script.read_text())
    }
    assert asked <= set(ids)
    unlabelled = re.sub(r"<label[^>]*>.*?</label>", "", page, flags=re.DOTALL)
    assert not re.search(r"<(input|select|textarea)\b", unlabelled)


def test_modules_stay_rooms() -> None:
    assert [name for name in FILES if len((FOLDER / name).read_text().splitlines()) > 400] == []


# ---- a story in a browser

WIN: Final = "crm/salesforce/acme:opportunity:006A"
LATER: Final = "crm/salesforce/acme:opportunity:006B"
ORDER: Final = "erp/netsuite/acme:order:SO-1"
INVOICE: Final = "erp/netsuite/acme:invoice:INV-1"


def _event(id_: str, source: str, type_: str, subject: str, day: str, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": id_, "source": source, "type": f"{type_}.v1", "subject": subject,
        "time": f"{day}T09:30:00Z", "data": {"effective_on": day, **data},
    }  # fmt: skip


def _line(net: str, **more: Any) -> dict[str, Any]:
    return {"line": "1", "sku": "SUB", "net": net, "kind": "recurring", **more}


def _invoice(net: str, tax: str) -> dict[str, Any]:
    return _event(
        "m3", "/erp/netsuite/acme", "invoice.posted", "invoice/INV-1", "2026-01-10",
        keys=[INVOICE, ORDER], invoice="INV-1", currency="EUR", due_on="2026-02-10",
        lines=[_line(net, tax=tax, order_line="SO-1/1")],
    )  # fmt: skip


def _story() -> list[dict[str, Any]]:
    """Won for 1,500.00, ordered for 1,200.00, invoiced for 500.00, corrected to 600.00, 250.00 paid.

    And a year later 70.00, won as expansion and ordered as new.
    """
    service = {"service_start": "2026-01-01", "service_end": "2026-12-31"}
    crm, erp, ledger = "/crm/salesforce/acme", "/erp/netsuite/acme", "/ledger/cairn/acme"
    customer = {"customer": "C-1"}
    once = {"line": "1", "sku": "HW", "net": "70.00", "kind": "one_time"}
    return [
        _event("m1", crm, "opportunity.won", "opportunity/006A", "2026-01-01", keys=[WIN], currency="EUR",
               lines=[_line("1500.00", **service)], dimensions=customer, **{"class": "new"}),
        _event("m2", erp, "order.accepted", "order/SO-1", "2026-01-01", keys=[ORDER, WIN], order="SO-1",
               currency="EUR", lines=[_line("1200.00", **service)], dimensions=customer),
        _invoice("500.00", "100.00"),
        _event("m4", erp, "payment.received", "payment/P-1", "2026-02-01",
               keys=["erp/netsuite/acme:payment:P-1", INVOICE], payment="P-1", customer="C-1", currency="EUR",
               amount="250.00"),
        _event("m5", erp, "payment.applied", "application/P-1", "2026-02-01", keys=[INVOICE], payment="P-1",
               invoice="INV-1", currency="EUR", amount="250.00"),
        _event("m6", ledger, "policy.activated", "policy/won", "2026-02-01", policy="won", version="1",
               **{"from": "2020-01-01"}, settings={"booking_trigger": "won"}),
        _event("m7", erp, "milestone.corrected", "correction/X-1", "2026-03-01",
               target={"source": erp, "id": "m3"}, reason="keyed wrong",
               replacement=_invoice("600.00", "120.00")),
        _event("m8", crm, "opportunity.won", "opportunity/006B", "2027-02-01", keys=[LATER], currency="EUR",
               lines=[once], dimensions={"customer": "C-2"}, **{"class": "expansion"}),
        _event("m9", erp, "order.accepted", "order/SO-2", "2027-02-01",
               keys=["erp/netsuite/acme:order:SO-2", LATER], order="SO-2", currency="EUR", lines=[once],
               dimensions={"customer": "C-2"}, **{"class": "new"}),
    ]  # fmt: skip


needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on PATH: the page was not looked at"
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A ledger that asks for no key, with the story in it."""
    folder = tmp_path_factory.mktemp("console")
    with ServerProcess(env=environment(CAIRN_DATA=str(folder / "data"))) as server:
        results = server.client.post("/v1/events", json=_story()).raise_for_status().json()["results"]
        assert [one["outcome"] for one in results] == ["recorded"] * 9, results
        server.client.get("/v1/reports/billing", params={"at_least": 9}).raise_for_status()
        yield server


def _words(page: str) -> str:
    """What a page says: tags, indents and the small gaps between thousands taken out."""
    text = html.unescape(re.sub(r"<[^>]*>", " ", page)).replace("\u202f", "")
    return re.sub(r"\s+", " ", text)


class Look(NamedTuple):
    """A place of the console, and what must be read there."""

    place: str
    reads: tuple[str, ...]


LOOKS: Final = {
    "billing": Look(
        "#reports?view=billing&by=customer&at=2026-03-31",
        ("C-1 EUR 600.00 120.00 0.00 600.00 295.89", "basis restated", "policies default@1", "position 9"),
    ),
    "as known before the correction": Look(
        "#reports?view=billing&by=customer&at=2026-03-31&known_position=6&beside=on",
        ("C-1 EUR 500.00 +100.00 since 100.00 +20.00 since", "position 6"),
    ),
    "movement of run-rate": Look(
        "#reports?view=arr&by=customer&from=2026-01-01&to=2026-12-31",
        ("opening new expansion contraction churn closing nrr grr",
         "C-1 EUR 0.00 1200.00 0.00 0.00 0.00 1200.00 – –"),
    ),
    "two policies": Look(
        "#reports?view=bookings&by=customer&policy=default@1&other=won@1",
        ("C-1 default@1 EUR 1500.00 1200.00", "C-1 won@1 EUR 1500.00 1500.00 +300.00"),
    ),
    "no rate": Look(
        "#reports?view=billing&by=customer&currency=USD&rate=closing&at=2026-03-31",
        ("stays in its own currency: no rate", WIN, "no spot rate from EUR to USD"),
    ),
    "refused": Look(
        "#reports?view=collections&basis=as_reported",
        ("The report can't be asked that way", "ask collections with basis=restated"),
    ),
    "what changed": Look(
        "#reports?view=billing&by=customer&at=2026-03-31&from_position=6",
        ("correction EUR +100.00 +20.00", "milestone.corrected.v1 #7", "invoiced 500.00 600.00 +100.00"),
    ),
    "bridge": Look(
        "#bridge?at=2026-03-31",
        ("won 1500.00 price 300.00 ordered 1200.00", "gross 720.00", "cash 250.00",
         f"{WIN} won → ordered price 300.00", "past due 470.00"),
    ),
    "bridge in a currency without a rate": Look(
        "#bridge?at=2026-03-31&currency=USD&rate=closing&policy=default@1",
        ("won 1500.00", "stays in its own currency: no rate", "no spot rate from EUR to USD"),
    ),
    "bridge that is not converted to anything": Look("#bridge?rate=closing", ("say into which currency",)),
    "exceptions": Look(
        "#exceptions?at=2026-03-31",
        ("1 amount mismatch", "1 past due", "AMOUNT_MISMATCH", "300.00 EUR", "470.00 EUR",
         "acknowledge assign resolve", "Ask the customer to pay"),
    ),
    "latency": Look("#latency?from=2026-01-01&to=2026-12-31", ("invoicing 1 9 d 0 h 9 d 0 h 9 d 0 h",)),
    "deal": Look(
        f"#deal/{INVOICE}?at=2026-03-31",
        (WIN, "corrected by #7 keyed wrong on 2026-03-01",
         "instead: invoice.posted.v1, effective 2026-01-10, EUR, net 600.00", "PAST_DUE",
         "receivable EUR 470.00"),
    ),
    "deal by a parameter": Look(
        f"#deal?key={quote(INVOICE, safe='')}", (WIN, "from won to cash EUR won: 1500.00")
    ),
    "sums as known before the correction": Look(
        "#reports?view=billing&by=customer&at=2026-03-31&known_position=6&beside=on",
        ("all EUR 500.00 +100.00 since 100.00 +20.00 since 0.00 500.00 +100.00 since",),
    ),
    "sums of nothing known yet": Look(
        "#reports?view=billing&by=customer&at=2026-03-31&known_position=2&beside=on",
        ("all EUR 0.00 +600.00 since",),
    ),
    "sums of two policies": Look(
        "#reports?view=bookings&by=customer&policy=default@1&other=won@1",
        ("all default@1 EUR 1500.00 1200.00", "all won@1 EUR 1500.00 1500.00 +300.00"),
    ),
    "a group that is nothing under the other policy": Look(
        "#reports?view=bookings&by=class&policy=default@1&other=won@1&from=2027-01-01&to=2027-12-31",
        ("new default@1 EUR 0.00 70.00 0.00 70.00", "new won@1 EUR 0.00 0.00 −70.00 0.00 0.00 −70.00",
         "all won@1 EUR 70.00 70.00 0.00 70.00"),
    ),
    "what the measures mean": Look(
        "#reports?view=backlog&at=2026-03-31",
        ("What the measures mean won unordered Won and not ordered yet; negative where",
         "has no win behind it. balance unbilled Ordered"),
    ),
    "milestone": Look("#milestone/2", ("order.accepted.v1", "order/SO-1 · position 2", "source payload")),
}  # fmt: skip


@needs_chromium
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_reader_sees_the_figures_of_the_story(told: ServerProcess, look: Look, tmp_path: Path) -> None:
    page = built_page(f"{told.url}/{look.place}", tmp_path)
    words = _words(page)
    for sentence in look.reads:
        # keys may break after colons and slashes
        found = sentence.replace(" ", "") in words.replace(" ", "")
        assert found, f"{sentence!r} is not in {words[words.find(' milestones ') :][:3_000]}"
    assert "{" not in _words(re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL))
    assert "undefined" not in words
    assert "NaN" not in words


@needs_chromium
def test_what_does_not_stand_is_struck_through_and_the_bridge_is_drawn(
    told: ServerProcess, tmp_path: Path
) -> None:
    page = built_page(f"{told.url}/#deal/{ORDER}?at=2026-03-31", tmp_path)
    assert "<s>invoice.posted.v1</s>" in page
    assert page.count("<s>") == 3  # of one milestone: the day, the type, the subject
    assert len(re.findall(r'<rect class="mark"', page)) == len(
        re.findall(r'<tr class="(?:figure|part)"', page)
    )


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser that one test has alone."""
    with Browser(tmp_path) as found:
        yield found


@needs_chromium
def test_an_exception_is_assigned_in_the_page_and_read_again(told: ServerProcess, browser: Browser) -> None:
    browser.go(f"{told.url}/#exceptions?at=2026-03-31&code=PAST_DUE")
    browser.until("document.querySelectorAll('#waiting tbody tr').length === 1")

    browser.run("[...document.querySelectorAll('#waiting .acts button')][1].click()")
    browser.until("document.querySelector('#handling').open")
    browser.run("""{
        const { actor, assignee, note } = document.querySelector('#handling form').elements;
        [actor.value, assignee.value, note.value] = ['ann', 'no: body', 'they pay on Friday'];
        document.querySelector('#handling-send').click();
    }""")
    browser.until("document.querySelector('#handling-told').textContent.includes('without a colon')")
    browser.run("document.querySelector('#handling form').elements.assignee.value = 'bob'")
    browser.run("document.querySelector('#handling-send').click()")

    browser.until("document.querySelector('#waiting').textContent.includes('to bob')")
    assert browser.run("document.querySelector('#handling').open") is False
    (row,) = told.client.get("/v1/reports/exceptions", params={"code": "PAST_DUE"}).json()["rows"]
    assert (row["status"], row["assignee"]) == ("assigned", "bob")
    assert (row["handled"]["actor"], row["handled"]["note"]) == ("ann", "they pay on Friday")


@needs_chromium
def test_the_keyboard_leads_from_a_row_to_its_postings_and_back(
    told: ServerProcess, browser: Browser
) -> None:
    browser.go(f"{told.url}/#reports?view=billing&by=customer&at=2026-03-31")
    browser.until("document.querySelectorAll('#rows tbody tr.opens').length === 1")
    browser.run("document.querySelector('#rows tbody tr.opens').focus()")
    browser.press("Enter")
    browser.until("document.querySelector('#details')?.textContent.includes('add up to the row')")
    assert browser.run("document.activeElement.id") == "close"
    browser.press("Escape")
    assert browser.run("document.querySelector('#drawer').hidden") is True
    assert browser.run("document.activeElement.matches('#rows tbody tr')") is True


@needs_chromium
def test_a_ledger_that_wants_a_token_is_shown_once_it_is_given(
    client: httpx.Client, browser: Browser
) -> None:
    client.post("/v1/events", json=order("SO-C1")).raise_for_status()
    client.get("/v1/reports/backlog", params={"at_least": 1}).raise_for_status()
    browser.go(f"{client.base_url}/#reports?view=backlog&by=customer&at=2026-03-31")
    browser.until("document.querySelector('#token')?.open")
    assert "1000.00" not in browser.run("document.querySelector('#rows').textContent")
    browser.run(f"document.querySelector('#token input').value = '{TOKEN}'")
    browser.run("document.querySelector('#token button').click()")
    browser.until(r"document.querySelector('#rows').textContent.replaceAll('\u202f', '').includes('1000.00')")


@needs_chromium
def test_what_can_not_be_answered_now_is_asked_again_on_demand(told: ServerProcess, browser: Browser) -> None:
    browser.go(f"{told.url}/#reports?view=billing&by=customer&at=2026-03-31")
    browser.until("document.querySelectorAll('#rows tbody tr').length === 1")
    browser.run("""{
        const body = JSON.stringify({ title: 'The reports have not come that far yet', detail: 'ask again' });
        window.kept = window.fetch;
        window.fetch = async () => new Response(body, { status: 503 });
        document.querySelector('#question button[type=submit]').click();
    }""")
    browser.until("document.querySelector('#rows [role=alert]')?.textContent.includes('come that far yet')")
    browser.run("window.fetch = window.kept; document.querySelector('#rows [role=alert] button').click()")
    browser.until("document.querySelectorAll('#rows tbody tr').length === 1")


@needs_chromium
def test_what_comes_from_outside_is_shown_as_text(told: ServerProcess, browser: Browser) -> None:
    hostile = "<img src=x onerror=window.hit=1>"
    browser.go(f"{told.url}/#deal/{quote(hostile)}")
    browser.until("document.querySelector('#dossier')?.textContent.includes('There is no such deal')")
    assert hostile in browser.run("document.querySelector('#dossier').textContent")
    assert browser.run("window.hit") is None
    assert browser.run("document.querySelectorAll('#dossier img').length") == 0


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
def test_no_section_is_wider_than_the_page(told: ServerProcess, browser: Browser, width: int) -> None:
    browser.resize(width)
    for look in LOOKS.values():
        browser.go(f"{told.url}/{look.place}")
        browser.until("document.querySelector('#standing')?.textContent.includes('milestones')"
                      " && !document.querySelector('[aria-busy]')")  # fmt: skip
        assert browser.run("document.documentElement.scrollWidth") <= width, look.place
