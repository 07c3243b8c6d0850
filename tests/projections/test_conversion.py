"""Reports in one currency: exact rates, one rounding a cell, deals that stay, rows that can be redone."""

from datetime import date
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest

from domain.milestones import FxRateFixed
from domain.money import exponent
from projections import conversion, reports
from projections.measures import VIEWS
from projections.rates import Rates
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.asking import (
    Posting,
    asked,
    behind,
    day_number,
    exactly,
    into,
    journal,
    number,
    query,
)
from tests.projections.books import half_away
from tests.projections.events import Event
from tests.projections.served import House
from tests.projections.stories import crowd


def billed(on: str, deal: str, net: str, currency: str = "EUR", sku: str = "A", **rest: Any) -> Event:
    """One invoice of a deal."""
    number_ = f"I-{deal}-{on}-{sku}"
    return e.invoiced(on, number_, e.line(sku, net), currency=currency, deal=deal, **rest)


def rates_of(*told: tuple[str, str, str, str]) -> Rates:
    """Rates from (day, base, quote, rate), in any order."""
    facts = [
        FxRateFixed(
            source="/ledger/cairn/acme", id=f"{number_}", subject="rate", time=f"{day}T09:00:00Z",
            instant=number_,
            sequence=None, effective=day_number(day), keys=(), dimensions={}, attributes={},
            base=base, quote=quote, rate=rate, on=day_number(day),
        )
        for number_, (day, base, quote, rate) in enumerate(told)
    ]  # fmt: skip
    return Rates(facts)


def test_a_rate_is_the_latest_on_or_before_the_day() -> None:
    rates = rates_of(("2024-01-10", "EUR", "USD", "1.10"), ("2024-01-20", "EUR", "USD", "1.20"))
    for day, expected in (
        ("2024-01-10", "1.10"),
        ("2024-01-19", "1.10"),
        ("2024-01-20", "1.20"),
        ("2030-01-01", "1.20"),
    ):
        assert rates.on("EUR", "USD", day_number(day), "USD") == Fraction(expected)
    assert rates.on("EUR", "USD", day_number("2024-01-09"), "USD") is None
    assert rates.since("EUR", "USD", "USD") == day_number("2024-01-10")


def test_direct_comes_before_inverse_and_inverse_before_the_pivot() -> None:
    direct = ("2024-01-01", "EUR", "GBP", "0.8")
    inverse = ("2024-02-01", "GBP", "EUR", "1.5")
    pivot = (("2024-03-01", "EUR", "USD", "1.1"), ("2024-03-01", "GBP", "USD", "1.3"))
    day = day_number("2024-06-01")
    assert rates_of(direct, inverse, *pivot).on("EUR", "GBP", day, "USD") == Fraction("0.8")
    assert rates_of(inverse, *pivot).on("EUR", "GBP", day, "USD") == Fraction(2, 3)
    assert rates_of(*pivot).on("EUR", "GBP", day, "USD") == Fraction(11, 13)
    assert rates_of(*pivot).on("EUR", "GBP", day, "CHF") is None
    assert rates_of(*pivot).on("USD", "EUR", day, "USD") == Fraction(10, 11)


def test_a_pair_has_a_rate_from_its_first_day_on() -> None:
    rates = rates_of(
        ("2024-01-05", "EUR", "USD", "1.1"),
        ("2024-01-08", "GBP", "USD", "1.3"),
        ("2024-01-20", "GBP", "EUR", "1.2"),
    )
    days = range(day_number("2024-01-01"), day_number("2024-02-01"))
    for base in ("EUR", "USD", "GBP", "JPY"):
        for quote in ("EUR", "USD", "GBP"):
            for pivot in ("USD", "EUR", "CHF"):
                first = next((day for day in days if rates.on(base, quote, day, pivot) is not None), None)
                since = rates.since(base, quote, pivot)
                assert since == first or base == quote
    assert rates.since("EUR", "GBP", "USD") == day_number("2024-01-08")


def test_of_several_rates_for_one_pair_and_day_the_last_said_holds() -> None:
    rates = rates_of(("2024-01-10", "EUR", "USD", "1.10"), ("2024-01-10", "EUR", "USD", "1.15"))
    assert rates.on("EUR", "USD", day_number("2024-01-10"), "USD") == Fraction("1.15")


def test_cells_are_summed_exactly_and_rounded_once(house: House) -> None:
    house.record(
        [
            r.rate("2024-01-01", "EUR", "USD", "1.1"),
            *(billed("2024-01-05", f"O-{n}", "0.05", dimensions={"customer": "C"}) for n in range(3)),
        ]
    )
    house.project()
    convert = into("USD", "transaction")
    rows = asked(house, "billing", None, "2024-01-31", by=("deal",), convert=convert)
    assert [row["invoiced"] for row in rows.rows] == ["0.06"] * 3, "0.055, away from zero"
    assert [row["invoiced"] for row in rows.totals] == ["0.17"], "0.165, not the sum of rounded rows"
    whole = asked(house, "billing", None, "2024-01-31", by=("customer",), convert=convert)
    assert [row["invoiced"] for row in whole.rows] == ["0.17"]


def test_net_positions_are_netted_per_deal_after_conversion(house: House) -> None:
    """Both amounts of a deal convert at their own rates: the net is not that of the currency's amounts."""
    house.record(
        [
            r.rate("2024-01-01", "EUR", "USD", "1"),
            r.rate("2024-02-01", "EUR", "USD", "2"),
            e.accepted("2024-01-05", e.line("S", "100.00", recognition="on_fulfilment", quantity="1")),
            e.invoiced("2024-01-06", "I-1", e.line("S", "100.00", of="SO-1/1")),
            e.delivered("2024-02-05", "F-1", ("SO-1/1", "1")),
        ]
    )
    house.project()
    (own,) = asked(house, "billing", None, "2024-02-28").rows
    assert (own["contract_liability"], own["contract_asset"]) == ("0.00", "0.00")
    (row,) = asked(house, "billing", None, "2024-02-28", convert=into("USD", "transaction")).rows
    assert (row["contract_liability"], row["contract_asset"]) == ("0.00", "100.00")
    (row,) = asked(house, "billing", None, "2024-02-28", convert=into("USD", "closing")).rows
    assert (row["contract_liability"], row["contract_asset"]) == ("0.00", "0.00")


def test_a_deal_with_an_amount_without_a_rate_stays_whole_in_its_currencies(house: House) -> None:
    house.record(
        [
            r.rate("2024-02-01", "EUR", "USD", "1.1"),
            billed("2024-01-05", "O-1", "10.00"),  # before the first rate
            billed("2024-03-05", "O-1", "20.00"),
            billed("2024-03-06", "O-1", "5.00", "USD"),
            billed("2024-03-05", "O-2", "100.00"),
            billed("2024-03-05", "O-3", "700", "JPY"),
        ]
    )
    house.project()
    answer = asked(house, "billing", None, "2024-12-31", by=("deal",), convert=into("USD", "transaction"))
    shown = [(str(row["deal"])[-3:], row["currency"], row["invoiced"]) for row in answer.rows]
    assert shown == [
        ("O-1", "EUR", "30.00"), ("O-1", "USD", "5.00"), ("O-2", "USD", "110.00"), ("O-3", "JPY", "700"),
    ]  # fmt: skip
    assert {row["currency"]: row["invoiced"] for row in answer.totals} == {
        "EUR": "30.00", "JPY": "700", "USD": "115.00",
    }  # fmt: skip
    said = [(one["deal"][-3:], one["currency"], one["to"], one["on"]) for one in answer.unrated]
    assert said == [("O-1", "EUR", "USD", "2024-01-05"), ("O-3", "JPY", "USD", "2024-03-05")]
    assert all(one["currency"] in one["message"] and one["on"] in one["message"] for one in answer.unrated)
    # at the closing rate only the yen have none
    closing = asked(house, "billing", None, "2024-12-31", by=("deal",), convert=into("USD", "closing"))
    assert [(one["deal"][-3:], one["on"]) for one in closing.unrated] == [("O-3", "2024-12-31")]


def test_what_was_taken_back_needs_no_rate(house: House) -> None:
    wrong = billed("2024-01-05", "O-1", "10.00")
    house.record([r.rate("2024-02-01", "EUR", "USD", "1.1"), wrong])
    house.record([r.corrected("2024-03-02", wrong, r.instead(wrong, effective_on="2024-03-01"))])
    house.project()
    answer = asked(house, "billing", None, "2024-12-31", convert=into("USD", "transaction"))
    assert answer.unrated == []
    assert [row["invoiced"] for row in answer.rows] == ["11.00"]


def test_rates_are_as_known_and_in_force(house: House) -> None:
    first = r.rate("2024-01-01", "EUR", "USD", "1.10")
    house.record([billed("2024-01-05", "O-1", "100.00"), first])
    known = house.head()
    house.record([r.corrected("2024-01-09", first, r.instead(first, rate="1.25"))])
    house.record(
        [
            r.rate("2024-01-04", "EUR", "USD", "9", kind="budget"),
            r.rate("2024-01-03", "EUR", "USD", "7", by=e.ERP),
        ]
    )
    house.project()
    convert = into("USD", "closing")
    for at, expected in ((house.head(), "125.00"), (known, "110.00"), (1, "100.00")):
        (row,) = asked(house, "billing", None, "2024-01-31", known=at, convert=convert).rows
        assert row["invoiced"] == expected
        assert row["currency"] == ("EUR" if at == 1 else "USD")


def test_months_convert_at_their_own_closing_rate(house: House) -> None:
    house.record(
        [
            r.rate("2024-01-31", "EUR", "USD", "1.1"),
            r.rate("2024-02-29", "EUR", "USD", "1.2"),
            billed("2024-01-05", "O-1", "100.00"),
        ]
    )
    house.project()
    span = ("2024-01-01", "2024-02-29")
    rows = asked(house, "collections", *span, by=("month",), convert=into("USD", "closing")).rows
    assert [(row["month"], row["receivable"]) for row in rows] == [
        ("2024-01", "110.00"),
        ("2024-02", "120.00"),
    ]


def test_retention_is_of_converted_amounts(house: House) -> None:
    house.record(
        [
            r.rate("2023-01-01", "EUR", "USD", "2"),
            r.rate("2023-01-01", "JPY", "USD", "0.01"),
            e.accepted(
                "2024-01-01", e.line("S", "100.00", "2024-01-01", "2024-12-31"), deal="O-1", order="A",
                dimensions={"customer": "C"},
            ),
            e.accepted(
                "2024-01-01", e.line("S", "10000", "2024-01-01", "2024-12-31"), deal="O-2", order="B",
                currency="JPY", dimensions={"customer": "C"},
            ),
            e.event("contract.churned", "2025-06-30", "order/B", order="B", deal="O-2"),
        ]
    )  # fmt: skip
    house.project()
    answer = asked(house, "arr", "2025-01-01", "2025-12-31", convert=into("USD", "closing"))
    (row,) = answer.rows
    assert (row["opening"], row["churn"], row["closing"]) == ("300.00", "100.00", "200.00")
    assert (row["nrr"], row["grr"]) == ("0.6667", "0.6667")
    assert answer.totals == answer.rows


@pytest.fixture
def crowded(house: House) -> House:
    """A crowd in several currencies with rates that change, and some that come late."""
    told = [event for event in crowd(31, 8, 14) if not event["type"].startswith(("fx.", "policy."))]
    house.record(
        [
            r.rate("2023-12-01", "EUR", "USD", "1.1"),
            r.rate("2024-02-10", "USD", "EUR", "0.87"),
            r.rate("2024-03-01", "EUR", "USD", "1.0832"),
            r.rate("2024-01-20", "USD", "JPY", "147.3"),
            *told,
        ]
    )
    house.project()
    return house


RATES = ("transaction", "closing", "constant:2024-03-05")


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("target", ["USD", "EUR", "JPY"])
def test_rows_can_be_redone_from_their_postings(crowded: House, target: str, rate: str) -> None:
    rounded = 0
    for view in VIEWS:
        for start, end in ((None, "2024-03-31"), ("2024-02-01", "2025-06-30")):
            for by in (("deal",), ("customer", "product")):
                question = query(crowded, view, start, end, by=by, convert=into(target, rate))
                read = reports.checked(question)
                for row in reports.run(crowded.connection, question).rows[:4]:
                    found = behind(crowded, question, row)
                    decimals = exponent(str(row["currency"]))
                    for name in (n for n in read.measures if n not in read.ratios):
                        values = (
                            [exactly(str(one[name])) for one in found.netted]
                            if name in read.netted
                            else [exactly(one["converted"].get(name, "0")) for one in found.postings]
                        )
                        exact = sum(values, Fraction(0)) * 10**decimals
                        assert half_away(exact) == half_away(exactly(str(row[name])) * 10**decimals), (
                            view,
                            by,
                            name,
                        )
                        rounded += exact.denominator != 1
    assert rounded or target == "JPY"


@pytest.mark.parametrize("rate", RATES)
def test_converting_by_hand_gives_the_same(crowded: House, rate: str) -> None:
    """Receivables of all deals that can be converted, from the journal's rows and the rates."""
    known = rates_of(
        ("2023-12-01", "EUR", "USD", "1.1"),
        ("2024-02-10", "USD", "EUR", "0.87"),
        ("2024-03-01", "EUR", "USD", "1.0832"),
        ("2024-01-20", "USD", "JPY", "147.3"),
    )
    end = date(2024, 5, 31)

    def day_of(posting: Posting) -> date:
        return {"transaction": posting.effective, "closing": end}.get(rate, date(2024, 3, 5))

    held: dict[int, dict[tuple[str, date], int]] = {}
    for posting in journal(crowded):
        signs = (posting.credit == 19) - (posting.debit == 19)
        if posting.effective <= end and signs:
            key = posting.currency, day_of(posting)
            of = held.setdefault(posting.deal, {})
            of[key] = of.get(key, 0) + signs * posting.amount
    question = query(crowded, "collections", None, "2024-05-31", convert=into("USD", rate))
    converter = conversion.Converter(crowded.connection, question, reports.windows(question))
    stay = {one.deal for one in conversion.staying(crowded.connection, question, converter)}
    total = Fraction(0)
    for deal, of in held.items():
        for (currency, day), amount in of.items():
            found = known.on(currency, "USD", day_number(day.isoformat()), "USD")
            if found is None:
                assert not amount or deal in stay, "an amount without a rate keeps its deal"
            elif deal not in stay or currency == "USD":
                total += found * Fraction(amount, 10 ** exponent(currency))
    shown = {row["currency"]: row["receivable"] for row in reports.run(crowded.connection, question).rows}
    assert number(shown["USD"]) * 100 == half_away(total * 100)


def test_pages_and_totals_of_converted_rows_agree(crowded: House) -> None:
    convert = into("USD", "transaction")
    for by in combinations(("deal", "product", "customer", "class"), 2):
        whole = asked(crowded, "billing", None, "2024-12-31", by=by, convert=convert)
        pages: list[dict[str, Any]] = []
        more = True
        while more:
            page = asked(
                crowded, "billing", None, "2024-12-31", by=by, convert=convert, limit=3, offset=len(pages)
            )
            assert page.totals == whole.totals
            pages += page.rows
            more = page.more
        assert pages == whole.rows
        if "deal" in by:
            continue
        assert [row["currency"] for row in whole.totals] == sorted(
            {str(row["currency"]) for row in whole.rows}
        )


def test_a_currency_into_itself_changes_nothing(crowded: House) -> None:
    span = ("2024-01-01", "2024-12-31")
    plain = asked(crowded, "bookings", *span, by=("deal", "product", "class")).rows
    of_currency = {
        str(row["deal"]): {other["currency"] for other in plain if other["deal"] == row["deal"]}
        for row in plain
    }
    deal = next(name for name, currencies in of_currency.items() if currencies == {"EUR"})
    by, only = ("product", "class"), {"deal": deal}
    again = asked(crowded, "bookings", *span, by=by, filters=only, convert=into("EUR", "transaction"))
    assert again == asked(crowded, "bookings", *span, by=by, filters=only)


def test_as_reported_amounts_convert_at_the_rate_of_their_own_day(house: House) -> None:
    house.record([r.rate("2024-01-01", "EUR", "USD", "1.1"), r.rate("2024-02-01", "EUR", "USD", "1.2")])
    house.record([r.closed("2024-02-05", "2024-01")])
    house.record([billed("2024-01-20", "O-1", "100.00")])
    house.project()
    asked_ = {"basis": "as_reported", "convert": into("USD", "transaction")}
    assert asked(house, "billing", None, "2024-01-31", **asked_).rows == []
    assert [row["invoiced"] for row in asked(house, "billing", None, "2024-02-01", **asked_).rows] == [
        "110.00"
    ]
