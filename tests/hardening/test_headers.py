"""What every answer tells browsers, and that the pages work under it: nobody else's script, frame or copy."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api import previews_page
from api.headers import completed, self_contained
from tests.api.browsing import CHROMIUM, Browser
from tests.api.running import TOKEN
from tests.api.samples import order

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

#: Told by every answer, and what each must hold.
EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=()",
    "content-security-policy": "default-src 'none'",
    "cache-control": "no-",
}
BAD_TOKEN = {"Authorization": "Bearer wrong"}


@pytest.fixture(scope="module")
def told(client: httpx.Client) -> httpx.Client:
    """A ledger with two orders, messages that were not understood, and a second set of books."""
    events = [order("SO-1"), order("SO-2"), "x", {"not": "an event"}]
    client.post("/v1/events", json=events).raise_for_status()
    client.get("/v1/reports/billing", params={"at_least": 2, "timeout": 30}).raise_for_status()
    begun = client.post("/v1/rebuilds", json={"keep": True}).json()
    until = time.monotonic() + 60
    while (found := client.get(begun["links"]["self"]).json())["state"] == "running":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert found["state"] == "done"
    return client


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 200),
        ("GET", "/console/ask.js", {}, 200),
        ("GET", "/healthz", {}, 200),
        ("GET", "/openapi.json", {}, 200),
        ("GET", "/metrics", {}, 200),
        ("GET", "/v1/reports/billing", {}, 200),
        ("GET", "/v1/reports/billing?format=csv", {}, 200),
        ("GET", "/v1/milestones/1/payload", {}, 200),
        ("GET", "/v1/generations/2/preview?format=html", {}, 200),
        ("POST", "/v1/events", {}, 415),
        ("GET", "/v1/reports/billing", BAD_TOKEN, 401),
        ("GET", "/nowhere", {}, 404),
        ("PUT", "/v1/events", {}, 405),
        ("GET", "/v1/reports/billing?at=soon", {}, 422),
    ],
)
def test_every_answer_has_them(
    told: httpx.Client, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = told.request(method, path, headers=headers)
    assert answer.status_code == status, answer.text
    for name, holds in EVERYWHERE.items():
        assert holds in answer.headers[name], name
        assert len(answer.headers.get_list(name)) == 1, name
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    if not path.startswith("/v1/milestones"):
        assert "frame-ancestors 'none'" in policy
    if not path.startswith(("/console", "/?")) and path != "/":
        assert answer.headers["cache-control"] == "no-store"
        assert "script-src" not in policy
    # for whoever speaks TLS
    assert "strict-transport-security" not in answer.headers


def test_a_payload_that_is_a_page_is_neither_run_nor_guessed(told: httpx.Client) -> None:
    evil = b"<html><script>alert(1)</script></html>"
    told.post("/v1/events", content=evil, headers={"Content-Type": "application/json"})
    entries = told.get("/v1/quarantine").json()["entries"]
    assert entries
    answer = told.get("/v1/milestones/1/payload")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["content-type"].startswith("text/plain")


def test_an_answer_that_says_something_itself_is_left_to_it() -> None:
    headers = [(b"cache-control", b"no-cache"), (b"content-security-policy", b"sandbox")]
    found = completed(headers)
    assert found[:2] == headers
    assert len({name for name, _ in found}) == len(found)


def test_the_preview_has_one_style_and_the_policy_knows_it(told: httpx.Client) -> None:
    answer = told.get("/v1/generations/2/preview", params={"format": "html"})
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert answer.headers["content-security-policy"] == self_contained(style) == previews_page.POLICY
    assert not re.search(r"\s(style|on[a-z]+)=|<script|<link|<img|https?:", answer.text)


# ---- in a browser


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path) as found:
        yield found


@needs_chromium
def test_the_browser_notices_what_a_policy_forbids(told: httpx.Client, browser: Browser) -> None:
    """Without this the next tests could not fail."""
    browser.listen()
    browser.go(f"{told.base_url}/")
    browser.until("document.readyState === 'complete'")
    made = "document.body.append(Object.assign(document.createElement('{}'), {{{}}}))"
    browser.run(made.format("style", "textContent: 'a {}'"))
    browser.run(made.format("img", "src: 'data:image/png;,'"))
    browser.run("document.body.setAttribute('style', 'color: red')")
    browser.until("true")
    assert sum("Content Security Policy" in one for one in browser.complaints()) >= 3
    assert "TrustedHTML" in str(
        browser.run(
            "(() => { try { document.body.innerHTML = '<b>' } catch (error) { return String(error) } })()"
        )
    )


@needs_chromium
def test_every_section_of_the_console_works_under_its_policy(told: httpx.Client, browser: Browser) -> None:
    browser.send({"Authorization": f"Bearer {TOKEN}"})
    browser.listen()
    key = "erp/netsuite/acme:order:SO-1"
    for place, holds in {
        "reports?view=backlog&by=customer": "default@1",
        "bridge": "won",
        "exceptions": "quarantine",
        "latency": "",
        f"deal/{key}": "order.accepted.v1",
        "feed": "order.accepted.v1",
        "milestone/1": "source payload",
        "quarantine": "specversion",
    }.items():
        browser.go("about:blank")
        browser.go(f"{told.base_url}/#{place}")
        text = "(document.body?.innerText ?? '').toLowerCase()"
        browser.until(f"!document.querySelector('[aria-busy]') && {text}.includes('{holds.lower()}')")
    assert browser.complaints() == []


@needs_chromium
def test_the_preview_is_shown_with_its_style(told: httpx.Client, browser: Browser) -> None:
    browser.send({"Authorization": f"Bearer {TOKEN}"})
    browser.listen()
    browser.go(f"{told.base_url}/v1/generations/2/preview?format=html")
    browser.until("document.querySelector('.verdict') !== null")
    assert browser.run("getComputedStyle(document.querySelector('.verdict')).borderLeftWidth") == "4px"
    assert browser.complaints() == []
