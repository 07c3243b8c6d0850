"""Views over the journal: windows, groups, filters, drill-down, what was known, the laws on the server."""

from collections import Counter
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest

from domain.money import format_minor
from projections import accounts as a
from projections import laws, reports
from projections.explain import explain
from projections.measures import VIEWS
from tests.projections import events as e
from tests.projections.books import books_of
from tests.projections.events import Event
from tests.projections.served import House
from tests.projections.stories import crowd, usual

SPAN = ("2024-01-01", "2025-06-30")


def story() -> list[Event]:
    """Deals as they usually go, with what is rare: two currencies, a renewal, usage, credits, cash alone."""
    return [
        *usual("O-1", 3),
        *usual("O-2", 9),
        e.accepted(
            "2024-02-01",
            e.line("J", "1000", "2024-02-01", "2025-01-31"),
            order="SO-J",
            currency="JPY",
            deal="O-J",
        ),
        e.rated("2024-03-31", "U-1", e.line("U", "12.34"), deal="O-1"),
        e.credited("2024-04-01", "C-1", "concession", e.line("S", "50.00", of="SO-O-1/1"), deal="O-1"),
        e.renewed(
            "2024-11-01",
            e.line("S", "1300.00", "2025-01-01", "2025-12-31"),
            order="SO-R",
            replaces="SO-O-1",
            deal="O-1",
        ),
        e.line_cancelled("2024-06-15", "2", order="SO-O-2", deal="O-2"),
        e.received("2024-05-05", "P-ALONE", "77.00", dimensions={"customer": "C-7"}),
        e.written_off("2024-12-01", "I-O-2", "10.00", deal="O-2"),
        e.lost("2024-03-01", number="O-9"),
        e.opened(
            "2024-02-01",
            e.line("T", "500.00"),
            number="O-9",
            probability="0.5",
            dimensions={"customer": "C-2"},
        ),
    ]


@pytest.fixture
def told(house: House) -> House:
    """A tenant with the story in it, projected."""
    house.record(story())
    house.project()
    return house


def added(rows: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, dict[str, Decimal]]:
    """Sums of measures by currency; zeros left out."""
    found: dict[str, Counter[str]] = {}
    for row in rows:
        held = found.setdefault(row["currency"], Counter())
        for name in names:
            held[name] += Decimal(row[name])  # type: ignore[assignment]
    return {
        currency: {name: Decimal(value) for name, value in held.items() if value}
        for currency, held in found.items()
        if any(held.values())
    }


def summed_postings(house: House, query: reports.Query) -> dict[str, dict[str, Decimal]]:
    """What the postings behind a row add up to, by currency."""
    found: dict[str, Counter[str]] = {}
    offset = 0
    while True:
        page = explain(house.connection, query._replace(limit=50, offset=offset))
        for posting in page.postings:
            for name, value in posting["counts"].items():
                found.setdefault(posting["currency"], Counter())[name] += Decimal(value)  # type: ignore[assignment]
        for row in page.netted if not offset else ():
            for name in VIEWS[query.view].netted:
                found.setdefault(str(row["currency"]), Counter())[name] += Decimal(row[name] or "0")  # type: ignore[assignment]
        if not page.more:
            break
        offset += 50
    return {
        currency: {name: Decimal(value) for name, value in held.items() if value}
        for currency, held in found.items()
        if any(held.values())
    }


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_every_row_is_the_sum_of_its_postings(told: House, view: str) -> None:
    groups = ("deal", "product", "customer", "class", "segment")
    for by in ((), *combinations(groups, 1), *combinations(groups, 2)):
        for start in (None, "2024-03-01"):
            report = told.ask(view, start, "2024-12-15", by=by)
            query = reports.Query(
                view,
                None if start is None else date.fromisoformat(start),
                date(2024, 12, 15),
                told.head(),
                told.live().id,
            )
            read = reports.checked(query)
            names = tuple(name for name in read.measures if name not in read.ratios)
            for row in report.rows:
                filters = {name: row[name] or "" for name in by} | {"currency": str(row["currency"])}
                if by.count("deal") and not row["deal"]:
                    continue
                assert summed_postings(told, query._replace(filters=filters)) == added([row], names), (
                    by,
                    row,
                )


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_groups_add_up_to_the_whole_and_filters_pick_them(told: House, view: str) -> None:
    names = tuple(n for n in VIEWS[view].measures if n not in VIEWS[view].netted)
    whole = added(told.ask(view, None, "2024-12-15").rows, names)
    assert whole
    for by in (("deal",), ("product",), ("customer",), ("class",), ("deal", "product"), ("currency",)):
        report = told.ask(view, None, "2024-12-15", by=by)
        assert added(report.rows, names) == whole, by
        assert added(report.totals, names) == whole
        for row in report.rows:
            if any(row[name] is None for name in by):
                continue
            picked = told.ask(view, None, "2024-12-15", by=by, only={name: str(row[name]) for name in by})
            assert row in picked.rows, "a filter by a row's values keeps the row"


@pytest.mark.parametrize("period", ["month", "quarter", "year"])
def test_turnovers_of_periods_add_up_to_the_span(told: House, period: str) -> None:
    for view, names in (
        ("bookings", VIEWS["bookings"].measures),
        ("billing", ("invoiced", "tax", "credited", "net_billed", "recognised")),
        ("pipeline", ("won", "lost")),
    ):
        for by in ((), ("product",), ("deal",)):
            whole = told.ask(view, *SPAN, by=by)
            parts = told.ask(view, *SPAN, by=(*by, period))
            assert added(parts.rows, names) == added(whole.rows, names)
            labels = [str(row[period]) for row in parts.rows]
            assert labels == sorted(labels)
            assert len(set(labels)) > 1 or view != "billing"


def test_a_balance_of_a_period_is_that_of_its_last_day(told: House) -> None:
    for view in ("backlog", "collections"):
        months = told.ask(view, "2024-01-15", "2024-08-20", by=("month",))
        assert months.totals == told.ask(view, None, "2024-08-20").totals, "that of the last day"
        for label, end in (("2024-02", "2024-02-29"), ("2024-07", "2024-07-31"), ("2024-08", "2024-08-20")):
            rows = [
                {k: v for k, v in row.items() if k != "month"} for row in months.rows if row["month"] == label
            ]
            assert rows == told.ask(view, None, end).rows


def test_reports_agree_with_the_books_worked_out_by_hand(told: House) -> None:
    books = books_of(story())
    accounts = {
        ("collections", "cash"): "cash",
        ("collections", "receivable"): "receivable",
        ("collections", "unapplied"): "unapplied",
        ("collections", "written_off"): "written_off",
        ("collections", "disputed"): "disputed",
        ("backlog", "unbilled"): "unbilled",
        ("backlog", "unfulfilled"): "unfulfilled",
        ("backlog", "won_unordered"): "won_unordered",
        ("billing", "recognised"): "recognised",
        ("pipeline", "open"): "pipeline",
        ("pipeline", "weighted"): "weighted",
        ("pipeline", "lost"): "lost",
        ("arr", "live"): "live",
    }
    for day in (
        "2024-01-02",
        "2024-02-10",
        "2024-02-29",
        "2024-03-25",
        "2024-06-15",
        "2024-12-31",
        "2025-08-01",
    ):
        for currency in ("EUR", "JPY"):
            held = books.minor(day, currency)
            for (view, measure), account in accounts.items():
                rows = told.ask(view, None, day, only={"currency": currency}).rows
                shown = rows[0][measure] if rows else format_minor(0, currency)
                assert shown == format_minor(held.get(account, 0), currency), (day, view, measure)


def test_receivables_age_by_their_due_date(told: House) -> None:
    """I-O-1: 833.00 less 803.00, due on 2024-03-12."""
    names = ("receivable", "not_due", "due_1_30", "due_31_60", "due_61_90", "due_over_90")
    for end, bucket in (
        ("2024-03-12", 1),
        ("2024-03-13", 2),
        ("2024-04-11", 2),
        ("2024-04-12", 3),
        ("2024-05-11", 3),
        ("2024-05-12", 4),
        ("2024-06-10", 4),
        ("2024-06-11", 5),
    ):
        row = told.ask("collections", None, end, only={"deal": f"{e.CRM}:opportunity:O-1"}).rows[0]
        shown = [name for name in names if Decimal(row[name] or "0")]
        assert shown == ["receivable", names[bucket]], end
        assert row[names[bucket]] == row["receivable"]


def test_what_is_current_is_scheduled_within_a_year(told: House) -> None:
    row = told.ask(
        "backlog", None, "2024-02-29", only={"deal": f"{e.CRM}:opportunity:O-J", "product": "J"}
    ).rows[0]
    # 366 days; to 2025-01-31 all of it lies within the year to 2025-02-28
    assert row["unperformed"] == row["current_12m"]
    renewal = told.ask(
        "backlog", None, "2024-11-30", only={"deal": f"{e.CRM}:opportunity:O-1", "product": "S"}
    ).rows[0]
    left = 115000 - round(115000 * 335 / 366)
    current = left + round(130000 * 334 / 365)  # to 2025-11-30
    assert renewal["unperformed"] == format_minor(left + 130000, "EUR")
    assert renewal["current_12m"] == format_minor(current, "EUR")


def test_liability_and_asset_are_net_per_deal_and_never_gross(told: House) -> None:
    by_deal = told.ask("billing", None, "2024-03-31", by=("deal",)).rows
    for row in by_deal:
        net = Decimal(row["net_billed"] or "0") - Decimal(row["recognised"] or "0")
        assert Decimal(row["contract_liability"] or "0") == max(net, Decimal(0))
        assert Decimal(row["contract_asset"] or "0") == max(-net, Decimal(0))
    whole = told.ask("billing", None, "2024-03-31", only={"currency": "EUR"}).rows[0]
    for name in ("contract_liability", "contract_asset"):
        assert Decimal(whole[name] or "0") == sum(
            Decimal(row[name] or "0") for row in by_deal if row["currency"] == "EUR"
        )


def test_cash_without_a_deal_is_shown_under_its_payments_key_and_customer(told: House) -> None:
    rows = told.ask("collections", None, "2024-12-31", by=("deal", "customer")).rows
    alone = [row for row in rows if row["deal"] == f"{e.ERP}:payment:P-ALONE"]
    assert [(row["customer"], row["unapplied"]) for row in alone] == [("C-7", "77.00")]


def test_a_dimension_counts_for_all_of_a_deal_as_it_was_on_the_day(house: House) -> None:
    house.record(
        [
            e.accepted("2024-01-01", e.line("A", "100.00"), dimensions={"customer": "C-1"}),
            e.invoiced(
                "2024-02-01", "I-1", e.line("A", "40.00", of="SO-1/1"), dimensions={"customer": "C-2"}
            ),
        ]
    )
    house.project()
    for end, customer in (("2024-01-31", "C-1"), ("2024-02-01", "C-2")):
        rows = house.ask("bookings", None, end, by=("customer",)).rows
        assert [(row["customer"], row["booked"]) for row in rows] == [(customer, "100.00")]


def test_pages_follow_one_another(told: House) -> None:
    whole = told.ask("billing", None, "2024-12-31", by=("deal", "product"))
    query = reports.Query(
        "billing", None, date(2024, 12, 31), told.head(), told.live().id, ("deal", "product"), {}, limit=2
    )
    pages: list[dict[str, str | None]] = []
    more = True
    while more:
        page = reports.run(told.connection, query._replace(offset=len(pages)))
        assert page.totals == whole.totals
        pages += page.rows
        more = page.more
    assert pages == whole.rows


def test_a_question_that_makes_no_sense_is_refused_with_what_is_allowed(told: House) -> None:
    for view, by, filters in (
        ("profit", (), {}),
        ("billing", ("colour",), {}),
        ("billing", ("month", "year"), {}),
        ("billing", (), {"colour": "red"}),
    ):
        with pytest.raises(reports.ReportRefused) as refused:
            told.ask(view, *SPAN, by=by, only=filters)
        assert refused.value.allowed
    with pytest.raises(reports.ReportRefused):
        told.ask("billing", None, "2024-12-31", by=("month",))
    with pytest.raises(reports.ReportRefused):
        told.ask("billing", "1900-01-01", "2024-12-31", by=("month",))


def test_the_laws_hold_on_the_server_at_every_position(house: House) -> None:
    house.record(crowd(5, 10, 14))
    live = house.project()
    for known in range(1, house.head() + 1, 9):
        for day in (date(2024, 1, 31), date(2024, 6, 29), date(2026, 1, 1)):
            assert laws.check(house.connection, live.id, day, known) == []


@pytest.mark.parametrize(
    ("debit", "credit", "broken"),
    [
        (a.UNBILLED, a.CANCELLED, {"performance_follows_billing"}),
        (a.SOURCE_OBLIGATION, a.UNPERFORMED, {"performance_follows_billing"}),
        (a.UNBILLED, a.WON_UNORDERED, {"performance_follows_billing", "won_is_accounted_for"}),
        (a.WON_UNORDERED, a.PIPELINE, {"won_is_accounted_for"}),
        (a.SOURCE_TAX, a.CASH, {"gross_is_accounted_for", "cash_is_applied"}),
        (a.UNAPPLIED, a.SOURCE_BANK, {"cash_received_is_accounted_for"}),
        (a.RECEIVABLE, a.REDATED, {"gross_is_accounted_for", "nothing_between_due_dates"}),
        (a.RECEIVABLE, a.CASH, {"cash_is_applied"}),
    ],
)
def test_a_broken_law_is_found_with_its_deal_and_difference(
    told: House, debit: int, credit: int, broken: set[str]
) -> None:
    live, head, at = told.live().id, told.head(), date(2024, 12, 31)
    assert laws.check(told.connection, live, at, head) == []
    told.connection.execute(
        f"INSERT INTO posting_g{live} (deal, fact, position, amount, stated, effective, debit, credit, class,"
        " currency) VALUES (1, 1, %s, 12345, '2024-05-05', '2024-05-05', %s, %s, 0, 'EUR')",
        (head, debit, credit),
    )
    found = laws.check(told.connection, live, at, head)
    assert {breach["law"] for breach in found} == broken
    assert {breach["difference"].lstrip("-") for breach in found} == {"123.45"}
    assert {breach["deal"] for breach in found} <= {1, None}
    assert all(breach["says"] == laws.LAWS[breach["law"]] for breach in found)
    # earlier, and as known before, nothing is wrong
    assert laws.check(told.connection, live, date(2024, 5, 4), head) == []
    assert laws.check(told.connection, live, at, head - 1) == []
