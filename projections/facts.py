"""Facts in business order: a stored milestone with its position, and the order in which facts fold.

The order is contract.md section 2, "Order does not matter": effective date, natural order, time, sequence,
source, id. It does not depend on arrival.
"""

from __future__ import annotations

from bisect import insort
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from msgspec.structs import replace

from domain import milestones as m
from domain.instants import from_date
from domain.policies import Policies

# Natural order: the order of contract.md section 3, all opportunity.* at one place, cancellations and ends
# of contracts after everything that bills, performs or pays on the day.
_NATURAL: Final[tuple[tuple[type[m.Milestone], ...], ...]] = (
    (m.LeadQualified,),
    (
        m.OpportunityOpened,
        m.OpportunityChanged,
        m.OpportunityWon,
        m.OpportunityLost,
        m.OpportunityReopened,
    ),
    (m.QuoteApproved,),
    (m.QuoteAccepted,),
    (m.QuoteRejected,),
    (m.CustomerApproved,),
    (m.CustomerRejected,),
    (m.CustomerMerged,),
    (m.ProductMapped,),
    (m.CreditHeld,),
    (m.CreditReleased,),
    (m.OrderSubmitted,),
    (m.OrderRejected,),
    (m.OrderAccepted,),
    (m.OrderChanged,),
    (m.ContractAmended,),
    (m.ContractRenewed,),
    (m.FulfilmentConfirmed,),
    (m.FulfilmentReturned,),
    (m.ServiceActivated,),
    (m.UsageRated,),
    (m.InvoicePosted,),
    (m.InvoiceVoided,),
    (m.InvoiceDueDateChanged,),
    (m.CreditMemoPosted,),
    (m.CreditMemoApplied,),
    (m.PaymentReceived,),
    (m.PaymentApplied,),
    (m.PaymentUnapplied,),
    (m.PaymentReversed,),
    (m.PaymentRefunded,),
    (m.DisputeOpened,),
    (m.DisputeResolved,),
    (m.PromiseMade,),
    (m.ReceivableWrittenOff,),
    (m.ReceivableRecovered,),
    (m.RevenueRecognised,),
    (m.RevenueReversed,),
    (m.OrderLineCancelled,),
    (m.OrderCancelled,),
    (m.NonRenewalNotified,),
    (m.ContractExpired,),
    (m.ContractChurned,),
    (m.MilestoneCorrected,),
    (m.MilestoneVoided,),
    (m.DealsLinked,),
    (m.DealSplit,),
    (m.PeriodClosed,),
    (m.PeriodReopened,),
    (m.FxRateFixed,),
    (m.PolicyActivated,),
    (m.ExceptionAcknowledged,),
    (m.ExceptionAssigned,),
    (m.ExceptionResolved,),
    (m.ControlTotalReported,),
)
_RANK: Final[dict[type[m.Milestone], int]] = {
    kind: rank for rank, kinds in enumerate(_NATURAL) for kind in kinds
}
#: Natural order by stored name.
RANKS: Final[dict[str, int]] = {str(kind.__struct_config__.tag): rank for kind, rank in _RANK.items()}

SequenceKey = tuple[int, int, str]
BusinessKey = tuple[int, int, int, str, SequenceKey, str, str]

_NO_SEQUENCE: Final[SequenceKey] = (0, 0, "")


def sequence_key(sequence: str | None) -> SequenceKey:
    """None sorts first, then integers by value, then other texts (contract.md section 1)."""
    if sequence is None:
        return _NO_SEQUENCE
    digits = sequence[1:] if sequence[:1] == "-" else sequence
    if digits.isascii() and digits.isdigit() and len(digits) < 1000:
        return (1, int(sequence), "")
    return (2, 0, sequence)


#: Characters of a time that has seven decimals of the second, at least.
_WITH_MORE: Final = 28


def _below_microseconds(time: str) -> str:
    """Decimals of the second from the seventh on, which the instant does not hold."""
    if len(time) < _WITH_MORE or time[19] != ".":
        return ""
    digits = time[20:]
    end = next((i for i, c in enumerate(digits) if not c.isdigit()), len(digits))
    return digits[6:end].rstrip("0")


def business_key(milestone: m.Milestone) -> BusinessKey:
    """The place of a milestone in the business order of its deal."""
    time, sequence = milestone.time, milestone.sequence
    return (
        milestone.effective,
        _RANK[type(milestone)],
        milestone.instant,
        _below_microseconds(time) if len(time) >= _WITH_MORE else "",
        _NO_SEQUENCE if sequence is None else sequence_key(sequence),
        milestone.source,
        milestone.id,
    )


AnyDated = TypeVar("AnyDated", bound=m.Milestone)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def dated(milestone: AnyDated, policies: Policies) -> AnyDated:
    """A milestone with its business date as policy has it (contract.md section 1, `data.effective_on`).

    Where its source gave none, it is the date of `time` in the time zone of the policy that is in force on
    that date in UTC. All others come back as they are.
    """
    if policies.is_one or m.BY_TIME not in milestone.attributes:
        return milestone
    policy = policies.at(milestone.effective)
    if policy.settings.time_zone == "UTC":
        return milestone
    try:
        local = (_EPOCH + timedelta(microseconds=milestone.instant)).astimezone(policy.zone)
    except OverflowError:
        return milestone  # a day before the calendar begins, or after it ends
    return replace(milestone, effective=from_date(local.date()))


class Fact(NamedTuple):
    """A recorded milestone: where it stands in the log, whose stream it is in, and its business order."""

    key: BusinessKey
    position: int
    stream: int
    milestone: m.AnyMilestone


def insert(facts: list[Fact], fact: Fact) -> None:
    """Put a fact in its place among facts in business order."""
    if not facts or facts[-1].key < fact.key:
        facts.append(fact)
    else:
        insort(facts, fact)


def merged(facts: list[Fact], others: list[Fact]) -> list[Fact]:
    """Two lists in business order as one; the first is used up."""
    if len(others) >= len(facts) // 8:
        return sorted(facts + others)
    for fact in others:
        insort(facts, fact)
    return facts
