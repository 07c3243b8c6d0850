"""Previews: every figure that two generations report otherwise, as their reports say one by one."""

import json
from contextlib import suppress
from datetime import date
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import previewing as api_previewing
from domain.instants import from_date
from domain.money import format_minor
from domain.policies import DEFAULT_POLICIES, DEFAULT_SETTINGS, SLA_HOURS, Policies, Version
from domain.refusals import Refused
from projections import digests, generations, promoting, rebuild, reports
from projections.generations import Generation
from projections.preview import previewing
from projections.preview.axes import Axis
from projections.preview.cells import TOTAL
from projections.preview.comparing import NOW, SINCE, THEN, largest
from projections.preview.differing import differing, journal_digest
from projections.preview.exact import earned, safe
from projections.preview.journals import Journals
from projections.preview.previewing import Preview
from projections.preview.standing import Standing
from projections.projector import Projector
from projections.proration import earned as earned_one
from scripts.sample_company import make_sample
from tests.projections import events as e
from tests.projections.events import Event
from tests.projections.previewed import TODAY, asked, journals, previewed, stands
from tests.projections.served import House
from tests.projections.stories import crowd, usual

#: What a policy may set that changes figures, from a day in the stories on.
SETTINGS: dict[str, dict[str, Any]] = {
    "months": {"proration": "monthly"},
    "won": {"booking_trigger": "won"},
    "due": {"liability": "due"},
    "paid": {"liability": "paid"},
    "posted otherwise": {"arr_live": "activation", "renewal_booked": "service_start"},
}
_FIRST = 19_730  # 2024-01-08


def under(**setting: Any) -> Policies:
    return Policies([Version("house", "2", _FIRST, setting)])


def beside(house: House, policies: Policies = DEFAULT_POLICIES) -> Generation:
    """Another generation of the whole log, ready."""
    with house.connection.transaction():
        made = generations.make(house.connection, "building", policies)
        generations.index(house.connection, made.id)
    Projector(house.schema, made.id).catch_up(house.connection)
    house.connection.execute("UPDATE generation SET state = 'ready' WHERE id = %s", (made.id,))
    return made._replace(position=house.head())


def axes_of(found: Journals) -> dict[str, Axis]:
    return {NOW: found.months, SINCE: found.since, THEN: found.moments}


def compared(house: House, old: Generation, new: Generation, **rest: Any) -> Preview:
    return previewing.compare(house.connection, old, new, today=TODAY, **rest)


def closed(period: str, on: str) -> Event:
    return e.event(
        "period.closed", on, f"period/{period}", by="ledger/cairn/acme", deal=None, period=period, actor="b"
    )


def recorded_in_three_months(house: House, url: str, told: list[Event]) -> None:
    """A third of the story each, with a period closed in between."""
    third = len(told) // 3
    parts = (
        told[:third],
        [closed("2024-01", "2024-02-05"), *told[third : 2 * third]],
        [closed("2024-03", "2024-04-05"), *told[2 * third :]],
    )
    for number, part in enumerate(parts):
        house.record(part)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                f"UPDATE {house.schema}.log_commit SET recorded_at = timestamptz '2024-02-10 12:00Z'"
                " + interval '2 month' * %s + interval '1 s' * first WHERE recorded_at > '2025-01-01'",
                (number,),
            )


def tampered(house: House, generation: int) -> None:
    """Other postings and other groups, as other rules would have made them."""
    for statement in (
        f"UPDATE posting_g{generation} SET amount = amount + 7 WHERE deal % 5 = 1 AND debit = 15",
        f"DELETE FROM posting_g{generation} WHERE deal % 5 = 2 AND credit IN (53, 64)",
        f"UPDATE posting_g{generation} SET effective = effective + 31, due = due - 40 WHERE deal % 7 = 3",
        f"UPDATE deal_dimension_g{generation} SET value = value || 'x' WHERE deal % 4 = 1",
    ):
        house.connection.execute(statement)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_figure_that_differs_is_told_as_reports_have_it(
    house: House, database_url: str, name: str
) -> None:
    recorded_in_three_months(house, database_url, [*usual("Z-1", 9), *usual("Z-2", 20), *crowd(7, 4, 14)])
    old, new = house.project(), beside(house, under(**SETTINGS[name]))
    if name == "posted otherwise":
        tampered(house, new.id)
    found = journals(house, old, new, old.position)
    told = previewed(found, (TOTAL, "product", "customer", "class"))
    axes = axes_of(found)
    assert any(told.values()), "something differs"
    assert asked(house, old, new, old.position, told, axes) == told


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), name=st.sampled_from(list(SETTINGS)))
def test_the_totals_of_any_story_are_told_as_reports_have_them(house: House, seed: int, name: str) -> None:
    house.record(crowd(seed, 2, 10))
    old, new = house.project(), beside(house, under(**SETTINGS[name]))
    found = journals(house, old, new, old.position)
    told = previewed(found, (TOTAL,))
    assert asked(house, old, new, old.position, told, axes_of(found)) == told


def test_nothing_changed_is_proved_by_two_equal_digests(house: House) -> None:
    house.record(crowd(3, 3, 12))
    found = compared(house, house.project(), beside(house))
    assert found.is_same
    assert not found.differs
    assert found.journals is not None
    assert found.journals[0] == found.journals[1]
    assert (found.rules, found.tables, found.topics) == ([], [], [])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE posting_g{n} SET line = 'x' WHERE ctid = (SELECT min(ctid) FROM posting_g{n})",
        "INSERT INTO posting_g{n} SELECT * FROM posting_g{n} LIMIT 1",
        "UPDATE deal_name_g{n} SET name = name || 'x' WHERE ctid = (SELECT min(ctid) FROM deal_name_g{n})",
        "INSERT INTO signal_g{n} VALUES (1, 1, 1, 0, '2024-01-01', 1, 'CONFLICT', '', '', '')",
        "INSERT INTO fact_place_g{n} VALUES (1, 1, 1)",
        "INSERT INTO key_place_g{n} VALUES (1, 1, 'k')",
        "INSERT INTO notice_g{n} VALUES (1, 1, 1, 'period.closed.v1', 'x')",
    ],
)
def test_one_row_of_any_table_is_enough_for_the_journals_to_differ(house: House, change: str) -> None:
    house.record([*usual("O-1"), *usual("O-2")])
    old, new = house.project(), beside(house)
    house.connection.execute(change.format(n=new.id))
    known = house.head()
    assert not differing(house.connection, old.id, new.id, known).is_none
    one, other = (journal_digest(house.connection, g.id, known) for g in (old, new))
    assert one != other


def test_the_rule_the_deals_and_the_facts_are_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.record([*usual("O-1"), *usual("O-2", 2)])
    old = house.project()
    changed = {**digests.rules_digests(), "rules/billing": "0123456789abcdef"}
    new = beside(house)
    house.connection.execute(
        "UPDATE generation SET rules = 'other', rules_by_module = %s WHERE id = %s",
        (json.dumps(changed), new.id),
    )
    house.connection.execute(
        f"UPDATE posting_g{new.id} SET amount = amount + 5 WHERE debit = 15 AND credit = 19 AND deal ="
        f" (SELECT min(deal) FROM posting_g{new.id} WHERE debit = 15 AND credit = 19)"
    )
    found = compared(house, old, new._replace(rules="other"))
    assert [(rule.kind, rule.name) for rule in found.rules] == [("logic", "rules/billing")]
    invoiced = [part for part in found.parts if part.measure == "invoiced"]
    assert [(part.deal[-3:], part.window, part.largest) for part in invoiced] == [("O-1", "2024-02", "0.05")]
    (fact,) = found.facts
    assert (fact.type, fact.rules, fact.read_otherwise) == ("invoice.posted.v1", ["rules/billing"], False)
    assert fact.changes == [
        {"debit": "unbilled", "credit": "receivable", "currency": "EUR", "amount": "0.05"}
    ]
    beside_it = {(one.measure, one.window): one.deals for one in found.beside}
    assert beside_it["invoiced", "2024-02"] == [(invoiced[0].deal, "0.05")]


def test_a_setting_that_reports_are_read_by_is_named_with_its_day(house: House) -> None:
    house.record([*usual("O-1"), *usual("O-2", 2)])
    old, new = house.project(), beside(house, under(booking_trigger="won"))
    found = compared(house, old, new)
    (rule,) = found.rules
    assert rule == ("policy", "booking_trigger", "order_accepted", "won", "2024-01-08", True)
    assert not any(found.differing.values()), "nothing is posted otherwise"
    assert {t.view for t in found.tables if t.differing} == {"bookings"}
    assert not found.is_same


def from_day(day: str, **setting: Any) -> Version:
    return Version("house", day, from_date(date.fromisoformat(day)), setting)


def for_a_while(day: str, until: str, name: str, value: str) -> list[Version]:
    usually = getattr(DEFAULT_SETTINGS, name)
    return [from_day(day, **{name: value}), from_day(until, **{name: usually})]


def test_a_setting_from_a_future_day_changes_turnovers_since_the_beginning(house: House) -> None:
    house.record([*usual("O-1"), *usual("O-2", 2)])
    old, new = house.project(), beside(house, Policies([from_day("2027-01-01", booking_trigger="won")]))
    found = compared(house, old, new)
    assert not any(table.differing for table in found.tables if table.clock in (NOW, THEN))
    (table,) = [t for t in found.tables if t[:4] == ("bookings", "restated", SINCE, TOTAL)]
    assert [cell[:1] + cell[2:] for cell in table.cells if cell.window == "2027-01"] == [
        ("2027-01", "EUR", "booked", "2966.66", "2400.00", "-566.66"),
        ("2027-01", "EUR", "net", "2966.66", "2400.00", "-566.66"),
    ]
    assert {cell.window for cell in table.cells} == {"2027-01", "later"}, "not before it holds"
    assert found.differs
    assert not found.not_compared
    assert {(part.deal[-3:], part.clock, part.window) for part in found.parts} == {
        ("O-1", SINCE, "2027-01"), ("O-2", SINCE, "2027-01")
    }  # fmt: skip
    both = journals(house, old, new, old.position)
    told = previewed(both, (TOTAL, "customer"))
    assert asked(house, old, new, old.position, told, axes_of(both)) == told


@pytest.mark.parametrize(
    ("versions", "names"),
    [
        ([from_day("2024-02-01", pivot_currency="EUR", sla_hours={})], ["pivot_currency"]),
        (for_a_while("2024-03-10", "2024-03-20", "liability", "due"), ["liability"]),
        (for_a_while("2099-03-10", "2100-03-20", "booking_trigger", "won"), ["booking_trigger"]),
        (for_a_while("2027-03-10", "2028-03-20", "booking_trigger", "won"), []),
        (for_a_while("2000-03-10", "2000-03-20", "liability", "due"), []),
    ],
)
def test_a_setting_that_no_figure_compared_is_read_by_is_never_no_difference(
    house: House, versions: list[Version], names: list[str]
) -> None:
    house.record(usual("O-1"))
    found = compared(house, house.project(), beside(house, Policies(versions)))
    assert found.not_compared == names
    seen = any(table.differing for table in found.tables)
    assert found.differs == (seen or bool(names))
    assert seen == (not names and versions[0].version > "2024")


def test_how_totals_change_is_told_of_every_month_however_few_cells_are(house: House) -> None:
    house.record(usual("O-1", 9))
    old, new = house.project(), beside(house, under(proration="monthly"))
    key = "billing", "restated", NOW, TOTAL
    few, all_ = (
        next(t for t in compared(house, old, new, cells=cells).tables if t[:4] == key) for cells in (1, 10**6)
    )
    assert len([cell for cell in few.cells if cell.measure == "recognised"]) == 1
    (change,) = [change for change in few.changes if change.measure == "recognised"]
    assert change.currency == "EUR"
    assert change.amounts == [(c.window, c.difference) for c in all_.cells if c.measure == "recognised"]
    assert len(change.amounts) > 5


def test_a_currency_of_large_numbers_leaves_room_for_the_others() -> None:
    np = pytest.importorskip("numpy")
    sizes, currencies = np.array([900, 5, 800, 700, 3]), np.array([1, 0, 1, 1, 0])
    assert largest(sizes, currencies, 3).tolist() == [1, 0, 4]
    assert largest(sizes.astype(object), currencies, 2).tolist() == [1, 0]


def test_what_other_rules_made_can_be_promoted_at_the_head_only(house: House) -> None:
    house.record(usual("O-1"))
    house.project()
    new = beside(house)
    house.connection.execute("UPDATE generation SET rules = 'other' WHERE id = %s", (new.id,))
    assert promoting.hindrance(house.connection, house.schema, new.id) is None
    house.record(usual("O-2"))
    why = promoting.hindrance(house.connection, house.schema, new.id)
    assert why is not None
    with pytest.raises(promoting.GenerationRefused) as refused:
        promoting.promote(house.connection, house.schema, new.id)
    assert str(refused.value) == why
    answer = api_previewing.preview(house.connection, new.id)
    assert answer["promotion"] == {"possible": False, "why_not": why}
    assert "promote" not in answer["links"]
    house.connection.execute("UPDATE generation SET state = 'side' WHERE id = %s", (new.id,))
    assert "not adopted" in str(promoting.hindrance(house.connection, house.schema, new.id))


def test_what_is_previewed_is_what_the_swap_then_does(house: House) -> None:
    for arrival in make_sample(7, 12, date(2026, 10, 31)).delivery.arrivals:
        with suppress(Refused):  # some of what arrives is quarantined
            house.record([arrival.line])
    old = house.project()
    setting = {
        "proration": "monthly",
        "booking_trigger": "won",
        "sla_hours": dict.fromkeys(SLA_HOURS, 9_000),
    }
    policies = Policies([Version("house", "2", -1_000, setting)])
    built = rebuild.rebuild(house.conninfo, house.schema, workers=1, policies=policies, keep=True)
    new = generations.kept(house.connection, built.generation)
    assert new is not None
    found = compared(house, old, new, cells=10**6)
    ask = {
        (view, by, month): query
        for view in ("bookings", "backlog", "billing", "collections")
        for by in (("month",), ("month", "territory"))
        for month, query in [("all", _spanning(view, by))]
    }
    before = {key: _figures(house, query) for key, query in ask.items()}
    assert found.standing is not None
    stood = stands(house, house.live(), found.standing.days)
    promoting.promote(house.connection, house.schema, new.id)
    after = {key: _figures(house, query) for key, query in ask.items()}
    for (view, by, _), was in before.items():
        group = by[1] if len(by) > 1 else TOTAL
        (table,) = [t for t in found.tables if t[:4] == (view, "restated", NOW, group)]
        within = {cell for cell in table.cells if "2023-01" <= cell.window <= "2026-12"}
        now = after[view, by, "all"]
        differ = {key for key in was.keys() | now.keys() if was.get(key) != now.get(key)}
        assert {cell[:4] for cell in within} >= differ
        for cell in within:
            pair = was.get(cell[:4], None), now.get(cell[:4], None)
            zero = "0." + "0" * len(str(cell.before).partition(".")[2]) if "." in str(cell.before) else "0"
            assert (pair[0] or zero, pair[1] or zero) == (cell.before, cell.after)
        assert bool(within) == (view in ("bookings", "backlog", "billing"))
    assert "sla_hours" not in found.not_compared
    _are_told(found.standing, stood, stands(house, house.live(), found.standing.days))


def _are_told(found: Standing, before: dict[tuple[str, ...], str], after: dict[tuple[str, ...], str]) -> None:
    """The differences of what stands are those that are told."""
    differ = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    told_ = {
        (*row[:3], "minor" if row.measure == "amount_at_risk" else row.measure, row.currency)
        for row in found.rows
    }
    assert {key for key in differ if key[0] != "one"} == told_
    assert {key[0] for key in told_} == {"bridge", "exceptions"}
    for row in found.rows:
        if row.measure != "amount_at_risk":
            zero = format_minor(0, row.currency) if row.currency else "0"
            assert (before.get(row[:5], zero), after.get(row[:5], zero)) == (row.before, row.after)
    ids = [{key[1] for key in side if key[0] == "one"} for side in (before, after)]
    assert found.counts["gone"] == len(ids[0] - ids[1])
    assert found.counts["come"] == len(ids[1] - ids[0])
    assert found.counts["changed"] == len({key[1] for key in differ if key[0] == "one"} & ids[0] & ids[1])
    assert {one.id for one in found.listed if one.kind == "come"} <= ids[1] - ids[0]


def test_where_only_an_sla_differs_the_exceptions_that_come_are_told(house: House) -> None:
    house.record([e.won("2024-06-20", e.line("S", "107.00"))])
    old = house.project()
    new = beside(house, Policies([from_day("2024-01-01", sla_hours={"WON_NO_ORDER": 4_000})]))
    found = compared(house, old, new)
    assert found.is_same
    assert found.differs
    assert not found.not_compared
    assert found.standing is not None
    assert found.standing.counts == {"gone": 1, "come": 0, "changed": 0}
    assert [(one.code, one.amount) for one in found.standing.listed] == [("WON_NO_ORDER", "107.00")]
    assert ("won_ordered.timing_in_sla", "0.00", "107.00") in [
        (row.what, row.before, row.after) for row in found.standing.rows
    ]
    assert "figures of" in api_previewing.told(house.connection, found)["verdict"]


def _spanning(view: str, by: tuple[str, ...]) -> reports.Query:
    return reports.Query(view, date(2023, 1, 1), date(2026, 12, 31), 0, 0, by, limit=reports.MAX_ROWS)


def _figures(house: House, query: reports.Query) -> dict[tuple[Any, ...], str | None]:
    live = house.live()
    asked_ = query._replace(known=live.position, generation=live.id, policies=live.policies)
    measures = reports.checked(asked_).measures
    return {
        (row["month"], row[query.by[1]] if len(query.by) > 1 else None, row["currency"], measure): row[
            measure
        ]
        for row in reports.run(house.connection, asked_).rows
        for measure in measures
    }


def test_amounts_whose_products_are_beyond_64_bits_are_compared_exactly(house: House) -> None:
    house.record([*usual("O-1", 9), *usual("O-2", 12)])
    old, new = house.project(), beside(house, under(proration="monthly"))
    for generation in (old.id, new.id):
        house.connection.execute(f"UPDATE posting_g{generation} SET amount = amount * 123456789012")
    found = journals(house, old, new, old.position)
    told = previewed(found, (TOTAL,))
    assert asked(house, old, new, old.position, told, axes_of(found)) == told


@given(
    st.integers(-(10**12), 10**12), st.integers(15_000, 23_000), st.integers(0, 1_500), st.integers(0, 1_500),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_what_is_earned_in_arrays_is_what_is_earned_alone(
    amount: int, start: int, length: int, later: int, monthly: bool, large: bool
) -> None:
    np = pytest.importorskip("numpy")
    day = start + min(later, length)
    amount *= 10**6 if large else 1
    first, last, on = (np.array([value], np.int64) for value in (start, start + length, day))
    amounts = safe(np.array([amount], np.int64), length + 1)
    found = amount if day == start + length else int(earned(amounts, first, last, on, np.array([monthly]))[0])
    assert found == earned_one(amount, start, start, start + length, day, monthly)
