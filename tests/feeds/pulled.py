"""Feeds for tests of pulling: a mapping whose records are orders, sparse messages and others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.feeds.setup import Feed, FeedSetup
from adapters.sources import Record, Translation
from adapters.sources.base import Refusal
from adapters.sources.files import json_records
from domain.arrivals import Fetch
from tests.domain.events import order


class Orders:
    """Reads `{"id", "at"}` as an accepted order, `{"changed": id}` as a sparse message."""

    name = "orders"
    canonical = False

    def records(self, path: Path) -> Iterator[Record]:
        return json_records(path)

    def translate(self, payload: bytes, instance: str) -> Translation:
        try:
            given = json.loads(payload)
        except ValueError:
            return Translation(refused=(Refusal("not_json", "", "send JSON"),))
        if "collection" in given:
            return Translation(needed=(Fetch(given["collection"], None, "collection"),))
        if "changed" in given:
            return Translation(needed=(Fetch(given.get("object", "orders"), str(given["changed"])),))
        if "ignored" in given:
            return Translation(ignored="master_data")
        if "id" not in given:
            return Translation(refused=(Refusal("id_missing", "/id", "give it an id"),))
        event = order() | {"id": f"order/{given['id']}", "subject": f"order/{given['id']}"}
        event["data"] = event["data"] | {"order": str(given["id"]), "keys": []}
        return Translation((event,))


def feed(**sections: Any) -> Feed:
    """A feed of orders with these sections."""
    setup = FeedSetup.model_validate({"mapping": "orders", "instance": "acme", **sections})
    return Feed("shop", setup)


def client(url: str, **more: Any) -> dict[str, Any]:
    """A client section for the orders of a server."""
    listed = {
        "fetch": "/orders/{id}", "list": "/orders", "records": "results", "since": "since", "updated": "at",
        "paging": "cursor", "cursor": "after", "cursor_parameter": "after", "size_parameter": "limit",
    }  # fmt: skip
    limits = {"retries": 0, "breaker_failures": 1000}
    return {"base_url": url, "objects": {"orders": listed | more}, "limits": limits}
