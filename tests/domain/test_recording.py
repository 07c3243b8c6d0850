"""A batch decided in order: items earlier in it count, whatever becomes of their neighbours."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.arrivals import Accepted, Outcome, Prepared, arrival_of, refused
from domain.canonical import content_digest
from domain.contract import parse_event
from domain.placement import Forest
from domain.recording import Batch, Known, asked
from domain.refusals import Reason
from domain.stored import CODEC
from tests.domain.events import Event, applied, event, invoice, order, received


def prepared(made: Event) -> Prepared:
    milestone = parse_event(made)
    arrival = arrival_of(milestone, content_digest(made), CODEC.encode(milestone))
    body = repr(sorted(made.items())).encode()
    accepted = Accepted(milestone.source, 0, body, content_digest(made))
    return Prepared(accepted, arrival, (), milestone.source, milestone.id, milestone.name)


def broken(text: bytes = b"{") -> Prepared:
    accepted = Accepted("", 0, text, text.ljust(32, b" "))
    return refused(accepted, [Reason("not_json", "", "x")])


class Log:
    """What the tables would hold, in memory: the same Known is read, decided with, and kept."""

    def __init__(self) -> None:
        self.known = Known(0, 0, 0, 0, 0, {}, {}, Forest(), {}, {})
        self.kept: set[tuple[bytes, bytes]] = set()
        self.events: list[Any] = []
        self.batches: list[Batch] = []

    def record(self, *items: Event | Prepared, size: int = 64) -> list[Outcome]:
        batch = Batch([item if isinstance(item, Prepared) else prepared(item) for item in items], self.known)
        self.batches.append(batch)
        for events in batch.decide(size, self.kept):
            self.events += events
        return batch.outcomes


def said(outcomes: list[Outcome]) -> list[tuple[str, int | None]]:
    return [(outcome.outcome, outcome.position) for outcome in outcomes]


def test_items_earlier_in_the_batch_count() -> None:
    outcomes = Log().record(order(), order(), order(net="1.00"), invoice())
    assert said(outcomes) == [("recorded", 1), ("duplicate", 1), ("conflict", 1), ("recorded", 2)]


def test_a_bad_item_takes_no_position_and_sinks_nobody() -> None:
    outcomes = Log().record(broken(), order(), broken(b"["), invoice())
    assert said(outcomes) == [("quarantined", None), ("recorded", 1), ("quarantined", None), ("recorded", 2)]
    assert [outcome.quarantine for outcome in outcomes] == [1, None, 2, None]


def test_every_recorded_item_has_its_bytes_and_a_duplicate_has_none() -> None:
    log = Log()
    log.record(order(), order(), invoice(), broken())
    assert [number for number, _ in log.batches[0].rows.inbox] == [1, 2, 3]
    assert [each.inbox for each in log.events] == [1, 2]


def test_milestones_of_one_record_share_its_bytes() -> None:
    log = Log()
    first, second = prepared(order()), prepared(invoice())
    shared = Prepared(first.accepted, second.arrival, (), second.source, second.event_id, second.type)
    log.record(first, shared)
    assert len(log.batches[0].rows.inbox) == 1
    assert [each.inbox for each in log.events] == [1, 1]


def test_a_conflict_is_kept_once_however_often_it_comes() -> None:
    log = Log()
    log.record(order(), order(net="1.00"), order(net="1.00"), order(net="2.00"))
    log.record(order(net="1.00"))
    assert [len(batch.rows.conflicts) for batch in log.batches] == [2, 0]
    assert [len(batch.rows.inbox) for batch in log.batches] == [3, 0]


def test_the_same_unreadable_bytes_are_held_once() -> None:
    log = Log()
    answers = [log.record(broken(), broken()), log.record(broken())]
    assert [[each.quarantine for each in answer] for answer in answers] == [[1, 1], [1]]
    assert [len(batch.rows.quarantine) for batch in log.batches] == [1, 0]


def test_a_new_stream_is_numbered_by_its_first_position() -> None:
    log = Log()
    log.record(order(), order("SO-2", "o2"), invoice(keys=["erp/netsuite/acme:order:SO-2"]))
    assert [(e.stream, e.version) for e in log.events] == [(1, 1), (2, 1), (2, 2)]


def test_a_milestone_that_joins_two_deals_links_them_at_its_position() -> None:
    log = Log()
    log.record(
        order(),
        order("SO-2", "o2"),
        event("deals.linked", "link/1", "l1", keys=[f"erp/netsuite/acme:order:SO-{n}" for n in (1, 2)]),
        invoice(keys=["erp/netsuite/acme:order:SO-2"]),
    )
    assert log.batches[0].rows.links == [(2, 1, 3)]
    assert [(e.stream, e.version) for e in log.events] == [(1, 1), (2, 1), (1, 2), (1, 3)]


def test_a_payment_across_two_deals_is_a_crossing_and_joins_nothing() -> None:
    log = Log()
    log.record(received(), invoice(), applied())
    assert log.batches[0].rows.crossings == [(2, 1, 3)]
    assert log.batches[0].rows.links == []
    assert [each.stream for each in log.events] == [1, 2, 2]


def test_a_correction_goes_to_its_target_and_leads_nobody() -> None:
    voided = event(
        "milestone.voided", "correction/K-1", "k1",
        target={"source": "/erp/netsuite/acme", "id": "o1"}, reason="typo",
        keys=["erp/netsuite/acme:order:SO-9"],
    )  # fmt: skip
    log = Log()
    log.record(invoice(), order(), voided, order("SO-9", "o9"))
    assert [each.stream for each in log.events] == [1, 2, 2, 4]


def test_a_correction_before_its_target_stands_alone() -> None:
    voided = event(
        "milestone.voided",
        "order/SO-1",
        "k1",
        target={"source": "/erp/netsuite/acme", "id": "o1"},
        reason="typo",
    )
    log = Log()
    log.record(voided, order())
    assert [each.stream for each in log.events] == [1, 2]


def test_what_is_asked_of_the_log_is_what_deciding_needs() -> None:
    wanted = asked([prepared(order() | {"sequence": "1"}), broken(), prepared(applied())])
    assert (len(wanted.identities), len(wanted.sequences), len(wanted.quarantined)) == (2, 1, 1)
    assert wanted.keys == {
        "erp/netsuite/acme:order:SO-1", "erp/netsuite/acme:application:P-1-INV-1",
        "erp/netsuite/acme:invoice:INV-1", "erp/netsuite/acme:payment:P-1",
    }  # fmt: skip


_ITEMS = st.lists(
    st.one_of(
        st.builds(
            lambda n, net: order(f"SO-{n}", f"o{n}", net=f"{net}.00"), st.integers(1, 4), st.integers(1, 2)
        ),
        st.builds(
            lambda i, n: invoice(f"INV-{i}", f"i{i}", keys=[f"erp/netsuite/acme:order:SO-{n}"]),
            st.integers(1, 4), st.integers(1, 4),
        ),
        st.builds(lambda n: broken(b"x" * n), st.integers(1, 3)),
    ),
    max_size=14,
)  # fmt: skip


@given(_ITEMS, st.data(), st.sampled_from([1, 2, 64]))
def test_any_split_into_batches_gives_the_same_log_and_outcomes(
    items: list[Event | Prepared], data: st.DataObject, size: int
) -> None:
    whole = Log()
    expected = whole.record(*items)
    split, found, start = Log(), [], 0
    while start < len(items):
        step = data.draw(st.integers(1, len(items) - start))
        found += split.record(*items[start : start + step], size=size)
        start += step
    assert found == expected
    assert split.events == whole.events
    assert [each.position for each in whole.events] == list(range(1, len(whole.events) + 1))
    for table in ("inbox", "keys", "links", "crossings", "sequences"):
        one = [row for batch in whole.batches for row in getattr(batch.rows, table)]
        other = [row for batch in split.batches for row in getattr(batch.rows, table)]
        assert one == other, table
