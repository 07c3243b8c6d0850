"""What the ledger decides when a milestone arrives for a deal, as given / when / then."""

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.contract import SENT
from domain.deal import Conflict, Deal, Duplicate, First, Recorded, evolve, fold, judge, stream_id
from domain.stored import CODEC
from tests.domain.events import event, given, invoice, milestone, order, positions, recorded, when
from tests.domain.samples import SAMPLES


def test_the_first_milestone_of_a_deal_opens_its_stream() -> None:
    decision = when(given(), order(), position=7)
    assert isinstance(decision, Recorded)
    assert (decision.stream, decision.version, decision.position) == (7, 1, 7)


def test_a_second_milestone_goes_on_in_the_stream() -> None:
    decision = when(given(*recorded(order(), start=7)), invoice(), position=9)
    assert isinstance(decision, Recorded)
    assert (decision.stream, decision.version) == (7, 2)


def test_the_same_message_again_is_a_duplicate_of_the_first() -> None:
    deal = given(*recorded(order(), invoice(), start=3))
    assert when(deal, order(), position=9) == Duplicate(3)


def test_the_same_id_with_other_content_is_a_conflict_with_the_first() -> None:
    deal = given(*recorded(order()))
    assert when(deal, order(net="101.00"), position=2) == Conflict(1)


def test_a_conflict_delivered_again_is_a_conflict_again() -> None:
    deal = given(*recorded(order()))
    answers = [when(deal, order(net="101.00"), position=2) for _ in range(2)]
    assert answers == [Conflict(1), Conflict(1)]


def test_another_id_for_the_same_version_of_a_subject_is_a_duplicate() -> None:
    first = order(id_="o1") | {"sequence": "4"}
    again = order(id_="o2") | {"sequence": "4"}
    assert when(given(*recorded(first)), again, position=2) == Duplicate(1)


def test_another_id_for_the_same_version_with_other_content_is_a_conflict() -> None:
    first = order(id_="o1") | {"sequence": 4}
    other = order(id_="o2", net="90.00") | {"sequence": 4}
    assert when(given(*recorded(first)), other, position=2) == Conflict(1)


def test_a_number_and_its_digits_are_the_same_version() -> None:
    first = order(id_="o1") | {"sequence": 4}
    again = order(id_="o2") | {"sequence": "4"}
    assert when(given(*recorded(first)), again, position=2) == Duplicate(1)


def test_another_version_of_the_subject_is_new() -> None:
    first = order(id_="o1") | {"sequence": "4"}
    assert isinstance(
        when(given(*recorded(first)), order(id_="o2") | {"sequence": "5"}, position=2), Recorded
    )


def test_without_a_version_another_id_with_the_same_content_is_new() -> None:
    assert isinstance(when(given(*recorded(order(id_="o1"))), order(id_="o2"), position=2), Recorded)


def test_another_source_may_use_the_same_id() -> None:
    other = order() | {"source": "/erp/sap/acme"}
    assert isinstance(when(given(*recorded(order())), other, position=2), Recorded)


def test_what_is_kept_beside_the_content_makes_no_difference() -> None:
    again = order() | {"traceparent": "00-1-2-3", "correlationid": "c", "datacontenttype": "application/json"}
    assert when(given(*recorded(order())), again, position=2) == Duplicate(1)


def test_an_absent_attribute_and_a_null_one_are_the_same() -> None:
    assert when(given(*recorded(order())), order() | {"sequence": None}, position=2) == Duplicate(1)


@pytest.mark.parametrize("name", sorted(SENT))
def test_deciding_twice_decides_nothing(name: str) -> None:
    deal = given(*recorded(SAMPLES[name]))
    assert when(deal, SAMPLES[name], position=2) == Duplicate(1)


def test_a_deal_knows_the_keys_that_its_milestones_stated() -> None:
    deal = given(*recorded(order(), invoice()))
    assert deal.keys == {"erp/netsuite/acme:order:SO-1", "erp/netsuite/acme:invoice:INV-1"}
    assert deal.id == stream_id(1)


def test_a_gap_in_versions_is_not_folded() -> None:
    first, second = recorded(order(), invoice())
    with pytest.raises(AssertionError, match="no gaps"):
        evolve(evolve(Deal(), second), first)


def test_the_repository_folds_nothing_to_nothing() -> None:
    assert fold(None, []) is None
    assert fold(None, recorded(order())) == given(*recorded(order()))


def test_an_event_names_itself_as_the_event_store_does() -> None:
    (only,) = recorded(order(), start=5)
    assert (only.originator_id, only.originator_version, only.topic) == (stream_id(5), 1, "order.accepted.v1")


_FIRSTS = st.none() | st.builds(
    First, st.integers(1, 9), st.sampled_from([b"a" * 32, b"b" * 32]), st.integers(1, 9)
)


@for_all(_FIRSTS, _FIRSTS, st.sampled_from([b"a" * 32, b"b" * 32]))
def test_the_message_identity_decides_before_the_version(
    by_message: First | None, by_sequence: First | None, digest: bytes
) -> None:
    verdict = judge(by_message, by_sequence, digest)
    first = by_message if by_message is not None else by_sequence
    if first is None:
        assert verdict is None
    else:
        expected = Duplicate if first.digest == digest else Conflict
        assert verdict == expected(first.position)
        assert type(verdict) is expected


@for_all(st.lists(st.integers(0, 3), max_size=12))
def test_whatever_is_repeated_each_message_is_recorded_once(picks: list[int]) -> None:
    made = [event("lead.qualified", "lead/1", str(n), lead="1") for n in range(4)]
    deal = Deal()
    new: list[Recorded] = []
    for pick in picks:
        decision = when(deal, made[pick], position=len(new) + 1)
        if isinstance(decision, Recorded):
            new.append(decision)
            deal = evolve(deal, decision)
        else:
            assert decision == Duplicate(1 + list(dict.fromkeys(picks)).index(pick))
    assert positions(new) == list(range(1, len(set(picks)) + 1))


def test_every_sample_is_stored_and_read_back_as_it_was() -> None:
    for name, made in SAMPLES.items():
        parsed = milestone(made)
        assert CODEC.decode(name, CODEC.encode(parsed)) == parsed
