"""Reading many quarantined messages again, in batches, after something was mended.

Belongs here: which are read together, and what became of them. Does not belong here: reading one (`intake`),
which entries there are (adapters/postgres/quarantine.py).

Each entry is written in a transaction of its own group, whatever becomes of the others; what is settled is
not open any more. So a replay that broke off is started again as it was.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from adapters.intake import Intake, IntakeFull, MappingUnknown
from domain.arrivals import Outcome

#: Bytes of messages that are made ready before the first are waited for.
AHEAD_BYTES = 8 * 2**20


@dataclass
class Replay:
    """What became of some entries.

    entries: how many were read. outcomes: of entries, each by the first of these that one of its milestones
    came to: quarantined, waiting, recorded, conflict, duplicate, ignored; or `unreadable` where its mapping
    is not to be had. reasons: codes of those that are quarantined still. milestones: recorded.
    """

    entries: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    milestones: int = 0

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Add an entry that came to these."""
        names = {outcome.outcome for outcome in outcomes}
        self.entries += 1
        self.outcomes[next(name for name in _PRECEDENCE if name in names)] += 1
        self.milestones += sum(outcome.outcome == "recorded" for outcome in outcomes)
        if "quarantined" in names:
            self.reasons[outcomes[0].reasons[0].code] += 1


_PRECEDENCE = ("quarantined", "waiting", "recorded", "conflict", "duplicate", "ignored")


def replay(intake: Intake, numbers: Sequence[int], total: Replay) -> Replay:
    """Read entries again and add what became of them to `total`, which is returned.

    Raises QuarantineUnknown; IntakeFull where others keep the queue full;
    eventsourcing.persistence.PersistenceError where the log can't be written.
    """
    under_way: list[Future[list[Outcome]]] = []
    ahead = 0
    for number in numbers:
        try:
            items = intake.prepare_again(number)
        except MappingUnknown:
            total.entries += 1
            total.outcomes["unreadable"] += 1
            continue
        try:
            under_way.append(intake.submit(items))
        except IntakeFull:
            _settle(under_way, total)
            under_way.append(intake.submit(items))
        ahead += len(items[0].accepted.body)
        if ahead > AHEAD_BYTES:
            _settle(under_way, total)
            ahead = 0
    _settle(under_way, total)
    return total


def _settle(under_way: "list[Future[list[Outcome]]]", total: Replay) -> None:
    for answer in under_way:
        total.count(answer.result())
    under_way.clear()
