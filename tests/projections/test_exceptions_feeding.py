"""About sources: totals that differ, silence, missing numbers: how each rises, what heals it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.policies import DEFAULT_SETTINGS, Policies, PolicyRefused, Version, merged
from projections.completeness import register
from projections.rebuild import rebuild
from tests.projections import events as e
from tests.projections.events import Event
from tests.projections.excepted import amendment, codes, shown, tell
from tests.projections.served import House

JANUARY = ("2026-01-01", "2026-01-31")
LATER = "2026-03-01"


def invoice(number: str, on: str = "2026-01-10", net: str = "100.00", **rest: Any) -> Event:
    return e.invoiced(on, number, e.line("S", net, tax="20.00"), due="2030-01-01", **rest)


def total(
    count: int,
    amount: str | None = None,
    ids: list[str] | None = None,
    *,
    object_: str = "invoice",
    on: str = "2026-02-02",
    span: tuple[str, str] = JANUARY,
    currency: str | None = "EUR",
    by: str = e.ERP,
    **rest: Any,
) -> Event:
    return e.event(
        "control_total.reported", on, f"total/{object_}", by=by, deal=None, object=object_, from_=span[0],
        to=span[1], count=count, amount=amount, currency=currency, ids=ids, **rest,
    )  # fmt: skip


def breaks(house: House, at: str = LATER, **asked: Any) -> list[tuple[str, int | None, str]]:
    """(object, amount at risk, detail) of the breaks of a day."""
    found = shown(house, at, "CONTROL_TOTAL_BREAK", **asked)
    return [(one.found.object, one.found.amount, one.found.detail) for one in found]


def test_a_total_that_the_ledger_agrees_with_is_no_exception(house: House) -> None:
    tell(house, invoice("I-1"), invoice("I-2", net="50.00"), total(2, "190.00", ["I-1", "I-2"]))
    assert breaks(house) == []


def test_a_missing_object_is_a_break_until_it_comes(house: House) -> None:
    tell(house, invoice("I-1"), total(2, "190.00", ["I-1", "I-2"]))
    assert breaks(house, "2026-02-01") == [], "it had not been said"
    (found,) = breaks(house)
    assert found == (
        "/erp/netsuite/acme invoice 2026-01-01/2026-01-31 EUR",
        7_000,
        "count 1 here, 2 there; amount 120.00 here, 190.00 there; missing here: I-2",
    )
    (one,) = shown(house, LATER, "CONTROL_TOTAL_BREAK")
    assert (one.deal, one.found.facts, one.found.currency) == (None, (2,), "EUR")
    known = tell(house, invoice("I-3", "2026-02-01"))
    assert len(breaks(house)) == 1, "February is another span"
    tell(house, invoice("I-2", net="50.00"))
    assert breaks(house) == []
    assert len(breaks(house, known=known)) == 1, "as it was known before"


def test_an_object_that_the_source_does_not_know_is_a_break_until_it_is_voided(house: House) -> None:
    wrong = invoice("I-9")
    tell(house, invoice("I-1"), wrong, total(1, "120.00", ["I-1"]))
    ((_, amount, detail),) = breaks(house)
    assert amount == 12_000
    assert detail.endswith("unknown there: I-9")
    tell(house, amendment("voided", "2026-02-05", wrong))
    assert breaks(house) == []


def test_another_amount_is_a_break_until_it_is_corrected(house: House) -> None:
    wrong = invoice("I-1", net="90.00")
    tell(house, wrong, total(1, "120.00", ["invoice/I-1"]))
    assert breaks(house)[0][1:] == (1_000, "amount 110.00 here, 120.00 there")
    tell(house, amendment("corrected", "2026-02-05", wrong, replacement=invoice("I-1")))
    assert breaks(house) == []


def test_a_correction_that_moves_an_object_into_the_span_counts(house: House) -> None:
    wrong = invoice("I-1", "2026-07-10")
    tell(house, wrong, total(1, "120.00"))
    assert len(breaks(house)) == 1
    tell(house, amendment("corrected", "2026-02-05", wrong, replacement=invoice("I-1")))
    assert breaks(house) == []


def test_the_last_total_of_a_span_holds_whichever_came_first(house: House) -> None:
    late, early = total(1, "120.00", on="2026-02-09"), total(5, on="2026-02-03")
    tell(house, invoice("I-1"), late, early)
    assert breaks(house) == []
    assert len(breaks(house, "2026-02-05")) == 1, "the later one had not been said"


def test_a_total_that_was_said_wrongly_is_voided_or_corrected(house: House) -> None:
    wrong = total(5)
    tell(house, invoice("I-1"), wrong)
    assert len(breaks(house)) == 1
    tell(house, amendment("corrected", "2026-02-05", wrong, replacement=total(1, "120.00")))
    assert breaks(house) == []


def test_totals_in_several_currencies_stand_beside_each_other(house: House) -> None:
    tell(house, invoice("I-1"), invoice("I-2", currency="USD"))
    tell(house, total(1, "120.00"), total(1, "120.00", currency="USD"), total(2, currency=None))
    assert breaks(house) == []
    tell(house, total(2, "240.00", on="2026-02-03", currency=None))
    assert breaks(house) == [], "no amount can be told of two currencies"


def test_a_snapshot_counts_as_it_now_stands_and_a_voided_invoice_is_worth_nothing(house: House) -> None:
    line = e.line("S", "100.00")
    tell(house, e.accepted("2026-01-05", line), e.order_changed("2026-02-07", e.line("S", "140.00")))
    tell(house, invoice("I-1"), e.voided("2026-02-01", "I-1"))
    tell(house, total(1, "140.00", ["SO-1"], object_="order"), total(1, "0.00", ["I-1"]))
    assert breaks(house) == []


def test_a_document_delivered_twice_counts_once(house: House) -> None:
    tell(house, invoice("I-1"), invoice("I-1", net="500.00"), total(1, "120.00", ["I-1"]))
    assert breaks(house) == []


def test_a_total_speaks_of_its_own_source_alone(house: House) -> None:
    tell(house, invoice("I-1"), invoice("I-2", by="erp/netsuite/other"), total(1, "120.00", ["I-1"]))
    assert breaks(house) == []


def test_an_object_without_a_stated_day_is_on_its_day_in_the_time_zone_of_the_policy(house: House) -> None:
    late = invoice("I-1", "2026-01-31", time="23:30:00")
    del late["data"]["effective_on"]
    tell(house, late, total(0), total(1, span=("2026-02-01", "2026-02-28")))
    assert len(breaks(house)) == 2
    adopt(house, {"time_zone": "Europe/Berlin"})
    assert breaks(house) == []


def test_a_long_list_of_ids_is_cut_and_counted(house: House) -> None:
    tell(house, total(12, ids=[f"I-{n:02}" for n in range(12)]))
    assert breaks(house)[0][2].endswith(
        "missing here: I-00, I-01, I-02, I-03, I-04, I-05, I-06, I-07, I-08, I-09 and 2 more"
    )


def test_the_order_of_arrival_does_not_matter(house: House) -> None:
    tell(house, total(2, "190.00", ["I-1", "I-2"]), invoice("I-2", net="50.00"), invoice("I-1"))
    assert breaks(house) == []


def test_a_break_is_about_no_deal_and_left_out_where_one_is_asked_for(house: House) -> None:
    tell(house, invoice("I-1"), total(3))
    assert codes(house, LATER, deals=(1,)).isdisjoint({"CONTROL_TOTAL_BREAK"})


def test_a_rebuild_and_the_register_anew_show_the_same(house: House) -> None:
    tell(house, invoice("I-1"), total(3, "1.00"))
    before = breaks(house)
    rebuild(house.conninfo, house.schema, workers=1)
    assert breaks(house) == before
    assert register.position(house.connection) == house.head()


# ---- silence


def adopt(house: House, settings: dict[str, Any]) -> None:
    """Put settings in force in the live generation, without a rebuild."""
    told = Policies([Version("tests", "1", 0, settings)])
    house.connection.execute("UPDATE generation SET policies = %s WHERE state = 'live'", (told.to_json(),))


def days_from_now(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def silent(house: House, at: str, **asked: Any) -> list[str]:
    return [one.found.object for one in shown(house, at, "FEED_SILENT", **asked)]


def test_silence_is_no_exception_unless_somebody_expects_something(house: House) -> None:
    tell(house, invoice("I-1"))
    assert silent(house, days_from_now(300)) == []


@pytest.mark.parametrize("name", ["/erp/netsuite/acme", "netsuite/acme"])
def test_a_source_that_says_nothing_for_too_long_is_an_exception_until_it_speaks(
    house: House, name: str
) -> None:
    tell(house, invoice("I-1"))
    adopt(house, {"feed_silence_hours": {name: 48}})
    assert silent(house, days_from_now(1)) == []
    assert silent(house, days_from_now(4)) == [name]
    (found,) = shown(house, days_from_now(4), "FEED_SILENT")
    assert (found.found.facts, found.found.detail) == (
        (1,),
        "silent since it was last heard; expected every 2 d",
    )
    assert found.age > 86_400
    assert silent(house, "2020-01-01") == [], "it had not been heard of then"


def test_every_source_may_be_expected_to_speak(house: House) -> None:
    tell(house, invoice("I-1"), e.opened("2026-01-05", e.line("S", "1.00")))
    adopt(house, {"feed_silence_hours": {"*": 24, "salesforce/acme": 2_400}})
    assert silent(house, days_from_now(10)) == ["/erp/netsuite/acme"]


def test_a_feed_is_silent_when_none_of_its_sources_speaks(house: House) -> None:
    tell(house, invoice("I-1", by="billing/stripe/acme"))
    expect(house, "stripe-acme", ["stripe/acme"], every=3_600)
    expect(house, "new", ["new/acme"], every=86_400)
    assert sorted(silent(house, days_from_now(2))) == ["new", "stripe-acme"]
    expect(house, "stripe-acme", ["stripe/acme"], every=None)
    assert silent(house, days_from_now(2)) == ["new"]


def expect(house: House, feed: str, speaks: list[str], **expected: Any) -> None:
    house.connection.execute(
        "INSERT INTO feed_expectation (feed, speaks, every, dense) VALUES (%s, %s, %s, %s)",
        (feed, speaks, expected.get("every"), expected.get("dense")),
    )


# ---- sequences


def numbered(number: str, sequence: str | None, on: str = "2026-01-10") -> Event:
    return invoice(number, on, sequence=sequence)


def gaps(house: House, **asked: Any) -> list[tuple[str, str, tuple[int, ...]]]:
    found = shown(house, LATER, "SEQUENCE_GAP", **asked)
    return [(one.found.object, one.found.detail, one.found.facts) for one in found]


def test_a_missing_number_is_an_exception_until_it_comes(house: House) -> None:
    tell(house, *(numbered(f"I-{n}", str(n)) for n in (7, 8, 10, 14)), numbered("I-x", None))
    assert gaps(house) == [], "nobody has said that its numbers are dense"
    adopt(house, {"dense_sequences": {"/erp/netsuite/acme": "source"}})
    assert gaps(house) == [("/erp/netsuite/acme", "4 missing: 9, 11 to 13", (3, 4))]
    known = house.head()
    tell(house, *(numbered(f"I-{n}", str(n)) for n in (12, 9)))
    assert gaps(house) == [("/erp/netsuite/acme", "2 missing: 11, 13", (6, 4))]
    tell(house, *(numbered(f"I-{n}", str(n)) for n in (13, 11)))
    assert gaps(house) == []
    assert len(gaps(house, known=known)) == 1


def test_the_versions_of_a_subject_may_be_dense(house: House) -> None:
    changes = [
        e.order_changed(f"2026-01-0{n}", e.line("S", f"{n}0.00"), order=order, sequence=str(n))
        for order, n in (("SO-1", 1), ("SO-1", 2), ("SO-2", 3), ("SO-2", 5))
    ]
    tell(house, *changes)
    expect(house, "netsuite", ["/erp/netsuite/acme"], dense="subject")
    assert gaps(house) == [("/erp/netsuite/acme order/SO-2", "1 missing: 4", (4,))]


def test_numbers_beyond_64_bits_and_words_are_no_series(house: House) -> None:
    tell(house, numbered("I-1", "1"), numbered("I-2", str(2**70)), numbered("I-3", "v3"))
    adopt(house, {"dense_sequences": {"netsuite/acme": "source"}})
    assert gaps(house) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"feed_silence_hours": {"/erp": 3}},
        {"feed_silence_hours": {"netsuite/acme": -1}},
        {"dense_sequences": {"*": "source"}},
        {"dense_sequences": {"netsuite/acme": "sparse"}},
    ],
)
def test_what_can_not_be_expected_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(PolicyRefused):
        merged(DEFAULT_SETTINGS, settings)
