"""Late facts in large deals and payouts: the same journal as a whole fold, for work that doesn't explode."""

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from projections import fold
from projections.cluster import Change
from projections.clusters import Clusters
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.books import MemoryLog
from tests.projections.events import Event
from tests.projections.payouts import story

_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)

State = tuple[Any, ...]


def summed(entries: Iterable[tuple[tuple[Any, ...], int]]) -> Counter[tuple[Any, ...]]:
    """Amounts or signs by all else; zeros left out."""
    found: Counter[tuple[Any, ...]] = Counter()
    for entry, amount in entries:
        found[entry] += amount
    return Counter({entry: amount for entry, amount in found.items() if amount})


def told_so_far(changes: Iterable[Change]) -> State:
    """What changes one after another come to: postings, signals, notices, names, dimensions, places."""
    changes = list(changes)
    names, dimensions, places = dict[int, str](), dict[Any, Any](), dict[Any, int]()
    for change in changes:
        names.update(change.names)
        dimensions.update({entry[:3]: entry[3] for entry in change.dimensions})
        places.update(change.places)
    return (
        summed((row[:5] + row[6:], row[5]) for change in changes for row in change.rows),
        summed((said[:-1], said[-1]) for change in changes for said in change.signals),
        summed((said[:-1], said[-1]) for change in changes for said in change.notices),
        {deal: name for deal, name in names.items() if name},
        {entry: value for entry, value in dimensions.items() if value is not None},
        {what: deal for what, deal in places.items() if deal},
    )


def folded_whole(log: MemoryLog, known: int) -> State:
    """The same of clusters that are folded anew from all facts up to a position."""
    clusters = Clusters(log.read)
    clusters.learn(edge for edge in log.edges if edge.position <= known)
    clusters.prepare([row[1] for row in log.rows if row[0] <= known], known)
    found = list(clusters._clusters.values())
    names, dimensions, places = dict[int, str](), dict[Any, Any](), dict[Any, int]()
    for cluster in found:
        names |= {deal: name for deal, name in cluster.names.items() if name}
        dimensions |= cluster.dimensions
        places |= cluster.places
    return (
        summed((row[:5] + row[6:], row[5]) for cluster in found for row in cluster.book.rows),
        summed((said[:-1], said[-1]) for cluster in found for said in cluster.book.signals),
        summed((said[:-1], said[-1]) for cluster in found for said in cluster.book.notices),
        names,
        dimensions,
        places,
    )


@settings(max_examples=60, deadline=None, phases=_PHASES)
@given(st.integers(0, 2**32), st.sampled_from((8, 14, 30)), st.booleans())
def test_after_every_late_fact_the_journal_is_the_fold_of_all_that_is_known(
    seed: int, size: int, revised: bool
) -> None:
    log = MemoryLog()
    log.record(*story(random.Random(seed), size, revised=revised))
    changes = list(log.project())
    for known in range(1, len(log.rows) + 1):
        assert told_so_far(changes[:known]) == folded_whole(log, known), f"at {known} of story {seed}"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A fact's position for every time that its rule is applied."""
    applied: list[int] = []
    step = fold.step

    def counted(book: Any, fact: Any) -> Any:
        applied.append(fact.position)
        return step(book, fact)

    monkeypatch.setattr(fold, "step", counted)
    return applied


def projected(steps: list[int], before: list[Event], then: list[Event]) -> int:
    """How many times rules are applied to take in some facts after others."""
    log = MemoryLog()
    log.record(*before, *then)
    assert len(log.rows) == len(before) + len(then)
    changes = log.project()
    for _ in before:
        next(changes)
    steps.clear()
    list(changes)
    return len(steps)


def usage(count: int, **rest: Any) -> list[Event]:
    """Usage of one deal, in business order."""
    return [
        e.rated(f"2024-03-{n // 60 + 1:02}", f"U-{n}", e.line("S", "1.00"), time=f"09:00:{n % 60:02}", **rest)
        for n in range(count)
    ]


def deal_of_payout(number: int) -> dict[str, Any]:
    return {"deal": f"O-{number}"}


def payout(count: int) -> list[Event]:
    """Invoices of as many deals, and one sum for them all that is applied in no order."""
    invoices = [
        e.invoiced("2024-03-05", f"I-{n}", e.line("S", "9.00"), **deal_of_payout(n)) for n in range(count)
    ]
    cash = e.received("2024-03-06", "P-1", f"{9 * count}.00", deal=None)
    return [*invoices, cash]


def applications(count: int) -> list[Event]:
    """The payout put against its invoices, in no order."""
    found = [
        e.applied("2024-03-07", "P-1", f"I-{n}", "9.00", time=f"09:00:{n * 7 % 60:02}", **deal_of_payout(n))
        for n in range(count)
    ]
    random.Random(count).shuffle(found)
    return found


def late_orders(*numbers: int) -> list[Event]:
    """Orders of deals in a payout, dated before everything else."""
    return [
        e.accepted("2024-03-01", e.line("S", "20.00"), order=f"SO-{n}", **deal_of_payout(n)) for n in numbers
    ]


def promises(*numbers: int) -> list[Event]:
    """Facts of deals in a payout that come last."""
    return [
        e.event(
            "promise.made",
            "2024-04-01",
            f"invoice/I-{n}",
            invoice=f"I-{n}",
            on_="2024-05-01",
            **deal_of_payout(n),
        )
        for n in numbers
    ]


def test_usage_that_comes_in_reverse_is_taken_in_fact_by_fact(steps: list[int]) -> None:
    for said in ({}, {"dimensions": {"customer": "C-1"}}):
        few, many = (projected(steps, [], usage(count, **said)[::-1]) for count in (100, 200))
        assert many < 3 * few
        assert many == 200


def test_a_payout_applied_in_no_order_is_taken_in_fact_by_fact(steps: list[int]) -> None:
    few, many = (projected(steps, payout(count), applications(count)) for count in (100, 200))
    assert many < 3 * few
    assert many == 200


def test_a_payout_applied_ahead_of_its_invoices_folds_deal_by_deal(steps: list[int]) -> None:
    few, many = (
        projected(steps, [cash], [*applications(count), *invoices])
        for count in (100, 200)
        for *invoices, cash in (payout(count),)
    )
    assert many < 3 * few
    assert many == 200 + 2 * 200, "an application is one step, an invoice folds the two facts of its deal"


@pytest.mark.parametrize("revised", ["as it is", "a fact is voided", "a deal is split"])
def test_a_late_fact_in_a_payout_folds_its_own_deal_alone(steps: list[int], revised: str) -> None:
    work = []
    for count in (60, 120):
        before = [*payout(count), *applications(count), *late_orders(0)]
        if revised == "a fact is voided":
            before.append(r.void("2024-04-02", before[5]))
        if revised == "a deal is split":
            before.append(r.split("2024-04-02", r.order_key("SO-0")))
        work.append(projected(steps, before, late_orders(*range(10, 20))))
    few, many = work
    assert many == few <= 100


def test_after_a_split_what_comes_last_is_one_step(steps: list[int]) -> None:
    for count in (60, 120):
        split = r.split("2024-03-20", r.order_key("SO-0"))
        before = [*payout(count), *applications(count), *late_orders(0), split]
        assert projected(steps, before, promises(*range(20))) == 20


def test_a_payout_that_was_reversed_in_part_is_folded_whole(steps: list[int]) -> None:
    """A reversal takes from the latest applications: which those are is a matter of all deals."""
    back = e.reversed_("2024-03-08", "P-1", "20.00")
    before = [*payout(20), *applications(20), back]
    assert projected(steps, before, late_orders(3)) == 20 + 1 + 20 + 1 + 1


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of code are run, and passes of loops: work that doesn't depend on the machine."""
    found, before = 0, sys.gettrace()

    def trace(_frame: Any, what: str, _arg: Any) -> Any:
        nonlocal found
        found += what == "line"
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return found


def lines_of_many_products(count: int) -> list[Event]:
    lines = [e.line(f"S-{n}", "9.00", number=str(n)) for n in range(count)]
    ordered = [e.line(f"S-{n}", "9.00", number=str(n), recognition="on_invoice") for n in range(count)]
    return [
        e.accepted("2024-03-01", *ordered),
        e.invoiced("2024-03-02", "I-2", *lines),
        e.invoiced("2024-02-02", "I-1", *lines),
        e.voided("2024-03-03", "I-1"),
        e.amended("2024-03-04", *lines),
        e.won("2024-02-01", *lines),
        e.won("2024-03-05", *lines, number="O-2", deal="O-1"),
    ]


def test_work_for_an_order_of_many_products_billed_ahead_grows_with_its_lines() -> None:
    work = []
    for count in (100, 200):
        log = MemoryLog()
        log.record(*lines_of_many_products(count))
        assert len(log.rows) == 7
        work.append(lines_run(lambda log=log: list(log.project())))  # type: ignore[misc]
    few, many = work
    assert many < 3 * few
