"""A ledger with one feed of every scheme, served over a real socket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.api.running import PATIENCE, serving
from tests.webhooks.configuring import feeds_in, secret_in

_numbers = count(1)
SECRET = "a secret of the tests"
NEXT = "the secret after it"
STANDARD = "whsec_YSBrZXkgb2YgdGhlIHRlc3RzLCAzMiBieXRlcyE="
ORGANISATION = "00D000000000001"
URL = "https://ledger.example/v1/sources/hubspot"
MAX_BODY = 100_000


class Served(NamedTuple):
    """A served ledger. api: with the token that callers need. outside: without any, as senders are."""

    api: httpx.Client
    outside: httpx.Client


def write_feeds(folder: Path) -> Path:
    """One feed of every scheme; the canonical mapping reads most of them."""
    one = secret_in(folder, "one", SECRET)
    two = secret_in(folder, "two", NEXT)
    gone = secret_in(folder, "gone", "the secret before it", until="2020-01-01T00:00:00Z")
    standard = secret_in(folder, "std", STANDARD)
    webhooks = {
        "stripe": ("stripe", {"scheme": "stripe", "secrets": [one, two, gone]}),
        "events": ("cloudevents", {"scheme": "stripe", "secrets": [one]}),
        "hubspot": (
            "cloudevents",
            {"scheme": "hubspot", "url": URL, "versions": ["v1", "v3"], "secrets": [one]},
        ),
        "standard": ("cloudevents", {"scheme": "standard_webhooks", "secrets": [standard]}),
        "outbound": (
            "salesforce",
            {"scheme": "salesforce_outbound", "organizations": [ORGANISATION], "secrets": [one]},
        ),
        "books": ("cloudevents", {"scheme": "quickbooks", "secrets": [one]}),
        "central": ("cloudevents", {"scheme": "business_central", "secrets": [one]}),
        "billing": ("chargebee", {"scheme": "basic", "user": "cb", "secrets": [one]}),
        "shared": ("cloudevents", {"scheme": "token", "header": "X-Signature-Token", "secrets": [one]}),
        "unproven": ("cloudevents", {"scheme": "none"}),
        "open": ("cloudevents", {"scheme": "none", "open": True}),
        "counted": ("stripe", {"scheme": "basic", "user": "st", "secrets": [one]}),
        "turned": ("cloudevents", {"scheme": "stripe", "secrets": [one, gone], "tolerance": 300}),
        "small": ("cloudevents", {"scheme": "none", "open": True, "max_body": "1KiB"}),
    }
    feeds = {
        name: {"mapping": mapping, "instance": "acme", "webhook": webhook}
        for name, (mapping, webhook) in webhooks.items()
    }
    return feeds_in(folder, feeds | {"pulled": {"mapping": "stripe", "folder": {"path": "drop"}}})


@pytest.fixture(scope="module")
def served(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A ledger that the tests of a module share: each uses messages of its own."""
    schema = f"hooks_{os.getpid():x}_{next(_numbers):x}"
    sources = write_feeds(tmp_path_factory.mktemp("feeds"))
    try:
        with (
            serving(server_url, schema, sources=sources, max_body=MAX_BODY) as api,
            httpx.Client(base_url=api.base_url, timeout=PATIENCE) as outside,
        ):
            yield Served(api, outside)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
