"""Laws of the fold over random sets of facts: order, append-only history, balance, difference."""

import random
from collections import Counter
from itertools import permutations
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.policies import Policies
from projections.book import Row
from projections.cluster import Cluster, difference
from projections.clusters import Clusters, decode
from projections.fold import fold
from projections.proration import earned
from scripts.campaigning.folding import corrected_equals_replaced, void_equals_absent
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.books import Books, MemoryLog, Posting, books_of, breaches, worth
from tests.projections.events import Event
from tests.projections.strategies import POLICIES, arrivals, stories

# Explaining a failure takes minutes with facts as large as these.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
MANY = settings(max_examples=120, phases=_PHASES)
SOME = settings(max_examples=50, phases=_PHASES)


def net(rows: list[Row]) -> Counter[tuple[Any, ...]]:
    """Postings summed by everything but their amount."""
    found: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        found[row[:5] + row[6:]] += row[5]
    return Counter({key: amount for key, amount in found.items() if amount})


@MANY
@given(stories(), st.data())
def test_any_order_of_arrival_ends_the_same(told: list[Event], data: st.DataObject) -> None:
    order, sizes, restart = data.draw(arrivals(told))
    assert books_of(order, sizes, restart=restart).outcome() == books_of(told).outcome()


@SOME
@given(stories(), st.sampled_from(POLICIES), st.data())
def test_any_order_of_arrival_ends_the_same_under_any_policies(
    told: list[Event], policies: Policies, data: st.DataObject
) -> None:
    order, sizes, restart = data.draw(arrivals(told))
    found = books_of(order, sizes, restart=restart, policies=policies)
    assert found.outcome() == books_of(told, policies=policies).outcome()


@MANY
@given(stories(), st.randoms(use_true_random=False))
def test_a_story_with_a_milestone_voided_is_the_story_without_it(
    told: list[Event], dice: random.Random
) -> None:
    assert void_equals_absent(told, dice) is None


@MANY
@given(stories(), st.randoms(use_true_random=False))
def test_a_story_with_a_milestone_corrected_is_the_story_with_its_replacement(
    told: list[Event], dice: random.Random
) -> None:
    assert corrected_equals_replaced(told, dice) is None


@SOME
@given(stories(most=10))
def test_what_was_known_is_what_a_ledger_says_that_has_only_come_so_far(told: list[Event]) -> None:
    books = books_of(told)
    for position in range(1, len(told) + 1):
        assert books.known(position).outcome() == books_of(told[:position]).outcome()


@SOME
@given(stories())
def test_what_was_known_at_a_position_never_changes(told: list[Event]) -> None:
    log = MemoryLog()
    log.record(*told)
    whole = Books(log.project(), log.ids)
    resumed = Books(log.project([1] * len(log.rows), restart=True), log.ids)
    for known in range(1, len(log.rows) + 1):
        rows = [posting.row for posting in whole.postings if posting.position <= known]
        assert net(rows) == net([p.row for p in resumed.postings if p.position <= known])
        clusters = Clusters(log.read)
        clusters.learn(edge for edge in log.edges if edge.position <= known)
        clusters.prepare([row[1] for row in log.rows if row[0] <= known], known)
        folded = [row for cluster in clusters._clusters.values() for row in cluster.book.rows]
        assert net(rows) == net(folded), "the journal up to a position is the fold of the facts up to it"


@SOME
@given(stories(), st.data())
def test_the_laws_hold_after_every_fact_on_any_day(told: list[Event], data: st.DataObject) -> None:
    books = books_of(told)
    days = books.days()
    if not days:
        return
    for known in range(1, len(told) + 1):
        postings = [posting for posting in books.postings if posting.position <= known]
        for day in data.draw(st.lists(st.sampled_from(days), min_size=1, max_size=6, unique=True)):
            assert breaches(postings, day) == []
    for day in days:
        assert breaches(books.postings, day) == []


@SOME
@given(stories(most=10), stories(most=10))
def test_a_difference_applied_to_a_journal_gives_the_other(one: list[Event], other: list[Event]) -> None:
    before = [posting.row for posting in books_of(one).postings]
    after = [posting.row for posting in books_of(other).postings]
    assert net(before + difference(before, after)) == net(after)
    assert difference(after, after) == []
    for row in difference(before, after):
        assert row[5] != 0


@SOME
@given(stories())
def test_folding_twice_folds_the_same(told: list[Event]) -> None:
    log = MemoryLog()
    log.record(*told)
    facts = sorted(map(decode, log.rows))
    once, twice = fold(facts, {}, set()), fold(facts, {}, set())
    assert once.rows == twice.rows
    restored = Cluster.restore(facts, [1], {})
    assert restored.refold(99).rows == []


@settings(max_examples=300)
@given(
    st.integers(-(10**15), 10**15),
    st.integers(-400, 400),
    st.integers(0, 3000),
    st.integers(-500, 500),
)
def test_earning_is_monotone_and_ends_exactly_on_the_amount(
    amount: int, start: int, length: int, late: int
) -> None:
    end, effective = start + length, max(start, start + late)
    row = (1, 1, 51, 53, "EUR", amount, 0, effective, start, end, 0, "", "", "", 0)
    sign = 1 if amount >= 0 else -1
    before = 0
    days = sorted({start - 1, start, start + 1, start + length // 3, end - 1, end, effective, end + 900})
    for day in days:
        value = earned(amount, effective, start, end, day)
        assert value == worth(row, day) == -earned(-amount, effective, start, end, day)
        assert sign * value >= sign * before, "nothing that is earned is given back"
        assert abs(value) <= abs(amount)
        before = value
    assert earned(amount, effective, start, end, max(end, effective)) == amount
    assert earned(amount, effective, start, end, min(start, effective) - 1) == 0


def test_every_order_of_a_deal_of_seven_milestones_ends_the_same() -> None:
    term = ("2024-01-01", "2024-12-31")
    bill = e.line("S", "600.00", of="SO-1/1", tax="120.00")
    told = [
        e.opened("2023-11-01", e.line("S", "1000.00", *term), probability="0.4", sequence="1"),
        e.won("2023-12-01", e.line("S", "1000.00", *term), sequence="2"),
        e.accepted("2023-12-05", e.line("S", "990.00", *term), dimensions={"customer": "C-1"}),
        e.invoiced("2024-01-01", "I-1", bill, due="2024-01-31"),
        e.received("2024-02-02", "P-1", "700.00", deal="O-1"),
        e.applied("2024-02-03", "P-1", "I-1", "700.00", discount="20.00", dimensions={"customer": "C-2"}),
        e.cancelled("2024-06-30"),
    ]
    log = MemoryLog()
    log.record(*told)
    milestones = [decode(row) for row in log.rows]
    assert {fact.stream for fact in milestones} == {1}
    expected = None
    for order in permutations(milestones):
        cluster = Cluster([1])
        ids = {}
        found: Counter[tuple[Any, ...]] = Counter()
        for position, fact in enumerate(order, 1):
            ids[position] = fact.milestone.id
            for row in cluster.apply(fact._replace(position=position)).rows:
                found[row[0], ids[row[1]], *row[2:5], *row[6:]] += row[5]
        ended = {key: amount for key, amount in found.items() if amount}
        expected = ended if expected is None else expected
        assert ended == expected
    assert expected, "a deal leaves postings"


def test_every_order_of_seven_milestones_with_a_correction_a_void_and_a_link_ends_the_same() -> None:
    order = e.accepted("2024-01-02", e.line("A", "90.00"), deal=None, dimensions={"customer": "C-1"})
    invoice = e.invoiced(
        "2024-01-10", "I-1", e.line("A", "60.00", of="SO-1/1"), deal=None, keys=(r.order_key(),)
    )
    credit = e.written_off("2024-01-20", "I-1", "5.00", deal=None, keys=(r.invoice_key(),))
    told = [
        e.won("2024-01-01", e.line("A", "100.00")),
        order,
        invoice,
        credit,
        r.corrected("2024-02-01", order, r.instead(order, lines=[e.line("A", "100.00")])),
        r.void("2024-02-02", credit),
        r.linked("2024-02-03", r.opportunity_key(), r.order_key()),
    ]
    expected = books_of(told)
    assert expected.claims("2024-03-01") == {"receivable": "60.00", "unbilled": "40.00"}
    assert expected.found() == []
    outcome = expected.outcome()
    log = MemoryLog()
    log.record(*told)
    assert len(log.rows) == 7
    for arrival in permutations(told):
        assert books_of(arrival).outcome() == outcome


def test_every_order_of_a_split_and_what_links_again_ends_the_same() -> None:
    split = r.split("2024-02-01", r.order_key())
    told = [
        e.won("2024-01-01", e.line("A", "100.00")),
        e.accepted("2024-01-02", e.line("A", "90.00"), deal=None),
        r.linked("2024-01-20", r.opportunity_key(), r.order_key()),
        split,
        r.linked("2024-03-01", r.opportunity_key(), r.order_key(), number="2"),
        r.void("2024-03-02", split),
    ]
    expected = books_of(told).outcome()
    for arrival in permutations(told):
        assert books_of(arrival, (2,), restart=True).outcome() == expected


def test_every_order_of_a_payment_over_two_deals_ends_the_same() -> None:
    told = [
        e.invoiced("2024-01-01", "I-1", e.line("A", "100.00"), deal="O-1"),
        e.invoiced("2024-01-02", "I-2", e.line("B", "50.00"), deal="O-2"),
        e.received("2024-01-10", "P-1", "150.00"),
        e.applied("2024-01-11", "P-1", "I-1", "100.00", deal="O-1"),
        e.applied("2024-01-11", "P-1", "I-2", "50.00", deal="O-2"),
        e.reversed_("2024-02-01", "P-1", "60.00"),
    ]
    expected = books_of(told).outcome()
    for order in permutations(told):
        assert books_of(order, (2,), restart=True).outcome() == expected


def test_every_order_of_two_deals_found_to_be_one_ends_the_same() -> None:
    told = [
        e.won("2024-01-01", e.line("A", "100.00")),
        e.accepted("2024-01-02", e.line("A", "90.00"), deal=None),
        e.invoiced("2024-01-03", "I-1", e.line("A", "90.00", of="SO-1/1"), deal=None),
        e.event(
            "deals.linked",
            "2024-01-04",
            "link/1",
            by="mdm/reltio/acme",
            keys=(f"{e.ERP}:order:SO-1", f"{e.ERP}:invoice:I-1"),
        ),
        e.applied("2024-01-05", "P-1", "I-1", "90.00", deal=None, keys=(f"{e.ERP}:invoice:I-1",)),
        e.received("2024-01-05", "P-1", "90.00"),
    ]
    expected = books_of(told).outcome()
    for order in permutations(told):
        assert books_of(order, (2,), restart=True).outcome() == expected


def test_every_order_of_a_dispute_that_names_only_a_payment_ends_the_same() -> None:
    payment_alone = (f"{e.ERP}:payment:P-1",)
    claim: dict[str, Any] = {
        "by": e.PSP,
        "deal": None,
        "keys": payment_alone,
        "invoice": "I-1",
        "amount": "5.00",
    }
    told = [
        e.invoiced("2024-01-01", "I-1", e.line("A", "100.00")),
        e.received("2024-01-10", "P-1", "100.00", deal="O-1"),
        e.event("dispute.opened", "2024-02-01", "payment/P-1", **claim),
    ]
    expected = books_of(told).outcome()
    for arrival in permutations(told):
        assert books_of(arrival).outcome() == expected


def test_a_breach_is_seen() -> None:
    """The check itself: a posting made by hand that no rule would make."""
    books = books_of([e.won("2024-01-01", amount="100.00")])
    rows = books.postings
    assert breaches(rows, 20_000) == []
    row = (1, 1, 13, 12, "EUR", 500, 0, 0, 0, 0, 0, "", "", "", 0)
    assert [text[:3] for text in breaches([*rows, Posting(2, row)], 20_000)] == ["(b)"]
