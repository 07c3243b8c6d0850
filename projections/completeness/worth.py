"""What a milestone says that its object is worth: the amount by which control totals compare documents.

Belongs here: which field of each type is the amount, gross. Does not belong here: what is posted for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final, NamedTuple

from domain import milestones as m
from domain.money import AmountRefused, parse_minor


class Worth(NamedTuple):
    """An amount in minor units of a currency; both None where the milestone states none."""

    currency: str | None = None
    amount: int | None = None


NOTHING: Final = Worth()
#: Lines of these kinds are worth nothing in opportunities and orders (contract.md section 1).
_WORTH_NOTHING: Final = frozenset({"usage", "optional"})

_ORDERS: Final = (m.OrderAccepted, m.OrderChanged, m.ContractAmended, m.ContractRenewed)
_WINS: Final = (m.OpportunityOpened, m.OpportunityChanged, m.OpportunityWon)
_BILLS: Final = (m.InvoicePosted, m.CreditMemoPosted, m.UsageRated)
_QUOTES: Final = (m.QuoteApproved, m.QuoteAccepted, m.QuoteRejected)
_ADDED: Final = (m.PaymentReceived, m.PaymentApplied, m.ReceivableWrittenOff, m.RevenueRecognised)
_TAKEN: Final = (m.PaymentUnapplied, m.ReceivableRecovered, m.RevenueReversed)
_STATED: Final = (m.PaymentReversed, m.PaymentRefunded, m.DisputeOpened)


def _topics(*kinds: type[m.Milestone]) -> frozenset[str]:
    return frozenset(str(kind.__struct_config__.tag) for kind in kinds)


#: Types that make the document that a subject is: its day and its amount are theirs.
DOCUMENTS: Final = _topics(*_ORDERS, *_WINS, *_BILLS, *_QUOTES, m.PaymentReceived)
#: Of those, the ones that are the document as it now stands; of the others the first counts.
SNAPSHOTS: Final = _topics(*_WINS, *_QUOTES, m.OrderChanged)
#: Types after which the document is worth nothing.
ENDS: Final = _topics(m.InvoiceVoided)


def worth(milestone: m.Milestone) -> Worth:
    """The amount that a milestone states, gross."""
    if isinstance(milestone, _WINS):
        net = _sum(milestone.lines, value=True) if milestone.lines else milestone.amount
        return Worth(milestone.currency, net)
    if isinstance(milestone, _ORDERS):
        return Worth(milestone.currency, _sum(milestone.lines, value=True))
    if isinstance(milestone, _BILLS):
        return Worth(milestone.currency, _sum(milestone.lines))
    if isinstance(milestone, _QUOTES):
        has_amount = milestone.currency is not None and milestone.lines
        return Worth(milestone.currency, _sum(milestone.lines)) if has_amount else NOTHING
    if isinstance(milestone, _ADDED):
        return Worth(milestone.currency, milestone.amount)
    if isinstance(milestone, _TAKEN):
        return Worth(milestone.currency, -milestone.amount)
    if isinstance(milestone, _STATED):
        return _stated(milestone.currency, milestone.amount)
    return NOTHING


def _sum(lines: Iterable[m.Line], *, value: bool = False) -> int:
    """Net and tax of lines; value: without those that are worth nothing in opportunities and orders."""
    return sum(line.net + line.tax for line in lines if not (value and line.kind in _WORTH_NOTHING))


def _stated(currency: str | None, amount: str | None) -> Worth:
    if currency is not None and amount is not None:
        with suppress(AmountRefused):  # finer than its currency: it posts nothing either
            return Worth(currency, parse_minor(amount, currency))
    return NOTHING
