"""Run-rate as policy has it: live by activation, renewals contracted on their service start; and ends that
are announced for later."""

from datetime import date
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.instants import from_date
from domain.money import format_minor
from domain.policies import Policies, Version
from projections import accounts as a
from projections.clusters import decode
from projections.fold import fold
from projections.proration import earned
from tests.projections.books import MemoryLog, ledger
from tests.projections.events import (
    Event,
    accepted,
    activated,
    amended,
    cancelled,
    ended,
    line,
    line_cancelled,
    order_changed,
    renewed,
)
from tests.projections.strategies import stories

MANY = settings(max_examples=150, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))

YEAR = ("2024-01-01", "2024-12-31")
NEXT = ("2025-01-01", "2025-12-31")


def run_rates(settings: dict[str, Any], days: tuple[str, ...], *events: Event) -> list[tuple[str, str]]:
    """(contracted in all, live) on each day, under a policy."""
    log = MemoryLog()
    log.record(*events)
    facts = sorted(map(decode, log.rows))
    rows = fold(facts, {}, set(), policies=Policies([Version("arr", "1", 0, settings)])).rows
    found = []
    for text in days:
        day = from_date(date.fromisoformat(text))
        held = {a.CONTRACTED: 0, a.LIVE: 0}
        for row in rows:
            if row[7] <= day:
                for account, sign in ((row[2], -1), (row[3], 1)):
                    if account in held:
                        held[account] += sign * row[5]
        both = held[a.CONTRACTED] + held[a.LIVE]
        found.append((format_minor(both, "EUR"), format_minor(held[a.LIVE], "EUR")))
    return found


BY_ACTIVATION = {"arr_live": "activation"}


def test_a_line_is_live_when_its_service_is_activated() -> None:
    told = [
        accepted("2023-12-01", line("S", "1200.00", *YEAR), line("T", "600.00", *YEAR)),
        activated("2024-02-10", "F-1", ("SO-1/1", None)),
        amended("2024-03-01", line("S", "100.00", "2024-03-01", "2024-12-31")),
        amended("2024-03-01", line("T", "-50.00", *YEAR, number="2"), amendment="A-2", kind="downsell"),
        activated("2024-04-01", "F-2", ("SO-1/2", None)),
    ]
    days = ("2023-12-01", "2024-02-09", "2024-02-10", "2024-03-01", "2024-04-01")
    assert run_rates(BY_ACTIVATION, days, *told) == [
        ("1800.00", "0.00"),
        ("1800.00", "0.00"),
        ("1800.00", "1200.00"),
        ("1870.00", "1320.00"),
        ("1870.00", "1870.00"),
    ]


def test_activation_decides_also_before_the_service_starts() -> None:
    told = [
        accepted("2023-11-01", line("S", "1200.00", *YEAR)),
        activated("2023-12-15", "F-1", ("SO-1/1", None)),
    ]
    assert run_rates(BY_ACTIVATION, ("2023-12-14", "2023-12-15"), *told) == [
        ("1200.00", "0.00"),
        ("1200.00", "1200.00"),
    ]


def test_a_renewal_of_what_is_served_goes_on_and_a_new_product_waits() -> None:
    told = [
        accepted("2024-01-01", line("S", "1200.00", *YEAR), line("T", "600.00", *YEAR)),
        activated("2024-01-01", "F-1", ("SO-1/1", None)),
        renewed(
            "2024-11-01",
            line("S", "1300.00", *NEXT),
            line("T", "700.00", *NEXT),
            line("U", "50.00", *NEXT),
            replaces="SO-1",
        ),
        activated("2025-02-01", "F-2", ("SO-2/2", None), ("SO-2/3", None)),
        ended("expired", "2025-12-31", order="SO-2"),
    ]
    days = ("2024-10-31", "2024-11-01", "2025-01-01", "2025-02-01", "2025-12-31")
    assert run_rates(BY_ACTIVATION, days, *told) == [
        ("1800.00", "1200.00"),
        ("2050.00", "1200.00"),
        ("2050.00", "1300.00"),
        ("2050.00", "2050.00"),
        ("0.00", "0.00"),
    ]


def test_what_ends_before_its_activation_was_never_live() -> None:
    told = [
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        cancelled("2024-02-01"),
        activated("2024-03-01", "F-1", ("SO-1/1", None)),
    ]
    days = ("2024-01-31", "2024-02-01", "2024-03-01")
    assert run_rates(BY_ACTIVATION, days, *told) == [("1200.00", "0.00"), ("0.00", "0.00"), ("0.00", "0.00")]


def test_what_is_activated_after_its_end_was_announced_ends_with_the_rest() -> None:
    told = [
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        ended("churned", "2024-02-01", on_="2024-12-31"),
        activated("2024-03-01", "F-1", ("SO-1/1", None)),
    ]
    days = ("2024-03-01", "2024-12-30", "2024-12-31")
    assert run_rates(BY_ACTIVATION, days, *told) == [
        ("1200.00", "1200.00"),
        ("1200.00", "1200.00"),
        ("0.00", "0.00"),
    ]


@pytest.mark.parametrize(("booked", "before"), [("signature", "1320.00"), ("service_start", "1200.00")])
def test_a_renewal_is_contracted_when_signed_or_when_it_starts(booked: str, before: str) -> None:
    told = [
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        renewed("2024-11-01", line("S", "1320.00", *NEXT), replaces="SO-1"),
    ]
    days = ("2024-10-31", "2024-11-01", "2025-01-01")
    assert run_rates({"renewal_booked": booked}, days, *told) == [
        ("1200.00", "1200.00"),
        (before, "1200.00"),
        ("1320.00", "1320.00"),
    ]
    gone = cancelled("2024-12-01", order="SO-2")
    assert run_rates({"renewal_booked": booked}, ("2024-12-01", "2025-01-01"), *told, gone) == [
        ("0.00", "1200.00"),
        ("0.00", "0.00"),
    ]


def test_what_is_added_after_an_end_was_announced_ends_with_the_rest() -> None:
    told = [
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        ended("churned", "2024-09-01", on_="2024-11-30"),
    ]
    upsell = amended("2024-10-01", line("T", "300.00", "2024-10-01", "2024-12-31", number="2"))
    books = ledger(*told, upsell)
    assert books.run_rate("2024-10-01") == {"live": "2400.00"}
    assert books.run_rate("2024-11-30") == {"churn": "2400.00"}
    books = ledger(*told, order_changed("2024-10-01", line("S", "1500.00", *YEAR)))
    assert books.run_rate("2024-10-01") == {"live": "1500.00"}
    assert books.run_rate("2024-11-30") == {"churn": "1500.00"}
    assert books.moved("source.expansion", "contracted") == "300.00"
    downsell = amended("2024-10-01", line("S", "-50.00", "2024-10-01", "2024-12-31"), kind="downsell")
    assert ledger(*told, downsell).run_rate("2024-11-30") == {"churn": "1000.00", "contraction": "200.00"}


def test_an_earlier_end_overtakes_one_announced_for_later() -> None:
    told = [
        accepted("2024-01-01", line("S", "1200.00", *YEAR), line("T", "600.00", *YEAR)),
        ended("churned", "2024-09-01", on_="2024-11-30"),
    ]
    assert ledger(*told, cancelled("2024-10-01")).run_rate("2024-10-01") == {"churn": "1800.00"}
    books = ledger(*told, ended("churned", "2024-10-01", on_="2024-12-31"))
    assert books.run_rate("2024-12-30") == {"live": "1800.00"}, "the end was put off"
    assert books.run_rate("2024-12-31") == {"churn": "1800.00"}
    books = ledger(*told, line_cancelled("2024-10-01", "2"))
    assert books.run_rate("2024-10-01") == {"contraction": "600.00", "live": "1200.00"}
    assert books.run_rate("2024-11-30") == {"contraction": "600.00", "churn": "1200.00"}


def test_an_order_renewed_in_two_parts_is_no_reactivation() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        renewed("2024-11-01", line("S", "600.00", *NEXT), replaces="SO-1"),
        renewed("2024-11-02", line("S", "600.00", *NEXT), replaces="SO-1", order="SO-3"),
    )
    assert books.run_rate("2025-01-01")["live"] == "1200.00"
    assert books.moved("source.reactivation", "contracted") == "0.00"


def test_an_early_renewal_replaces_a_running_term_on_its_own_start() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        renewed(
            "2024-06-15",
            line("S", "1500.00", "2024-07-01", "2025-06-30"),
            replaces="SO-1",
            kind="early",
        ),
    )
    assert books.run_rate("2024-06-30") == {"contracted": "300.00", "live": "1200.00"}
    assert books.run_rate("2024-07-01") == {"live": "1500.00"}
    # what the replaced order is worth is no matter of its run-rate: it stays to be billed and performed
    assert books.claims("2024-07-01")["unbilled"] == "2700.00"


def test_a_late_renewal_reactivates_what_has_expired() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        ended("expired", "2024-12-31"),
        renewed("2025-02-10", line("S", "1200.00", *NEXT), replaces="SO-1", kind="late"),
    )
    assert books.run_rate("2025-02-09") == {"churn": "1200.00"}
    assert books.run_rate("2025-02-10") == {"churn": "1200.00", "live": "1200.00"}
    assert books.moved("source.reactivation", "contracted") == "1200.00"


def test_an_upsell_of_an_order_that_is_renewed_already_lasts_until_the_renewal_starts() -> None:
    told = [
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        renewed("2024-09-01", line("S", "1300.00", *NEXT), replaces="SO-1", kind="early"),
    ]
    upsell = line("S", "150.00", "2024-10-01", "2024-12-31")
    books = ledger(*told, amended("2024-10-01", upsell))
    assert books.run_rate("2024-10-01") == {"contracted": "100.00", "live": "1800.00"}
    assert books.run_rate("2025-01-01") == {"contraction": "600.00", "live": "1300.00"}
    books = ledger(*told, amended("2025-01-10", upsell))
    assert books.run_rate("2025-06-30") == {"live": "1300.00"}


def test_an_amendment_that_goes_on_after_the_end_takes_the_end_back() -> None:
    books = ledger(
        accepted("2024-01-01", line("S", "1200.00", *YEAR)),
        ended("expired", "2024-12-31"),
        amended("2025-01-15", line("S", "1300.00", *NEXT), kind="co_term"),
    )
    assert books.run_rate("2025-01-15") == {"churn": "1200.00", "live": "1300.00"}
    assert ("ended", "SO-1") in {said[:2] for said in books.standing("2025-01-14")}
    assert ("ended", "SO-1") not in {said[:2] for said in books.standing("2025-01-15")}


def _planned(event: Event) -> Event:
    """The same event with a billing plan on every line of an order, amendment or renewal."""
    if event["type"].startswith(("order.accepted", "order.changed", "contract.")):
        for said in event["data"].get("lines", ()):
            on = "2024-03-31" if said["net"] in ("100.00", "60.00") else "2024-01-10"
            said["billing"] = [{"on": on, "net": said["net"]}, {"on": "2025-01-01", "net": said["net"]}]
    return event


POLICIES: list[dict[str, Any]] = [
    {},
    {"proration": "monthly"},
    {"arr_live": "activation", "renewal_booked": "service_start"},
    {"renewal_booked": "service_start", "proration": "monthly"},
]


@MANY
@given(stories(), st.sampled_from(POLICIES), st.sampled_from(POLICIES))
def test_the_books_and_the_journal_are_one_under_any_policies(
    told: list[Event], first: dict[str, Any], then: dict[str, Any]
) -> None:
    """Policies that change on a day in the middle; what lines hold is what their postings add up to."""
    changes = from_date(date(2024, 2, 29))
    settings_ = {"proration": "daily", "arr_live": "service_start", "renewal_booked": "signature"}
    policies = Policies([Version("a", "1", 0, first), Version("b", "1", changes, {**settings_, **then})])
    log = MemoryLog()
    log.record(*map(_planned, told))
    broken: set[int] = set()
    book = fold(sorted(map(decode, log.rows)), {s: 1 for _, s, _, _ in log.rows}, broken, policies=policies)
    assert broken == set()
    last = from_date(date(2031, 1, 1))
    lines = [x for deal in book.deals.values() for o in deal.orders.values() for x in o.lines.values()]
    lines += [x for deal in book.deals.values() for x in deal.loose.values()]
    for currency in ("EUR", "USD", "JPY"):
        mine = [x for x in lines if x.currency == currency]
        for day in (changes - 1, changes, changes + 40, from_date(date(2024, 6, 30)), last):
            held: dict[int, int] = {}
            for row in book.rows:
                if row[4] == currency:
                    monthly = policies.at(row[6]).monthly
                    worth = earned(row[5], row[7], row[8], row[9], day, monthly)
                    held[row[2]] = held.get(row[2], 0) - worth
                    held[row[3]] = held.get(row[3], 0) + worth
            if day == last:
                owed = held.get(a.UNPERFORMED, 0) + held.get(a.UNFULFILLED, 0)
                assert owed == sum(x.unperformed(day) for x in mine)
                assert held.get(a.RECOGNISED, 0) == sum(x.recognised(day) + x.beside for x in mine)
                waiting = sum(rate for x in mine for rate, _ in x.dormant)
                assert held.get(a.CONTRACTED, 0) == waiting
                assert held.get(a.LIVE, 0) == sum(x.run_rate for x in mine) - waiting
                planned = sum(net for x in mine for _, net in x.plan or ())
                assert held.get(a.SCHEDULED, 0) == planned
