"""The bridge in one currency: nothing is left at any rate, and what rates differ by has its own reason."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import exponent
from projections import bridge
from projections.bridge import Bridge, Query
from projections.bridge_converted import rounded
from projections.bridge_explained import explain
from projections.bridge_spans import FIGURES, STEPS, Span
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.asking import asked, exactly, into
from tests.projections.in_memory import loaded
from tests.projections.served import House
from tests.projections.stories import crowd, usual

RATES = ("transaction", "closing", "constant:2024-03-01")


def ask(house: House, on: str, rate: str, currency: str = "EUR", **rest: Any) -> Bridge:
    rest.setdefault("limit", 100_000)
    query = question(house, on, rate, currency, **rest)
    found = bridge.run(house.connection, query)
    held = loaded(house.connection, query.generation.id).bridge(house.connection, query)
    assert held == (None if rate == "transaction" else found)
    return found


def question(house: House, on: str, rate: str, currency: str = "EUR", **rest: Any) -> Query:
    return Query(date.fromisoformat(on), house.head(), house.live(), convert=into(currency, rate), **rest)


def parts(found: Bridge) -> dict[tuple[str | None, str | None], str | None]:
    """(step, reason) -> amount, of the one group and currency."""
    assert len(found.figures) == 1
    return {(row["step"], row["reason"]): row["amount"] for row in found.rows}


def adds_up(found: Bridge, by: tuple[str, ...] = ("deal",)) -> None:
    names = (*(name for name in by if name != "currency"), "currency")
    taken: dict[Any, Decimal] = {}
    for row in found.rows:
        key = (*(row[name] for name in names), row["step"])
        taken[key] = taken.get(key, Decimal(0)) + Decimal(row["amount"] or "")
    for figure in found.figures:
        for step, (before, after) in zip(STEPS, pairwise(FIGURES), strict=True):
            difference = Decimal(str(figure[before])) - Decimal(str(figure[after]))
            assert taken.get((*(figure[name] for name in names), step), Decimal(0)) == difference
    for total in found.totals:
        for step, (before, after) in zip(STEPS, pairwise(FIGURES), strict=True):
            difference = Decimal(total[before]) - Decimal(total[after])
            assert sum(Decimal(row["amount"]) for row in total["rows"] if row["step"] == step) == difference
    assert "unexplained" not in {row["reason"] for row in found.rows}


def two_rates(house: House) -> None:
    """Won at 1.10, ordered and invoiced at 1.20, half of it paid at 1.30: 1.40 on the day of the bridge."""
    house.record(
        [
            *(r.rate(f"2024-0{month}-01", "USD", "EUR", f"1.{month}0") for month in (1, 2, 3, 4)),
            e.won("2024-01-10", e.line("S", "100.00"), currency="USD"),
            e.accepted("2024-02-10", e.line("S", "100.00"), currency="USD"),
            e.invoiced(
                "2024-02-11", "I-1", e.line("S", "100.00", of="SO-1/1"), currency="USD", due="2024-03-01"
            ),
            e.received("2024-03-10", "P-1", "50.00", currency="USD"),
            e.applied("2024-03-10", "P-1", "I-1", "50.00", currency="USD"),
        ]
    )  # fmt: skip
    house.project()


def test_at_transaction_rates_what_rates_differ_by_is_a_part_of_its_step(house: House) -> None:
    two_rates(house)
    found = ask(house, "2024-04-30", "transaction")
    (figures,) = found.figures
    assert [figures[name] for name in FIGURES] == ["110.00", "120.00", "120.00", "120.00", "65.00"]
    assert parts(found) == {
        ("won_ordered", "fx_rate"): "-10.00",  # ordered at 1.20 what was won at 1.10
        ("gross_cash", "past_due"): "70.00",  # 50.00 at the rate of the day
        ("gross_cash", "fx_rate"): "-15.00",  # 50 x (1.20 - 1.30) paid, 50 x (1.20 - 1.40) open
    }
    adds_up(found)


@pytest.mark.parametrize(("rate", "by"), [("closing", "1.4"), ("constant:2024-02-15", "1.2")])
def test_at_one_rate_all_amounts_are_times_that_rate(house: House, rate: str, by: str) -> None:
    two_rates(house)
    found = ask(house, "2024-04-30", rate)
    (figures,) = found.figures
    expected = [Decimal(amount) * Decimal(by) for amount in ("100.00", "100.00", "100.00", "100.00", "50.00")]
    assert [Decimal(str(figures[name])) for name in FIGURES] == expected
    assert {key: Decimal(str(value)) for key, value in parts(found).items()} == {
        ("gross_cash", "past_due"): 50 * Decimal(by)
    }


def test_figures_are_those_of_the_converted_reports(house: House) -> None:
    two_rates(house)
    for rate in RATES:
        (figures,) = ask(house, "2024-04-30", rate).figures
        convert = into("EUR", rate)
        (billing,) = asked(house, "billing", None, "2024-04-30", convert=convert).rows
        (bookings,) = asked(house, "bookings", None, "2024-04-30", convert=convert).rows
        (collections,) = asked(house, "collections", None, "2024-04-30", convert=convert).rows
        assert (figures["won"], figures["ordered"]) == (bookings["won"], bookings["booked"])
        assert (figures["invoiced"], figures["cash"]) == (billing["invoiced"], collections["cash"])


def test_a_deal_without_a_rate_stays_in_its_own_currencies(house: House) -> None:
    two_rates(house)
    house.record(
        [
            e.won("2024-01-10", e.line("S", "1000"), number="O-2", currency="JPY"),
            e.accepted("2024-01-10", e.line("S", "5.00"), order="SO-2", currency="EUR", deal="O-2"),
        ]
    )
    house.project()
    for rate in RATES:
        found = ask(house, "2024-04-30", rate)
        deals = {(str(row["deal"])[-3:], row["currency"]) for row in found.figures}
        assert deals == {("O-1", "EUR"), ("O-2", "JPY"), ("O-2", "EUR")}
        (left,) = found.unrated
        assert (left["deal"][-3:], left["currency"], left["to"]) == ("O-2", "JPY", "EUR")
        day = {"transaction": "2024-01-10", "closing": "2024-04-30"}.get(rate, rate[-10:])
        assert left["on"] == day
        adds_up(found)
        assert ask(house, "2024-04-30", rate, filters={"deal": f"{e.CRM}:opportunity:O-1"}).unrated == []


@pytest.fixture
def crowded(house: House) -> House:
    """A tenant with many deals in three currencies, all of which have rates; yen only since 2024-03-03."""
    house.record(
        [
            *(r.rate(f"2024-{month:02d}-03", "USD", "EUR", f"0.9{month}7") for month in range(1, 9)),
            r.rate("2020-01-01", "USD", "EUR", "0.8871"),
            r.rate("2024-03-03", "EUR", "JPY", "163.11"),
            *usual("O-1"),
            *crowd(5, 30, 12),
        ]
    )
    house.project()
    return house


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("basis", ["restated", "as_reported"])
def test_nothing_is_left_at_any_rate(crowded: House, rate: str, basis: str) -> None:
    crowded.record([r.closed("2024-05-02", "2024-02")])
    crowded.record(crowd(6, 3, 8))
    crowded.project()
    for currency in ("EUR", "USD"):
        for on in ("2024-02-10", "2024-12-31"):
            for by in (("deal",), ("customer",), ("currency",)):
                found = ask(crowded, on, rate, currency, by=by, basis=basis)
                assert found.figures
                adds_up(found, by)


@pytest.mark.parametrize("rate", RATES)
def test_every_converted_row_is_explained_exactly(crowded: House, rate: str) -> None:
    on, by = "2024-12-31", ("customer",)
    found = ask(crowded, on, rate, by=by)
    seen = set()
    for row in found.rows:
        step, reason, currency = str(row["step"]), str(row["reason"]), str(row["currency"])
        one = question(crowded, on, rate, filters={"customer": row["customer"] or ""}, limit=100_000)
        assert one.convert is not None
        told = explain(
            crowded.connection, one._replace(convert=one.convert._replace(shown=currency)), step, reason
        )
        assert told.amounts == {currency: row["amount"]}
        shown = told.items or told.postings
        whole = sum((exactly(item["converted"]) for item in shown), Fraction(0))
        assert abs(whole - Fraction(str(row["amount"]))) < Fraction(1, 10 ** exponent(currency)), row
        assert {item["converted_to"] for item in shown} == {currency}
        seen.add(reason)
    assert len(seen) > 8
    assert ("fx_rate" in seen) == (rate == "transaction") or "JPY" in {row["currency"] for row in found.rows}


def test_what_rates_differ_by_is_explained_by_postings(house: House) -> None:
    two_rates(house)
    for step, amount in (("won_ordered", "-10.00"), ("gross_cash", "-15.00")):
        told = explain(house.connection, question(house, "2024-04-30", "transaction"), step, "fx_rate")
        assert told.amounts == {"EUR": amount}
        for shown in (told.items, told.postings):
            assert sum(exactly(one["converted"]) for one in shown) == Fraction(amount)


@given(
    st.lists(st.fractions(-50, 50), min_size=5, max_size=5),
    st.lists(st.fractions(-50, 50), min_size=0, max_size=6),
)
def test_rounding_leaves_nothing_and_moves_no_part_by_more_than_one_unit(
    figures: list[Fraction], others: list[Fraction]
) -> None:
    shares: dict[tuple[str, str], Fraction] = {}
    for step, (before, after) in zip(STEPS, pairwise(figures), strict=True):
        shares |= {(step, f"r{n}"): amount for n, amount in enumerate(others)}
        shares[step, "rest"] = before - after - sum(others, Fraction(0))
    exact = Span(tuple(figures), {of: amount for of, amount in shares.items() if amount})
    found = rounded(exact)
    assert bridge.is_whole(found)
    for of, amount in found.parts.items():
        assert abs(Fraction(amount) - exact.parts[of]) <= 1
