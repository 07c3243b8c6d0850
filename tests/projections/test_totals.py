"""Totals of reports by month, quarter or year: turnovers add up over rows, balances are those of the end."""

from decimal import Decimal
from typing import Any

import pytest

from projections.measures import VIEWS
from projections.questions import PERIODS
from projections.restatement import restate
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.asking import asked, into, query
from tests.projections.served import House
from tests.projections.stories import crowd, usual

SPAN = ("2024-01-10", "2025-02-14")
RATES = (None, "transaction", "constant:2024-06-30")


def something(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with an amount: all-zero ones may be left out."""
    return [
        row
        for row in rows
        if any(Decimal(value) for name, value in row.items() if name != "currency" and value is not None)
    ]


@pytest.mark.parametrize("seed", [2, 5, 11])
def test_totals_by_period_are_those_of_the_whole_span(house: House, seed: int) -> None:
    house.record(
        [
            *(r.rate("2020-01-01", one, "EUR", value) for one, value in (("USD", "0.9"), ("JPY", "0.0061"))),
            r.rate("2024-05-03", "USD", "EUR", "0.93"),
            *usual("O-1"),
            *usual("O-2", 20),
            *crowd(seed, 12, 8),
        ]
    )
    house.project()
    for view in VIEWS:
        for rate in RATES:
            convert = rate and into("EUR", rate)
            for by in ((), ("customer",), ("product",)):
                whole = asked(house, view, *SPAN, by=by, convert=convert)
                assert whole.totals, view
                for period in PERIODS:
                    found = asked(house, view, *SPAN, by=(*by, period), convert=convert, limit=3)
                    assert something(found.totals) == something(whole.totals), (view, rate, by)


def test_a_balance_that_stands_for_three_months_is_not_counted_three_times(house: House) -> None:
    house.record(
        [
            e.opened("2024-01-05", e.line("S", "100.00"), number="O-2", probability="0.5"),
            e.accepted("2024-01-05", e.line("S", "1000.00", recognition="on_fulfilment", quantity="1")),
            e.invoiced("2024-01-10", "I-1", e.line("S", "600.00", of="SO-1/1")),
        ]
    )
    house.project()
    for by in (("month",), ("month", "deal")):
        (billing,) = asked(house, "billing", "2024-01-01", "2024-03-31", by=by).totals
        assert (billing["invoiced"], billing["contract_liability"]) == ("600.00", "600.00")
        (pipeline,) = asked(house, "pipeline", "2024-01-01", "2024-03-31", by=by).totals
        assert (pipeline["open"], pipeline["weighted"]) == ("100.00", "50.00")
        (backlog,) = asked(house, "backlog", "2024-01-01", "2024-03-31", by=by).totals
        assert (backlog["unbilled"], backlog["unperformed"]) == ("400.00", "1000.00")


def test_what_changed_in_the_totals_by_month_is_what_changed_in_the_whole(house: House) -> None:
    house.record(
        [
            e.accepted("2024-01-05", e.line("S", "1000.00", recognition="on_fulfilment", quantity="1")),
            e.invoiced("2024-01-10", "I-1", e.line("S", "600.00", of="SO-1/1")),
        ]
    )
    house.project()
    before = house.head()
    house.record([e.opened("2024-01-07", e.line("S", "100.00"), number="O-2", probability="0.5")])
    house.project()
    for view in VIEWS:
        by_month = query(house, view, "2024-01-01", "2024-03-31", by=("month",))
        whole = by_month._replace(by=())
        found, expected = (
            restate(house.connection, one._replace(known=before), one) for one in (by_month, whole)
        )
        assert found.totals == expected.totals, view
