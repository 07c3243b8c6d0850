"""The stream to measure with: its shape, its order, and that its templates write what a serialiser would."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from typing import Any

import pytest

from scripts.bench_events import CURRENCIES, PRODUCTS, TERRITORIES, events


def read(milestones: int, deals: int, seed: int = 1, late_per_mille: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in events(milestones, deals, seed, late_per_mille=late_per_mille)]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first = b"".join(events(2_000, 200, 7))
    assert first == b"".join(events(2_000, 200, 7))
    assert first != b"".join(events(2_000, 200, 8))


def test_every_line_is_what_a_serialiser_would_write() -> None:
    for line in events(3_000, 300, 1):
        text = line.decode()
        assert json.dumps(json.loads(text), separators=(",", ":")) + "\n" == text


@pytest.mark.parametrize(("milestones", "deals"), [(1, 1), (10, 10), (33, 10), (1_000, 100), (257, 20)])
def test_exactly_the_milestones_asked_for_are_spread_over_the_deals(milestones: int, deals: int) -> None:
    told = read(milestones, deals)
    of_deal = Counter(event["id"].rsplit("-", 1)[0] for event in told)
    assert len(told) == milestones
    assert len({event["id"] for event in told}) == milestones
    assert len(of_deal) == deals
    assert set(of_deal.values()) <= {milestones // deals, milestones // deals + 1}


def test_fewer_milestones_than_deals_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one each"):
        next(events(5, 6))


def test_lines_come_in_order_of_time_and_are_interleaved_across_deals() -> None:
    told = read(5_000, 500)
    times = [event["time"] for event in told]
    assert times == sorted(times)
    runs = [len(list(run)) for _, run in groupby(told, key=lambda event: event["id"].split("-")[0])]
    assert len(runs) > 4_000


def test_a_late_line_keeps_its_time_and_moves_behind_others() -> None:
    told = read(5_000, 500, late_per_mille=50)
    times = [event["time"] for event in told]
    assert len(told) == 5_000
    assert times != sorted(times)


def test_a_deal_wins_orders_bills_and_collects_the_same_money() -> None:
    totals: dict[str, Counter[str]] = {}
    for event in read(4_000, 400):
        content, deal = event["data"], event["id"].split("-")[0]
        minor = totals.setdefault(deal, Counter())
        if event["type"] == "order.accepted.v1":
            minor["ordered"] += sum(_minor(line["net"]) for line in content["lines"])
        elif event["type"] == "invoice.posted.v1":
            minor["billed"] += sum(_minor(line["net"]) for line in content["lines"])
            minor["gross"] += sum(_minor(line["net"]) + _minor(line["tax"]) for line in content["lines"])
        elif event["type"] in {"payment.received.v1", "payment.applied.v1"}:
            minor[event["type"]] += _minor(content["amount"])
    assert len(totals) == 400
    for minor in totals.values():
        assert minor["ordered"] == minor["billed"] > 0
        assert minor["gross"] == minor["payment.received.v1"] == minor["payment.applied.v1"]


def test_products_territories_and_currencies_are_as_many_as_told() -> None:
    told = read(20_000, 2_000)
    lines = [line for event in told for line in event["data"].get("lines", ())]
    territories = {
        event["data"]["dimensions"]["territory"] for event in told if "dimensions" in event["data"]
    }
    assert len({line["sku"] for line in lines if "sku" in line}) == PRODUCTS
    assert len(territories) == TERRITORIES
    currencies = {event["data"]["currency"] for event in told if "currency" in event["data"]}
    assert currencies == {currency for currency, *_ in CURRENCIES}


def test_every_line_is_a_milestone_of_the_contract() -> None:
    from domain.contract import parse_event

    for event in read(2_200, 200):
        assert parse_event(event).id == event["id"]


def _minor(text: str) -> int:
    return int(text.replace(".", ""))
