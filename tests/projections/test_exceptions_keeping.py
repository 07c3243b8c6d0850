"""About messages and the books as a whole, and how exceptions are handled: how each rises, what heals it."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from domain import milestones as m
from domain.arrivals import refused
from domain.contract import parse_event
from domain.policies import DEFAULT_SETTINGS, Policies, Version
from domain.refusals import Reason
from projections import fold, laws, unreadable
from projections.exceptions.codes import ALL, BY_CODE, OWNERS, SIGNALLED
from projections.exceptions.listing import DERIVED
from projections.rebuild import rebuild
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.events import Event
from tests.projections.excepted import amendment, closed, codes, handled, shown, tell
from tests.projections.served import House

LINE = e.line("S", "100.00")


def test_a_conflict_shows_until_an_amendment_decides_it(house: House) -> None:
    win = e.won("2026-02-02", LINE, id_="w")
    tell(house, win, e.accepted("2026-02-02", LINE), e.won("2026-02-02", e.line("S", "120.00"), id_="w"))
    assert codes(house, "2026-02-01") == set()
    (found,) = shown(house, "2026-02-02", "CONFLICT")
    assert (found.deal, found.found.facts, found.found.object) == (f"{e.CRM}:opportunity:O-1", (1,), "w")
    known = house.head()
    tell(house, amendment("corrected", "2026-02-05", win, replacement=win))
    assert codes(house, "2026-02-02") == set()
    assert codes(house, "2026-02-02", known=known) == {"CONFLICT"}


def test_each_kept_message_is_a_conflict_of_its_own(house: House) -> None:
    contents = [e.won("2026-02-02", e.line("S", net), id_="w") for net in ("100.00", "110.00", "120.00")]
    tell(house, *contents, contents[1])
    assert len({one.id for one in shown(house, "2026-02-02", "CONFLICT")}) == 2


def test_a_conflict_was_not_known_before_it_came(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE, id_="w"), e.accepted("2026-02-02", LINE))
    tell(
        house, e.won("2026-02-02", e.line("S", "120.00"), id_="w"), e.opened("2026-02-03", LINE, number="O-9")
    )
    assert codes(house, "2026-02-02", known=1) == set()
    assert codes(house, "2026-02-02", known=2) == {"CONFLICT"}, "it came before position 3"


def test_a_conflict_about_cash_without_a_deal_is_shown_under_the_payment(house: House) -> None:
    tell(house, *(e.received("2026-02-02", "P-1", amount, id_="p") for amount in ("10.00", "12.00")))
    (found,) = shown(house, "2026-02-02")
    assert (found.found.code, found.deal) == ("CONFLICT", f"{e.ERP}:payment:P-1")


def quarantine(
    house: House,
    body: bytes = b"not understood",
    *,
    of: Event | None = None,
    received_at: int = 1_770_000_000_000_000,
) -> None:
    """Quarantine some bytes; of: the milestone whose source and id they carry."""
    accepted = house.ledger.accept(body, source="", received_at=received_at)
    source, event_id = (of["source"], of["id"]) if of else (None, None)
    house.ledger.record(
        [refused(accepted, [Reason("not_json", "", "no JSON")], source=source, event_id=event_id)]
    )


def test_a_quarantined_message_shows_until_a_replay_settles_it(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE), e.accepted("2026-02-02", LINE))
    quarantine(house)
    (found,) = shown(house, "2020-01-01")
    assert (found.found.code, found.deal, found.found.object) == ("QUARANTINED", None, "quarantine/1")
    assert found.found.detail == "not_json"
    house.connection.execute(
        "INSERT INTO quarantine_replay (quarantine_id, outcome, reasons, replayed_at)"
        " VALUES (1, 'quarantined', '[]', clock_timestamp())"
    )
    assert codes(house, "2026-02-02") == {"QUARANTINED"}
    house.connection.execute(
        "INSERT INTO quarantine_replay (quarantine_id, outcome, reasons, replayed_at)"
        " VALUES (1, 'recorded', '[]', clock_timestamp())"
    )
    assert codes(house, "2026-02-02") == set()


BOOKED = [e.won("2026-01-05", LINE), e.accepted("2026-01-05", LINE)]


def test_a_milestone_of_a_closed_period_shows_until_the_period_is_reopened(house: House) -> None:
    late = e.invoiced("2026-01-20", "I-1", e.line("S", "40.00", of="SO-1/1", tax="8.00"), due="2030-01-01")
    tell(house, *BOOKED, closed("2026-02-03", "2026-01"), late)
    (found,) = shown(house, "2026-03-31", "CLOSED_PERIOD_MILESTONE")
    assert found.found[1:3] == (1, (4,))
    assert found.found[4:8] == ("invoice/I-1", "EUR", 4_000, "2026-01")
    tell(house, e.invoiced("2026-02-04", "I-2", e.line("S", "60.00", of="SO-1/1"), due="2030-01-01"))
    assert len(shown(house, "2026-03-31")) == 1, "February is open"
    known = house.head()
    tell(house, closed("2026-02-10", "2026-01", "reopened"))
    assert codes(house, "2026-03-31") == set()
    assert codes(house, "2026-03-31", known=known) == {"CLOSED_PERIOD_MILESTONE"}


def test_what_is_taken_back_from_a_closed_period_is_none(house: House) -> None:
    late = e.invoiced("2026-01-20", "I-1", e.line("S", "40.00", of="SO-1/1"), due="2030-01-01")
    tell(house, *BOOKED, closed("2026-02-03", "2026-01"), late)
    tell(house, amendment("voided", "2026-02-09", late))
    assert codes(house, "2026-03-31") == set()


def test_a_correction_of_what_was_reported_shows_at_the_correction(house: House) -> None:
    billed = e.invoiced("2026-01-20", "I-1", e.line("S", "40.00", of="SO-1/1"), due="2030-01-01")
    tell(house, *BOOKED, billed, closed("2026-02-03", "2026-01"))
    assert codes(house, "2026-03-31") == set()
    tell(house, amendment("voided", "2026-02-09", billed))
    (found,) = shown(house, "2026-03-31")
    assert (found.found.code, found.found.facts, found.found.amount) == (
        "CLOSED_PERIOD_MILESTONE", (5,), 4_000,
    )  # fmt: skip


def test_the_forecast_of_a_closed_period_may_still_change(house: House) -> None:
    tell(house, closed("2026-02-03", "2026-01"), e.opened("2026-01-05", LINE))
    assert codes(house, "2026-03-31") == set()


def test_an_earlier_day_than_the_milestone_shows_nothing_of_it(house: House) -> None:
    tell(house, closed("2026-02-03", "2026-01"), *BOOKED)
    assert codes(house, "2026-01-04") == set()
    assert {one.found.facts for one in shown(house, "2026-01-05")} == {(2,), (3,)}


def test_a_broken_law_shows_until_the_next_check_finds_it_to_hold(house: House) -> None:
    tell(house, *BOOKED)
    live = house.live()
    house.connection.execute(
        f"UPDATE posting_g{live.id} SET amount = amount + 5 WHERE debit = 13 AND credit = 15"
    )
    breaches = laws.check(house.connection, live.id, date(2026, 2, 1), live.position)
    broken = [one for one in breaches if one["law"] == "won_is_accounted_for"] or breaches
    check(house, broken)
    check(house, broken)
    found = shown(house, "2026-02-01", "LAW_BROKEN")
    assert [(one.found.object, one.found.currency, one.found.amount) for one in found] == [
        (one["law"], one["currency"], 5) for one in broken
    ]
    since = house.connection.execute(
        "SELECT (extract(epoch FROM min(checked_at)) * 1000000)::bigint FROM self_check"
    ).fetchone()
    assert since is not None
    assert {one.found.since for one in found} == {since[0]}
    check(house, [])
    assert shown(house, "2026-02-01", "LAW_BROKEN") == []


def check(house: House, breaches: list[dict[str, Any]]) -> None:
    live = house.live()
    house.connection.execute(
        "INSERT INTO self_check (generation, position, at, breaches) VALUES (%s, %s, '2026-02-01', %s)",
        (live.id, live.position, Jsonb(breaches)),
    )


def test_a_claim_shows_until_it_is_voided(house: House) -> None:
    claim = e.invoiced("2026-01-20", "I-1", e.line("S", "40.00"), due="2030-01-01", by=e.CRM)
    tell(house, *BOOKED, claim)
    assert codes(house, "2026-01-20") == {"SOR_VIOLATION"}
    (found,) = shown(house, "2026-01-20")
    assert (found.found.object, found.found.detail) == (
        "invoice/I-1", "said by crm; system of record: erp, billing",
    )  # fmt: skip
    tell(house, amendment("voided", "2026-01-22", claim, by=e.ERP))
    assert codes(house, "2026-01-20") == set()


def test_an_amendment_by_a_role_that_may_not_says_so(house: House) -> None:
    order = e.accepted("2026-01-05", LINE)
    tell(house, e.won("2026-01-05", LINE), order, amendment("voided", "2026-01-22", order, by=e.CRM))
    (found,) = shown(house, "2026-01-22", "SOR_VIOLATION")
    assert found.found.object == "correction/X-1"
    assert found.found.detail.startswith("said by crm; only the system of record of its target")


def test_a_policy_that_cannot_be_read_says_why(house: House) -> None:
    policy = r.policy("2026-01-02", "7", {"proration": "weekly"}) | {"actor": "ann"}
    tell(house, e.won("2026-01-05", LINE), policy)
    (found,) = shown(house, "2026-01-05", "POLICY_UNREADABLE")
    assert found.found.object == "house@7"
    assert found.found.detail == "proration: Invalid enum value - at `$.proration`"
    (told,) = unreadable.unreadable(house.connection, house.live(), house.head())
    assert (told.name, told.reason, told.actor) == ("house@7", found.found.detail, "ann")
    tell(house, r.void("2026-01-06", policy, by=r.LEDGER))
    assert unreadable.unreadable(house.connection, house.live(), house.head()) == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"proratoin": "monthly"}, "there is no setting 'proratoin'; known: booking_trigger"),
        ({"time_zone": "Mars/Base"}, "time_zone: it is not known"),
        ({"pivot_currency": "EUX"}, "pivot_currency: it is not known"),
        ({"sla_hours": {"WON_NO_ORDER": "a day"}}, "sla_hours: Expected `int`, got `str`"),
        ({"recognition_tolerance": "-1"}, "recognition_tolerance must be a decimal"),
    ],
)
def test_the_reason_names_the_setting_and_not_its_value(settings: dict[str, Any], says: str) -> None:
    told = r.policy("2026-01-02", "7", settings)
    milestone = parse_event(told)
    assert isinstance(milestone, m.PolicyActivated)
    assert unreadable.reason(milestone).startswith(says)


def test_a_reference_to_nothing_shows_until_it_comes(house: House) -> None:
    tell(house, *BOOKED, e.voided("2026-01-20", "I-1"))
    assert codes(house, "2026-01-20") == {"PREDECESSOR_MISSING"}
    tell(house, e.invoiced("2026-01-19", "I-1", e.line("S", "40.00", of="SO-1/1"), due="2030-01-01"))
    assert codes(house, "2026-01-20") == set()


def test_an_amount_beyond_its_currency_shows_until_it_is_corrected(house: House) -> None:
    delivery = e.delivered("2026-01-20", "F-1", ("SO-1/1", {"net": "1.005"}))
    goods = e.line("G", "100.00", recognition="on_fulfilment")
    tell(house, e.won("2026-01-05", goods), e.accepted("2026-01-05", goods), delivery)
    assert codes(house, "2026-01-20") == {"AMOUNT_PRECISION"}
    mended = e.delivered("2026-01-20", "F-1", ("SO-1/1", {"net": "1.00"}))
    tell(house, amendment("corrected", "2026-01-21", delivery, replacement=mended))
    assert codes(house, "2026-01-20") == set()


def test_a_milestone_on_which_a_rule_fails_shows_until_the_rule_is_mended(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("a defect")

    rules: dict[Any, Any] = fold._rules
    with monkeypatch.context() as patched:
        patched.setitem(rules, m.OpportunityWon, broken)
        tell(house, BOOKED[0])
        assert codes(house, "2026-01-06") == {"FOLD_FAILED"}
    rebuild(house.conninfo, house.schema, workers=1)
    assert codes(house, "2026-01-06") == {"WON_NO_ORDER"}


def test_a_quarantined_message_is_settled_by_the_mended_one_under_its_id(house: House) -> None:
    mended = e.won("2026-02-02", LINE)
    quarantine(house, of=mended)
    tell(house, e.accepted("2026-02-02", LINE))
    assert "QUARANTINED" in codes(house, "2026-02-02")
    unmended = house.head()
    tell(house, mended)
    assert codes(house, "2026-02-02") == set()
    assert "QUARANTINED" in codes(house, "2026-02-02", known=unmended)
    # a broken redelivery of what is on record is a matter of its own
    quarantine(house, b"broken again", of=mended, received_at=time.time_ns() // 1_000)
    assert codes(house, "2026-02-02") == {"QUARANTINED"}


# ---- handling


def test_who_handles_an_exception_is_shown_and_the_last_word_counts(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE))
    (found,) = shown(house, "2026-02-06")
    assert found.handling.status == "open"
    tell(house, handled("acknowledged", "2026-02-06", found.id, "ann", note="asking"))
    (seen,) = shown(house, "2026-02-06")
    assert seen.handling[:4] == ("acknowledged", "ann", None, "asking")
    tell(house, handled("assigned", "2026-02-07", found.id, "ann", note="to ben: please order"))
    (given,) = shown(house, "2026-02-06")
    assert given.handling[:4] == ("assigned", "ann", "ben", "please order")
    tell(house, handled("assigned", "2026-02-06", found.id, "cid", time="10:00:00"))
    assert shown(house, "2026-02-06")[0].handling.assignee == "ben", "said later, about earlier"
    tell(house, handled("assigned", "2026-02-08", found.id, "cid", note="I take it"))
    assert shown(house, "2026-02-06")[0].handling[:4] == ("assigned", "cid", "cid", "I take it")


def test_a_resolved_exception_is_left_out_until_its_cause_changes(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE))
    (found,) = shown(house, "2026-02-06")
    known = house.head()
    tell(house, handled("resolved", "2026-02-06", found.id, "ann", note="a test of the CRM"))
    assert shown(house, "2026-02-06") == []
    assert [one.id for one in shown(house, "2026-02-06", statuses=("resolved",))] == [found.id]
    assert [one.id for one in shown(house, "2026-02-06", known=known)] == [found.id]
    tell(house, e.lost("2026-02-07"), e.won("2026-02-10", LINE))
    (again,) = shown(house, "2026-02-12")
    assert again.id != found.id


def test_only_the_ledger_itself_handles_exceptions(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE))
    (found,) = shown(house, "2026-02-06")
    stranger = handled("resolved", "2026-02-06", found.id, "ann")
    stranger["source"] = f"/{e.ERP}"
    tell(house, stranger)
    assert codes(house, "2026-02-06") == {"WON_NO_ORDER", "SOR_VIOLATION"}


# ---- the question


def test_filters_leave_out_what_was_not_asked_for(house: House) -> None:
    tell(
        house,
        e.won("2026-02-02", LINE, dimensions={"customer": "C-1", "entity": "DE"}),
        e.won("2026-02-02", LINE, number="O-2", currency="USD", dimensions={"customer": "C-2"}),
        e.accepted("2026-02-02", LINE, order="SO-3", deal="O-3"),
    )
    quarantine(house)

    def some(**asked: Any) -> list[tuple[str, str]]:
        found = shown(house, "2026-02-06", **asked)
        return [(one.found.code, (one.deal or "").rpartition(":")[2]) for one in found]

    everything = some()
    assert len(everything) == 4
    assert some(codes=("ORPHAN_ORDER",)) == [("ORPHAN_ORDER", "O-3")]
    assert some(owners=("integration",)) == [("QUARANTINED", "")]
    assert some(filters={"customer": "C-1"}) == [("WON_NO_ORDER", "O-1")]
    assert some(filters={"customer": "C-1", "entity": "FR"}) == []
    assert some(filters={"customer": ""}) == [("ORPHAN_ORDER", "O-3")]
    assert some(currency="USD") == [("WON_NO_ORDER", "O-2")]
    assert some(deals=(1,)) == [("WON_NO_ORDER", "O-1")]


def test_a_merged_customer_is_shown_under_the_surviving_one(house: House) -> None:
    merge = e.event(
        "customer.merged", "2026-02-04", "customer/C-1", by="mdm/reltio/acme", deal=None, customer="C-1",
        into="C-2",
    )  # fmt: skip
    tell(house, e.won("2026-02-02", LINE, dimensions={"customer": "C-1"}), merge)
    for asked in ("C-1", "C-2"):
        (found,) = shown(house, "2026-02-06", filters={"customer": asked})
        assert found.customer == "C-2"


def test_an_sla_is_that_of_the_policy_in_force(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE), e.won("2026-02-06", LINE, number="O-2"))
    slower = Version("slas", "1", 20_491, {"sla_hours": {"WON_NO_ORDER": 24 * 7}})
    live = house.live()._replace(policies=Policies([slower]))
    house.connection.execute(
        "UPDATE generation SET policies = %s WHERE id = %s", (live.policies.to_json(), live.id)
    )
    assert date(1970, 1, 1).toordinal() + 20_491 == date(2026, 2, 7).toordinal()
    assert len(shown(house, "2026-02-06")) == 1
    assert len(shown(house, "2026-02-07")) == 0
    assert len(shown(house, "2026-02-09")) == 1
    assert len(shown(house, "2026-02-13")) == 2


def test_a_rebuild_shows_the_same(house: House) -> None:
    tell(house, e.won("2026-02-02", LINE), e.accepted("2026-02-03", e.line("S", "90.00")))
    tell(house, e.invoiced("2026-02-04", "I-1", e.line("S", "95.00", of="SO-1/1")))
    before = shown(house, "2026-02-09")
    assert {one.found.code for one in before} == {"AMOUNT_MISMATCH", "OVERBILLED", "PAST_DUE"}
    rebuild(house.conninfo, house.schema, workers=1)
    assert shown(house, "2026-02-09") == before


def test_every_code_is_derived_and_described_once() -> None:
    assert {code for code, _ in DERIVED} == set(BY_CODE)
    assert set(SIGNALLED) <= set(BY_CODE)
    assert len(ALL) == len(BY_CODE)
    assert {code.owner for code in ALL} <= set(OWNERS)
    assert all(code.action.endswith(".") and code.action[0].isupper() for code in ALL)


def test_the_page_about_exceptions_says_what_the_code_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "exceptions.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `") and line.count("|") == 8]
    assert rows == [
        f"| `{code.code}` | {code.means} | {_sla(code.code)} | {code.at_risk} | {code.owner} | {code.action}"
        f" | {code.heals} |"
        for code in ALL
    ]


def _sla(code: str) -> str:
    hours = DEFAULT_SETTINGS.hours(code)
    if code == "WON_NO_ORDER":
        short = DEFAULT_SETTINGS.quarter_end_hours
        return f"{hours} h; {short} h in the last three days of a quarter"
    return f"{hours} h" if hours else "at once"
