"""Every set-up of docs/feeds.md, polled from a server that answers as that system does.

docs/examples has tests of its own (test_connecting.py).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import pytest
import yaml
from psycopg_pool import ConnectionPool

from adapters.feeds.pulling import Means, Puller
from adapters.feeds.setup import Feed, FeedSetup
from adapters.feeds.tallies import Tallies
from adapters.intake import Intake
from adapters.sources import SOURCES
from tests.api.running import ROOT
from tests.feeds.server import Answer, Asked, SourceServer, as_json
from tests.sources.samples import cb_invoice, qbo_invoice
from tests.sources.samples_crm import hs_deal
from tests.sources.samples_dynamics import bc_invoice

PAGE: Final = (ROOT / "docs" / "feeds.md").read_text(encoding="utf-8")
BLOCKS: Final = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

#: Titles of the set-ups, to the mappings that read them.
MAPPINGS: Final = {
    "Chargebee": "chargebee",
    "QuickBooks Online": "quickbooks",
    "Business Central": "business_central",
}


def set_ups() -> dict[str, dict[str, Any]]:
    """The clients of the page's last block, by their titles."""
    parts = re.split(r"^# (.+)\n", BLOCKS[-1], flags=re.MULTILINE)[1:]
    return {title: yaml.safe_load(text) for title, text in zip(parts[::2], parts[1::2], strict=True)}


def chargebee(asked: Asked) -> Answer:
    if asked.path.endswith("/invoices"):
        return as_json({"list": [{"invoice": cb_invoice()}]})
    return as_json({"invoice": cb_invoice()})


def quickbooks(asked: Asked) -> Answer:
    invoice = qbo_invoice()["data"]
    if asked.path.endswith("/query"):
        assert "startposition 1 " in asked.query["query"]
        return as_json({"QueryResponse": {"Invoice": [invoice], "startPosition": 1, "maxResults": 1}})
    return as_json({"Invoice": invoice})


def business_central(asked: Asked) -> Answer:
    assert asked.query["$expand"] == "salesInvoiceLines"
    if asked.path.endswith("/salesInvoices"):
        return as_json({"@odata.context": "...", "value": [bc_invoice()]})
    return as_json({"@odata.context": "...", **bc_invoice()})


def hubspot(asked: Asked) -> Answer:
    if asked.path.endswith("/search"):
        assert "dealstage" in json.loads(asked.body)["properties"]
        return as_json({"total": 1, "results": [won()]})
    return as_json(won())


def won() -> dict[str, Any]:
    return hs_deal(dealstage="closedwon", hs_is_closed="true", hs_is_closed_won="true")


ANSWERS: Final = {
    "chargebee": chargebee,
    "quickbooks": quickbooks,
    "business_central": business_central,
    "hubspot": hubspot,
}


def polled() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Mapping, client and kind of object of every client that the page shows."""
    shown = [(MAPPINGS[title], client) for title, client in set_ups().items()]
    shown += [
        (one["mapping"], one["client"])
        for one in yaml.safe_load(BLOCKS[0])["feeds"].values()
        if "client" in one
    ]
    for mapping, client in shown:
        for kind in client["objects"]:
            yield mapping, client, kind


@pytest.mark.parametrize(("mapping", "client", "kind"), list(polled()), ids=lambda one: str(one)[:20])
def test_a_documented_client_brings_in_what_its_system_answers(
    mapping: str, client: dict[str, Any], kind: str, server: SourceServer, intake: Intake,
    tallies: Tallies, pool: ConnectionPool[Any], schema: str,
) -> None:  # fmt: skip
    server.handle = ANSWERS[mapping]
    # its paths stay as they are; only the host is the test's
    path = re.sub(r"^https://[^/]+", "", client.get("base_url", ""))
    given = {**client, "base_url": server.url + path, "limits": {"retries": 0}}
    section = {"objects": [kind]}
    setup = FeedSetup.model_validate(
        {"mapping": mapping, "instance": "acme", "client": given, "poll": section},
        context={"resolve": lambda env, file: "a secret"},
    )
    feed = Feed("documented", setup)
    means = Means(intake, tallies, pool, schema)
    with closing(Puller(means, feed, SOURCES[mapping], stop=threading.Event())) as puller:
        report = puller.round(at_once=True)
        assert report.problems == []
        came = report.polled[kind]
        assert (came.records, came.summary.recorded, dict(came.summary.quarantined)) == (1, 1, {})
        assert puller._client is not None
        fetched = puller._inlet.take([puller._client.fetch(kind, "1042")])
    assert (fetched.duplicate, fetched.quarantined.total()) == (1, 0)
