"""Facts in business order: a stored milestone with its position, and the order in which facts fold.

The order is contract.md section 2, "Order does not matter": effective date, natural order, time, sequence,
source, id. It does not depend on arrival.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from domain import milestones as m

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


def _below_microseconds(time: str) -> str:
    """Decimals of the second from the seventh on, which the instant does not hold."""
    if len(time) < 28 or time[19] != ".":
        return ""
    digits = time[20:]
    end = next((i for i, c in enumerate(digits) if not c.isdigit()), len(digits))
    return digits[6:end].rstrip("0")


def business_key(milestone: m.Milestone) -> BusinessKey:
    """The place of a milestone in the business order of its deal."""
    return (
        milestone.effective,
        _RANK[type(milestone)],
        milestone.instant,
        _below_microseconds(milestone.time),
        sequence_key(milestone.sequence),
        milestone.source,
        milestone.id,
    )


class Fact(NamedTuple):
    """A recorded milestone: where it stands in the log, whose stream it is in, and its business order."""

    key: BusinessKey
    position: int
    stream: int
    milestone: m.AnyMilestone
