"""The fold itself: the order of facts, claims, names, dimensions, findings, and rules that fail."""

import logging
from datetime import date
from typing import Any, cast

import pytest

from domain import milestones as m
from domain.contract import SENT, parse_event
from domain.instants import from_date
from domain.policies import SYSTEM_OF_RECORD
from projections import fold
from projections.accounts import NAMES, PLANES, plane_of
from projections.amending import AMENDING
from projections.facts import business_key, sequence_key
from projections.rules import billing
from tests.domain.samples import SAMPLES
from tests.projections import events as e
from tests.projections.books import Books, MemoryLog, books_of, breaches, ledger


def ranks(*told: dict[str, Any]) -> list[str]:
    """The ids of events in business order."""
    return [event["id"] for event in sorted(told, key=lambda event: business_key(parse_event(event)))]


def test_facts_fold_by_effective_date_natural_order_time_sequence_source_and_id() -> None:
    bill = e.line("A", "1.00")
    day = "2024-01-05"
    told = [
        e.accepted("2024-01-04", bill, id_="before", time="23:59:59"),
        e.won(day, bill, id_="won", time="22:00:00"),
        e.accepted(day, bill, id_="accepted", time="21:00:00"),
        e.invoiced(day, "I-1", bill, id_="early", time="01:00:00"),
        e.invoiced(day, "I-2", bill, id_="none"),
        e.invoiced(day, "I-2", bill, id_="two", sequence="2"),
        e.invoiced(day, "I-2", bill, id_="ten", sequence="10"),
        e.invoiced(day, "I-2", bill, id_="text", sequence="1x"),
        e.invoiced(day, "I-2", bill, id_="text-2", sequence="1x"),
        e.received(day, "P-1", "1.00", id_="received", time="00:00:00"),
        e.applied(day, "P-1", "I-1", "1.00", id_="applied", time="00:00:00"),
        e.line_cancelled(day, "1", id_="line", time="00:00:00"),
        e.cancelled(day, id_="cancelled", time="00:00:00"),
        e.ended("expired", day, id_="expired", time="00:00:00"),
    ]
    expected = [event["id"] for event in told]
    assert ranks(*told) == ranks(*reversed(told)) == expected


def test_moments_are_compared_below_the_microsecond_and_across_offsets() -> None:
    def at(time: str, id_: str) -> dict[str, Any]:
        return e.won("2024-01-05", amount="1.00", id_=id_) | {"time": time}

    told = [
        at("2024-01-05T09:00:00.1234561Z", "a"),
        at("2024-01-05T10:00:00.12345610+01:00", "b"),
        at("2024-01-05T09:00:00.1234562Z", "c"),
        at("2024-01-05T08:00:00.2-02:00", "d"),
    ]
    assert ranks(*reversed(told)) == ["a", "b", "c", "d"]


def test_sequences_are_compared_as_numbers_where_they_are() -> None:
    ordered = [None, "-3", "0", "2", "10", "9" * 30, "", "1.5", "a", "é"]
    assert sorted(ordered, key=sequence_key) == ordered


def test_every_milestone_has_a_rule_or_a_reason_to_have_none() -> None:
    structs = {described.struct for described in SENT.values()}
    assert set(SYSTEM_OF_RECORD) == structs
    assert all(SYSTEM_OF_RECORD.values())
    facts = {name: cast("m.AnyMilestone", parse_event(sample)) for name, sample in SAMPLES.items()}
    assert set(facts) == set(SENT)
    for name, fact in facts.items():
        ways = [
            fold.deal_rule(fact) is not None,
            type(fact) in fold.PAYMENT_RULES,
            type(fact) in fold._WHOLE_LEDGER,
            isinstance(fact, AMENDING),
        ]
        assert ways.count(True) == 1, name


def test_every_sample_of_the_catalogue_folds() -> None:
    """One message of every type, of one deal where they have its key: no rule fails, the laws hold."""
    log = MemoryLog()
    log.record(*SAMPLES.values())
    books = Books(log.project(), log.ids)
    assert "FOLD_FAILED" not in books.found()
    for day in books.days():
        assert breaches(books.postings, day) == []


def test_every_account_has_a_name_in_its_plane() -> None:
    assert len(set(NAMES.values())) == len(NAMES)
    assert {plane_of(number) for number in NAMES} == {name for name, _ in PLANES}


def test_a_claim_posts_nothing_and_is_found() -> None:
    claim = e.invoiced("2024-01-05", "I-1", e.line("A", "100.00")) | {"source": "/crm/salesforce/acme"}
    books = ledger(claim, e.accepted("2024-01-01", e.line("A", "100.00")))
    assert books.claims("2024-12-31") == {"unbilled": "100.00", "won_unordered": "-100.00"}
    assert books.found() == ["SOR_VIOLATION"]


def test_a_deal_is_called_by_its_smallest_key_of_the_first_kind() -> None:
    told = [
        e.invoiced("2024-01-05", "I-1", e.line("A", "1.00"), deal=None, keys=(f"{e.ERP}:order:SO-1",)),
        e.accepted("2024-01-06", e.line("A", "1.00"), deal=None, keys=(f"{e.CRM}:quote:Q-1",)),
        e.won("2024-01-07", amount="1.00", number="O-2", deal=None, keys=(f"{e.CRM}:quote:Q-1",)),
        e.won("2024-01-08", amount="1.00", number="O-1", deal="O-2"),
    ]
    log = MemoryLog()
    names = []
    for event in told:
        log.record(event)
        books = Books(log.project(), log.ids)
        names.append(books.names[1])
    assert [name.partition(":")[2] for name in names] == [
        "order:SO-1",
        "quote:Q-1",
        "opportunity:O-2",
        "opportunity:O-1",
    ]


def test_a_dimension_has_one_value_at_a_date_the_last_in_business_order() -> None:
    def said(on: str, time: str, customer: str) -> dict[str, Any]:
        return e.won(on, amount="1.00", dimensions={"customer": customer}, time=time, sequence=None)

    books = ledger(
        said("2024-01-05", "09:00:00", "C-2"),
        said("2024-01-05", "10:00:00", "C-1"),
        said("2024-01-01", "09:00:00", "C-1"),
        said("2024-01-09", "09:00:00", "C-3"),
        said("2024-01-09", "08:00:00", "C-4"),
    )
    values = {
        day: value for (_, name, day), value in books.dimensions.items() if name == "customer" and value
    }
    first = from_date(date(2024, 1, 1))
    by_day: dict[int, str] = {}
    for day in range(first, first + 12):
        known = [at for at in values if at <= day]
        by_day[day - first + 1] = values[max(known)] if known else ""
    assert [by_day[day] for day in (1, 4, 5, 8, 9, 12)] == ["C-1", "C-1", "C-1", "C-1", "C-3", "C-3"]


def test_a_fact_that_a_rule_fails_on_is_left_out_and_all_others_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posted = billing.posted

    def fragile(deal: Any, fact: Any) -> None:
        posted(deal, fact)
        if fact.invoice == "I-BAD":
            raise RuntimeError("half of it is posted already")

    monkeypatch.setattr(billing, "posted", fragile)
    monkeypatch.setattr(fold, "_rules", {})
    logging.getLogger("projections.fold").setLevel(logging.CRITICAL)
    try:
        for bad in ("2024-01-05", "2024-01-10"):  # in the middle of the business order, and last
            books = ledger(
                e.accepted("2024-01-01", e.line("A", "100.00")),
                e.invoiced(bad, "I-BAD", e.line("A", "60.00", of="SO-1/1")),
                e.invoiced("2024-01-06", "I-1", e.line("A", "40.00", of="SO-1/1")),
            )
            assert books.claims("2024-12-31") == {
                "receivable": "40.00",
                "unbilled": "60.00",
                "won_unordered": "-100.00",
            }
            assert books.found() == ["FOLD_FAILED"]
    finally:
        logging.getLogger("projections.fold").setLevel(logging.NOTSET)


def test_a_fact_that_folds_once_more_is_known_counts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a rule fails hangs on the facts that are there, never on the order in which they came."""
    posted = billing.posted

    def needs_an_order(deal: Any, fact: Any) -> None:
        if not deal.orders:
            raise RuntimeError("there is no order")
        posted(deal, fact)

    monkeypatch.setattr(billing, "posted", needs_an_order)
    monkeypatch.setattr(fold, "_rules", {})
    logging.getLogger("projections.fold").setLevel(logging.CRITICAL)
    try:
        books = books_of(
            [
                e.invoiced("2024-01-06", "I-1", e.line("A", "40.00", of="SO-1/1")),
                e.accepted("2024-01-01", e.line("A", "100.00")),
            ]
        )
    finally:
        logging.getLogger("projections.fold").setLevel(logging.NOTSET)
    assert books.claims("2024-12-31")["receivable"] == "40.00"
    assert books.found() == []


def test_a_deal_that_becomes_part_of_another_leaves_nothing_under_its_own_number() -> None:
    told = [
        e.won("2024-01-01", e.line("A", "100.00"), dimensions={"customer": "C-1"}),
        e.accepted("2024-01-02", e.line("A", "100.00"), deal=None, dimensions={"customer": "C-2"}),
        e.accepted("2024-01-03", e.line("A", "5.00"), order="SO-1"),
    ]
    log = MemoryLog()
    log.record(*told)
    books = Books(log.project(), log.ids)
    assert [books.names[number] for number in (1, 2)] == [f"{e.CRM}:opportunity:O-1", ""]
    held: dict[int, int] = {}
    for _, row in books.postings:
        held[row[0]] = held.get(row[0], 0) + (row[5] if row[3] == 15 else 0)
    assert held == {1: 10000, 2: 0}
    assert {key[0] for key, value in books.dimensions.items() if value} == {1}
    # as known before the third fact they were two
    before = [posting.row for posting in books.postings if posting.position < 3]
    assert {row[0] for row in before} == {1, 2}
    assert books.found() == ["DUPLICATE_BUSINESS_KEY"]
