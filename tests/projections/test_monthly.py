"""Ratable amounts earned by months: SQL, and the same with exact fractions."""

from calendar import monthrange
from datetime import date, timedelta
from fractions import Fraction
from itertools import combinations

import pytest

from domain.policies import Policies, Version
from projections import deals, generations, reports
from projections.projector import Projector
from tests.projections import events as e
from tests.projections.asking import Posting, added, asked, behind, day_number, journal, number, query
from tests.projections.books import half_away
from tests.projections.events import Event
from tests.projections.served import House

MONTHLY = Policies([Version("house", "1", -1_000, {"proration": "monthly"})])


def monthly(house: House, policies: Policies = MONTHLY) -> House:
    """The log of a tenant, folded and read by months."""
    with house.connection.transaction():
        made = generations.make(house.connection, "building", policies)
        generations.index(house.connection, made.id)
    Projector(house.schema, made.id).catch_up(house.connection)
    with house.connection.transaction():
        generations.promote(house.connection, made.id)
    return house


def later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def months_of(start: date, day: date) -> Fraction:
    """Months from start to the end of a day: full ones, and of the one begun its part by days."""
    past, n = day + timedelta(days=1), 0
    while later(start, n + 1) <= past:
        n += 1
    begun, ends = later(start, n), later(start, n + 1)
    return n + Fraction((past - begun).days, (ends - begun).days)


def by_months(posting: Posting, day: date) -> Fraction:
    assert posting.span_start is not None
    assert posting.span_end is not None
    part, whole = months_of(posting.span_start, day), months_of(posting.span_start, posting.span_end)
    return posting.amount * part / whole


SPANS = (
    ("1200.00", "2024-01-01", "2024-12-31"),
    ("1000.01", "2024-01-31", "2025-01-30"),
    ("777.77", "2024-01-15", "2024-03-02"),
    ("-99.99", "2024-02-29", "2025-02-28"),
    ("0.07", "2024-08-31", "2026-08-30"),
    ("31.00", "2024-03-05", "2024-03-05"),
    ("123456789012.34", "2023-11-30", "2033-11-29"),
    ("5.55", "2023-12-31", "2024-01-30"),
)


def subscriptions() -> list[Event]:
    """One order a span; some known after they began."""
    return [
        e.accepted(
            max(start, "2024-01-20") if n % 2 else start,
            e.line(f"S{n}", net, start, end),
            order=f"SO-{n}",
            deal=f"O-{n}",
            dimensions={"customer": f"C-{n % 3}"},
        )
        for n, (net, start, end) in enumerate(SPANS)
    ]


@pytest.fixture
def told(house: House) -> House:
    house.record(subscriptions())
    return monthly(house)


DAYS = (
    "2024-01-01", "2024-01-15", "2024-01-30", "2024-01-31", "2024-02-01", "2024-02-28", "2024-02-29",
    "2024-03-01", "2024-03-30", "2024-03-31", "2024-04-15", "2024-12-30", "2024-12-31", "2025-01-30",
    "2025-02-27", "2026-08-29",
)  # fmt: skip


def test_a_month_is_a_month_whatever_its_days(told: House) -> None:
    for end, expected in (
        ("2024-01-31", "100.00"),
        ("2024-02-29", "200.00"),
        ("2024-03-31", "300.00"),
        ("2024-02-14", "148.28"),  # 100 x (1 + 14 / 29)
        ("2024-12-31", "1200.00"),
    ):
        (row,) = asked(told, "billing", None, end, filters={"product": "S0"}).rows
        assert row["recognised"] == expected, end
    february = ("2024-02-10", "2024-03-10")
    (row,) = asked(told, "billing", *february, filters={"product": "S0"}).rows
    # 100 x (2 + 10 / 31) - 100 x (1 + 9 / 29)
    assert row["recognised"] == "101.23"


def test_reports_agree_with_exact_fractions_on_every_kind_of_day(told: House) -> None:
    postings = journal(told)
    for view in ("billing", "backlog"):
        for end in DAYS:
            for start in (None, "2024-01-10"):
                if start is not None and start > end:
                    continue
                question = query(told, view, start, end, by=("product",))
                for row in reports.run(told.connection, question).rows:
                    of = [posting for posting in postings if posting.sku == row["product"]]
                    read = reports.checked(question)
                    first = None if start is None else date.fromisoformat(start)
                    expected = added(of, read, first, date.fromisoformat(end), worth=by_months)["EUR"]
                    for name in (n for n in read.measures if n not in read.netted):
                        assert row[name] == expected[name], (view, end, start, row["product"], name)


def test_the_balances_of_a_deal_agree(told: House) -> None:
    live, head = told.live(), told.head()
    for n, (net, start, _) in enumerate(SPANS):
        postings = [p for p in journal(told) if p.sku == f"S{n}" and p.span_start is not None]
        deal = postings[0].deal if postings else None
        for end in DAYS:
            if deal is None or end < max(start, "2024-01-20"):
                continue
            day = date.fromisoformat(end)
            held = sum(
                p.amount if p.span_end and p.span_end <= day else half_away(by_months(p, day))
                for p in postings
                if p.effective <= day
            )
            found = deals.balances(told.connection, deal, live.id, head, day).get("EUR", {})
            assert number(found.get("recognised", "0.00")) * 100 == held, (n, net, end)


def test_rows_are_explained_by_months(told: House) -> None:
    for by in combinations(("deal", "product", "customer"), 2):
        question = query(told, "billing", "2024-01-10", "2024-08-15", by=by)
        for row in reports.run(told.connection, question).rows:
            found = behind(told, question, row)
            assert sum(number(one["counts"].get("recognised", "0")) for one in found.postings) == number(
                row["recognised"]
            )


def test_only_what_was_stated_under_monthly_proration_is_earned_by_months(house: House) -> None:
    house.record(
        [
            e.accepted(
                "2024-01-01", e.line("D", "366.00", "2024-01-01", "2024-12-31"), order="A", deal="O-1"
            ),
            e.accepted(
                "2024-02-01", e.line("M", "366.00", "2024-01-01", "2024-12-31"), order="B", deal="O-2"
            ),
            e.accepted(
                "2024-03-01", e.line("N", "366.00", "2024-01-01", "2024-12-31"), order="C", deal="O-3"
            ),
        ]
    )
    february, march = day_number("2024-02-01"), day_number("2024-03-01")
    monthly(
        house,
        Policies(
            [
                Version("house", "1", february, {"proration": "monthly"}),
                Version("house", "2", march, {"proration": "daily"}),
            ]
        ),
    )
    rows = asked(house, "billing", None, "2024-03-31", by=("product",)).rows
    assert {row["product"]: row["recognised"] for row in rows} == {"D": "91.00", "M": "91.50", "N": "91.00"}
    for number_, recognised in ((1, "91.00"), (2, "91.50"), (3, "91.00")):
        key = f"{e.CRM}:opportunity:O-{number_}"
        deal = deals.number_of(house.connection, key, house.live().id, house.head())
        held = deals.balances(house.connection, deal, house.live().id, house.head(), date(2024, 3, 31))
        assert held["EUR"]["recognised"] == recognised


def test_months_as_reported_and_by_month_hang_together(told: House) -> None:
    months = asked(told, "billing", "2024-01-01", "2024-12-31", by=("month",), basis="as_reported").rows
    (whole,) = asked(told, "billing", "2024-01-01", "2024-12-31").rows
    assert sum(number(row["recognised"]) for row in months) == number(whole["recognised"])
