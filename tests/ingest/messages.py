"""Bytes as senders send them, and what is said about them."""

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from adapters.preparing import Preparer
from domain.arrivals import Outcome, Prepared
from domain.ledger import Ledger
from tests.domain.events import Event, invoice, order

RECEIVED = 1_770_000_000_000_000


def body(made: Any) -> bytes:
    return json.dumps(made).encode()


def ready(ledger: Ledger, *made: Event | bytes) -> list[Prepared]:
    """Events, or raw bytes, made ready for this ledger."""
    preparer = Preparer(ledger, clock=lambda: RECEIVED)
    return [preparer.event(each if isinstance(each, bytes) else body(each)) for each in made]


def said(outcomes: Sequence[Outcome]) -> list[tuple[str, int | None]]:
    return [(outcome.outcome, outcome.position) for outcome in outcomes]


def stream_of_events(number: int, *, tag: str = "x") -> list[Event]:
    """Orders and invoices of several deals, so many in all."""
    found: list[Event] = []
    for n in count():
        if len(found) >= number:
            return found[:number]
        found.append(order(f"{tag}-{n}", f"{tag}-o{n}"))
        found.append(
            invoice(f"{tag}-{n}", f"{tag}-i{n}", keys=[f"erp/netsuite/acme:order:{tag}-{n}"], sequence=None)
        )
    raise AssertionError
