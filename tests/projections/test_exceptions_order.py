"""Whatever order the milestones of a ledger arrive in, its exceptions are the same, ids and ages too."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest

from tests.projections import events as e
from tests.projections.excepted import amendment, shown
from tests.projections.served import House

YEAR = ("2026-01-01", "2026-12-31")
GOODS = e.line("G", "100.00", recognition="on_fulfilment", quantity="10")
WRONG = e.invoiced("2026-02-12", "I-2", e.line("G", "50.00", of="SO-1/1"), due="2026-02-20", id_="wrong")

STORY = [
    e.won("2026-02-02", GOODS, id_="won", dimensions={"customer": "C-1"}),
    e.accepted("2026-02-03", e.line("G", "90.00", recognition="on_fulfilment", quantity="10"), id_="order"),
    e.delivered("2026-02-04", "F-1", ("SO-1/1", "4"), id_="delivery"),
    e.delivered("2026-02-25", "F-2", ("SO-1/1", "4"), id_="delivery-2"),
    e.invoiced("2026-02-10", "I-1", e.line("G", "36.00", of="SO-1/1"), due="2026-02-20", id_="invoice"),
    WRONG,
    amendment("voided", "2026-02-13", WRONG, id_="void"),
    e.received("2026-02-26", "P-1", "30.00", deal="O-1", id_="receipt"),
    e.applied("2026-02-26", "P-1", "I-1", "20.00", id_="application"),
    e.applied("2026-02-15", "P-2", "I-9", "7.00", deal=None, keys=(f"{e.ERP}:invoice:I-9",), id_="lost"),
    e.received("2026-02-14", "P-2", "7.00", customer="C-1", id_="receipt-2"),
    e.accepted("2026-02-05", e.line("S", "365.00", *YEAR), order="SO-2", deal="O-2", id_="orphan"),
    e.invoiced("2026-02-06", "I-3", e.line("X", "5.00"), deal="O-2", due="2026-12-31", id_="stray"),
    e.won("2026-02-20", e.line("T", "10.00"), number="O-3", currency="USD", id_="other"),
]
ON = "2026-03-05"

#: code, source and id of the milestone that began it, object, currency, amount
EXPECTED = [
    ("AMOUNT_MISMATCH", e.ERP, "order", "", "EUR", 1_000),
    ("FULFILLED_NOT_BILLED", e.ERP, "delivery-2", "SO-1/1", "EUR", 3_600),
    ("PAST_DUE", e.ERP, "invoice", "I-1", "EUR", 1_600),
    ("UNAPPLIED_AGED", e.ERP, "receipt", f"{e.ERP}:payment:P-1", "EUR", 1_000),
    ("ORPHAN_PAYMENT", e.ERP, "lost", "I-9", "EUR", 700),
    ("ORPHAN_ORDER", e.ERP, "orphan", "", "EUR", 36_500),
    ("ORPHAN_INVOICE", e.ERP, "stray", "I-3", "EUR", 500),
    ("WON_NO_ORDER", e.CRM, "other", "", "USD", 1_000),
]


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_arrival_does_not_matter(house: House, seed: int) -> None:
    dice, arriving = random.Random(seed), list(STORY)
    if seed:
        dice.shuffle(arriving)
        arriving += dice.sample(arriving, 4)
    for event in arriving:
        house.record([event])
        if dice.random() < 0.3:
            house.project()
    house.project()
    found = {
        (one.found.code, one.id, one.found.object, one.found.currency, one.found.amount)
        for one in shown(house, ON)
    }
    assert found == {
        (code, _id(code, source, id_, object_, currency), object_, currency, amount)
        for code, source, id_, object_, currency, amount in EXPECTED
    }
    ages = {one.found.code: one.age for one in shown(house, ON)}
    assert ages["FULFILLED_NOT_BILLED"] == 8 * 86_400 + 15 * 3_600


def _id(code: str, source: str, id_: str, object_: str, currency: str) -> str:
    return sha256("\0".join((code, f"/{source}", id_, object_, currency)).encode()).hexdigest()[:16]
