"""Messages for the tests of the edges."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

_numbers = count(1)
JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"


def order(number: str | None = None, net: str = "1000.00", **attributes: Any) -> dict[str, Any]:
    """An accepted order over one line that is earned on invoice."""
    number = number or f"SO-{next(_numbers)}"
    event = {
        "specversion": "1.0",
        "id": f"id-{number}",
        "source": "/erp/netsuite/acme",
        "type": "order.accepted.v1",
        "subject": f"order/{number}",
        "time": "2026-03-04T09:30:00Z",
        "data": {
            "keys": [f"erp/netsuite/acme:order:{number}"],
            "effective_on": "2026-03-04",
            "order": number,
            "currency": "EUR",
            "lines": [{"line": "1", "sku": "SVC", "net": net, "kind": "one_time"}],
            "dimensions": {"customer": "C-1"},
        },
    }
    return event | attributes


def lines(*events: Any) -> bytes:
    """Events one a line."""
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)
