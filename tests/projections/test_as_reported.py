"""basis=as_reported: what arrived after its period had closed counts from the first open day on."""

from datetime import date
from itertools import combinations

import pytest

from projections import periods, rebuild, reports
from projections.explain import explain
from projections.measures import VIEWS
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.asking import added, asked, behind, journal, number, query
from tests.projections.served import House
from tests.projections.stories import crowd


def invoices(house: House, end: str, **rest: object) -> str:
    """Invoiced in all by a day, as reported."""
    rows = asked(house, "billing", None, end, basis="as_reported", **rest).rows
    return str(rows[0]["invoiced"]) if rows else "0.00"


def busy(seed: int, deals: int, each: int) -> list[e.Event]:
    """A crowd of deals that closes and reopens no period itself."""
    return [event for event in crowd(seed, deals, each) if not event["type"].startswith("period.")]


def late(on: str, number: str = "I-1") -> e.Event:
    return e.invoiced(on, number, e.line("A", "10.00"))


def test_a_late_fact_counts_in_the_first_period_that_was_open_when_it_arrived(house: House) -> None:
    for event in (r.closed("2024-02-05", "2024-01"), late("2024-01-20")):
        house.record([event])
    house.project()
    assert invoices(house, "2024-01-31") == "0.00"
    assert invoices(house, "2024-02-01") == "10.00"
    assert asked(house, "billing", None, "2024-01-20").rows[0]["invoiced"] == "10.00"


def test_what_arrived_before_the_period_closed_stays_in_it(house: House) -> None:
    house.record([late("2024-01-20")])
    house.record([r.closed("2024-02-05", "2024-01")])
    house.project()
    assert invoices(house, "2024-01-20") == "10.00"


def test_closing_a_period_closes_all_before_it_and_reopening_one_opens_all_after(house: House) -> None:
    told = [
        r.closed("2024-04-05", "2024-03"),
        r.closed("2024-04-06", "2024-01"),  # closed already
        r.period_reopened("2024-04-07", "2024-02"),
        r.closed("2024-04-08", "2024-02"),
        r.period_reopened("2024-04-09", "2024-06"),  # was open
        r.period_reopened("2023-04-10", "2023-11"),  # as of last year: it came before all of these
    ]
    for event in told:
        house.record([event])
    live = house.project()
    steps = periods.first_open(house.connection, live.id, house.head())
    found = [steps.at(position) for position in range(1, 8)]
    april, february, march = date(2024, 4, 1), date(2024, 2, 1), date(2024, 3, 1)
    assert found == [None, april, april, february, march, march, march]
    assert periods.first_open(house.connection, live.id, 1).at(7) == april, "as known then"


def test_a_period_closed_by_mistake_was_closed_until_that_was_voided(house: House) -> None:
    closing = r.closed("2024-02-05", "2024-01")
    for event in (closing, late("2024-01-20"), r.void("2024-02-06", closing), late("2024-01-21", "I-2")):
        house.record([event])
    house.project()
    assert invoices(house, "2024-01-31") == "10.00", "the second arrived when January was open again"
    assert invoices(house, "2024-02-01") == "20.00"


def test_a_close_from_another_role_closes_nothing(house: House) -> None:
    house.record([r.closed("2024-02-05", "2024-01", by=e.ERP)])
    house.record([late("2024-01-20")])
    house.project()
    assert invoices(house, "2024-01-31") == "10.00"


def test_earlier_days_of_a_late_subscription_count_on_the_first_open_day(house: House) -> None:
    house.record([r.closed("2024-02-05", "2024-01")])
    house.record([e.accepted("2024-01-10", e.line("S", "366.00", "2024-01-01", "2024-12-31"))])
    house.project()
    for end, recognised in (("2024-02-01", "32.00"), ("2024-02-29", "60.00")):
        (row,) = asked(house, "billing", None, end, basis="as_reported").rows
        assert row["recognised"] == recognised
    (row,) = asked(house, "billing", "2024-02-01", "2024-02-29", basis="as_reported").rows
    assert row["recognised"] == "60.00", "the span has January's days too"
    assert asked(house, "backlog", None, "2024-01-31", basis="as_reported").rows == []


def test_a_dimension_that_arrived_late_does_not_regroup_what_was_reported(house: House) -> None:
    house.record([e.invoiced("2024-01-05", "I-1", e.line("A", "10.00"), dimensions={"customer": "C-1"})])
    house.record([r.closed("2024-02-05", "2024-01")])
    house.record([e.invoiced("2024-01-06", "I-2", e.line("A", "1.00"), dimensions={"customer": "C-2"})])
    house.project()
    for end, rows in (("2024-01-31", [("C-1", "10.00")]), ("2024-02-01", [("C-2", "11.00")])):
        found = asked(house, "billing", None, end, basis="as_reported", by=("customer",)).rows
        assert [(row["customer"], row["invoiced"]) for row in found] == rows
    assert asked(house, "billing", None, "2024-01-31", by=("customer",)).rows[0]["customer"] == "C-2"


@pytest.fixture
def crowded(house: House) -> House:
    """A crowd of deals whose periods are closed and reopened while they arrive."""
    told = busy(11, 6, 12)
    closings = [
        r.closed("2024-02-01", "2024-01"),
        r.closed("2024-04-01", "2024-03"),
        r.period_reopened("2024-04-02", "2024-02"),
        r.closed("2024-07-01", "2024-06"),
    ]
    step = len(told) // (len(closings) + 1)
    for number_, closing in enumerate(closings):
        told.insert((number_ + 1) * step, closing)
    house.record(told)
    house.project()
    return house


def test_reports_agree_with_the_journal_read_by_hand(crowded: House) -> None:
    steps = periods.first_open(crowded.connection, crowded.live().id, crowded.head())
    assert len(set(steps.days)) > 2
    postings = journal(crowded)
    for view in ("bookings", "backlog", "billing", "arr"):
        for start, end in (
            (None, date(2024, 3, 31)),
            (None, date(2024, 7, 4)),
            (date(2024, 2, 1), date(2024, 6, 30)),
        ):
            question = query(crowded, view, None, end.isoformat(), basis="as_reported")._replace(start=start)
            read = reports.checked(question)
            expected = added(postings, read, start, end, reported=steps.at)
            rows = reports.run(crowded.connection, question).rows
            for row in rows:
                for name in (n for n in read.measures if n not in (*read.netted, *read.ratios)):
                    assert row[name] == expected[str(row["currency"])][name], (view, end, name)
            assert rows


@pytest.mark.parametrize("view", [name for name, view in VIEWS.items() if not view.restated_only])
def test_rows_are_explained_and_add_up_as_reported(crowded: House, view: str) -> None:
    for by in combinations(("deal", "product", "customer", "class"), 2):
        question = query(crowded, view, "2024-02-01", "2024-07-31", by=by, basis="as_reported")
        for row in reports.run(crowded.connection, question).rows[:12]:
            if "deal" in by and not row["deal"]:
                continue
            found = behind(crowded, question, row)
            read = reports.checked(question)
            for name in (*read.summed, *read.derived):
                if name in read.measures:
                    told = sum(number(posting["counts"].get(name, "0")) for posting in found.postings)
                    assert told == number(row[name]), (by, name)


def test_months_add_up_to_the_span_as_reported(crowded: House) -> None:
    span = ("2024-01-01", "2024-12-31")
    for view, names in (("bookings", ("booked", "net")), ("billing", ("invoiced", "recognised"))):
        whole = asked(crowded, view, *span, basis="as_reported").rows
        months = asked(crowded, view, *span, by=("month",), basis="as_reported").rows
        for row in whole:
            of = [month for month in months if month["currency"] == row["currency"]]
            for name in names:
                assert sum(number(month[name]) for month in of) == number(row[name])


def reported(house: House, end: str, by: tuple[str, ...]) -> dict[str, list[dict[str, str | None]]]:
    """Every view that has a meaning as reported, by deal or otherwise."""
    views = [name for name, view in VIEWS.items() if not view.restated_only]
    return {view: asked(house, view, None, end, by=by, basis="as_reported").rows for view in views}


@pytest.mark.parametrize("by", ["deal", "customer", "product", "class"])
def test_what_was_reported_for_a_closed_period_never_changes(crowded: House, by: str) -> None:
    crowded.record([r.closed("2024-08-01", "2024-07")])
    crowded.project()
    before = reported(crowded, "2024-07-31", (by,))
    keys = [str(row["deal"]) for row in reported(crowded, "2024-07-31", ("deal",))["billing"]]
    crowded.record([late("2024-03-03", "I-LATE"), *busy(12, 2, 9), r.linked("2024-03-05", *keys[:3])])
    crowded.project()
    assert reported(crowded, "2024-07-31", (by,)) == before
    assert reported(crowded, "2024-08-01", ("deal",)) != before


def test_a_deal_that_became_part_of_another_is_explained_under_its_own_name(crowded: House) -> None:
    crowded.record([r.closed("2024-08-01", "2024-07")])
    keys = [str(row["deal"]) for row in reported(crowded, "2024-07-31", ("deal",))["billing"]]
    crowded.record([r.linked("2024-03-05", *keys[:3])])
    crowded.project()
    question = query(crowded, "billing", None, "2024-07-31", by=("deal",), basis="as_reported")
    rows = reports.run(crowded.connection, question).rows
    assert [row["deal"] for row in rows] == keys
    for row in rows:
        found = behind(crowded, question, row).postings
        assert sum(number(one["counts"].get("invoiced", "0")) for one in found) == number(row["invoiced"])
        assert {one["deal"] for one in found} == {row["deal"]}


def test_a_generation_built_otherwise_reports_the_same(crowded: House) -> None:
    asked_ = [
        ("billing", None, "2024-06-30"),
        ("backlog", None, "2024-03-31"),
        ("arr", "2024-01-01", "2024-09-30"),
    ]
    before = [asked(crowded, *one, by=("deal", "product"), basis="as_reported") for one in asked_]
    rebuild.rebuild(crowded.conninfo, crowded.schema, workers=1)
    assert [asked(crowded, *one, by=("deal", "product"), basis="as_reported") for one in asked_] == before


def test_without_a_closed_period_nothing_differs(house: House) -> None:
    house.record(busy(3, 3, 9))
    house.project()
    for view in ("billing", "backlog", "bookings"):
        plain = asked(house, view, "2024-01-01", "2024-06-30", by=("deal",))
        assert asked(house, view, "2024-01-01", "2024-06-30", by=("deal",), basis="as_reported") == plain


def test_an_explained_posting_says_when_it_was_reported(house: House) -> None:
    house.record([r.closed("2024-02-05", "2024-01")])
    house.record([late("2024-01-20")])
    house.project()
    question = query(house, "billing", None, "2024-02-29", basis="as_reported")
    days = {(p["effective_on"], p["reported_on"]) for p in explain(house.connection, question).postings}
    assert days == {("2024-01-20", "2024-02-01")}


@pytest.mark.parametrize("view", ["pipeline", "collections"])
def test_ageing_and_weighting_have_no_meaning_as_reported(house: House, view: str) -> None:
    house.record([late("2024-01-20")])
    house.project()
    with pytest.raises(reports.ReportRefused, match="basis=restated"):
        asked(house, view, None, "2024-02-29", basis="as_reported")
