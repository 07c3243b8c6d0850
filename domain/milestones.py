"""The milestone catalogue: what can happen to a deal, as the ledger stores it (contract.md section 3).

Each milestone is a frozen msgspec struct, encoded as a MessagePack array that begins with its stored
name. Names and the order of fields are promises: a new field goes last, with a default; any other
change is a new version with an upcaster (domain/stored.py). Golden bytes in the tests hold them.

Import milestones from here; their shapes stand in domain/catalogue.
"""

from __future__ import annotations

from typing import TypeAlias

from domain.catalogue.base import (
    AMENDMENT_KINDS,
    BY_TIME,
    CLASSES,
    CREDIT_REASONS,
    DIMENSIONS,
    KINDS,
    PROBABILITY_DECIMALS,
    QUANTITY_DECIMALS,
    RATE_KINDS,
    RECOGNITIONS,
    REJECTIONS,
    RENEWAL_KINDS,
    ROLES,
    Amount,
    Applied,
    Billing,
    Currency,
    Day,
    DealLines,
    DocumentAmount,
    Json,
    Line,
    Lines,
    Milestone,
    Number,
    OrderLineRef,
    Performed,
    Probability,
    Quantity,
    Reads,
    Target,
    Text,
)
from domain.catalogue.billing import (
    CreditMemoApplied,
    CreditMemoPosted,
    DisputeOpened,
    DisputeResolved,
    InvoiceDueDateChanged,
    InvoicePosted,
    InvoiceVoided,
    PaymentApplied,
    PaymentReceived,
    PaymentRefunded,
    PaymentReversed,
    PaymentUnapplied,
    PromiseMade,
    ReceivableRecovered,
    ReceivableWrittenOff,
    RevenueRecognised,
    RevenueReversed,
    UsageRated,
)
from domain.catalogue.ledger import (
    ACTOR_KINDS,
    AuditRecorded,
    ControlTotalReported,
    DealsLinked,
    DealSplit,
    ExceptionAcknowledged,
    ExceptionAssigned,
    ExceptionResolved,
    FxRateFixed,
    MilestoneCorrected,
    MilestoneVoided,
    PeriodClosed,
    PeriodReopened,
    PolicyActivated,
)
from domain.catalogue.ordering import (
    ContractAmended,
    ContractChurned,
    ContractExpired,
    ContractRenewed,
    CreditHeld,
    CreditReleased,
    FulfilmentConfirmed,
    FulfilmentReturned,
    NonRenewalNotified,
    OrderAccepted,
    OrderCancelled,
    OrderChanged,
    OrderLineCancelled,
    OrderRejected,
    OrderSubmitted,
    ServiceActivated,
)
from domain.catalogue.selling import (
    CustomerApproved,
    CustomerMerged,
    CustomerRejected,
    LeadQualified,
    Opportunity,
    OpportunityChanged,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
    ProductMapped,
    QuoteAccepted,
    QuoteApproved,
    QuoteRejected,
)

#: Every milestone of the catalogue; in the order of contract.md section 3.
#: A fold that leaves one out does not type-check.
AnyMilestone: TypeAlias = (
    LeadQualified
    | OpportunityOpened
    | OpportunityChanged
    | OpportunityWon
    | OpportunityLost
    | OpportunityReopened
    | QuoteApproved
    | QuoteAccepted
    | QuoteRejected
    | CustomerApproved
    | CustomerRejected
    | CustomerMerged
    | ProductMapped
    | CreditHeld
    | CreditReleased
    | OrderSubmitted
    | OrderRejected
    | OrderAccepted
    | OrderChanged
    | ContractAmended
    | ContractRenewed
    | OrderLineCancelled
    | OrderCancelled
    | FulfilmentConfirmed
    | FulfilmentReturned
    | ServiceActivated
    | UsageRated
    | InvoicePosted
    | InvoiceVoided
    | InvoiceDueDateChanged
    | CreditMemoPosted
    | CreditMemoApplied
    | PaymentReceived
    | PaymentApplied
    | PaymentUnapplied
    | PaymentReversed
    | PaymentRefunded
    | DisputeOpened
    | DisputeResolved
    | PromiseMade
    | ReceivableWrittenOff
    | ReceivableRecovered
    | RevenueRecognised
    | RevenueReversed
    | NonRenewalNotified
    | ContractExpired
    | ContractChurned
    | MilestoneCorrected
    | MilestoneVoided
    | DealsLinked
    | DealSplit
    | PeriodClosed
    | PeriodReopened
    | FxRateFixed
    | PolicyActivated
    | ExceptionAcknowledged
    | ExceptionAssigned
    | ExceptionResolved
    | ControlTotalReported
)
#: What the ledger records of itself. Nothing folds it and no sender may send it: it belongs to no deal and
#: decides no figure.
OwnMilestone: TypeAlias = AuditRecorded
#: Milestones that name a payment.
AnyPayment: TypeAlias = (
    PaymentReceived | PaymentApplied | PaymentUnapplied | PaymentReversed | PaymentRefunded
)

__all__ = [
    "ACTOR_KINDS",
    "AMENDMENT_KINDS",
    "BY_TIME",
    "CLASSES",
    "CREDIT_REASONS",
    "DIMENSIONS",
    "KINDS",
    "PROBABILITY_DECIMALS",
    "QUANTITY_DECIMALS",
    "RATE_KINDS",
    "RECOGNITIONS",
    "REJECTIONS",
    "RENEWAL_KINDS",
    "ROLES",
    "Amount",
    "AnyMilestone",
    "AnyPayment",
    "Applied",
    "AuditRecorded",
    "Billing",
    "ContractAmended",
    "ContractChurned",
    "ContractExpired",
    "ContractRenewed",
    "ControlTotalReported",
    "CreditHeld",
    "CreditMemoApplied",
    "CreditMemoPosted",
    "CreditReleased",
    "Currency",
    "CustomerApproved",
    "CustomerMerged",
    "CustomerRejected",
    "Day",
    "DealLines",
    "DealSplit",
    "DealsLinked",
    "DisputeOpened",
    "DisputeResolved",
    "DocumentAmount",
    "ExceptionAcknowledged",
    "ExceptionAssigned",
    "ExceptionResolved",
    "FulfilmentConfirmed",
    "FulfilmentReturned",
    "FxRateFixed",
    "InvoiceDueDateChanged",
    "InvoicePosted",
    "InvoiceVoided",
    "Json",
    "LeadQualified",
    "Line",
    "Lines",
    "Milestone",
    "MilestoneCorrected",
    "MilestoneVoided",
    "NonRenewalNotified",
    "Number",
    "Opportunity",
    "OpportunityChanged",
    "OpportunityLost",
    "OpportunityOpened",
    "OpportunityReopened",
    "OpportunityWon",
    "OrderAccepted",
    "OrderCancelled",
    "OrderChanged",
    "OrderLineCancelled",
    "OrderLineRef",
    "OrderRejected",
    "OrderSubmitted",
    "OwnMilestone",
    "PaymentApplied",
    "PaymentReceived",
    "PaymentRefunded",
    "PaymentReversed",
    "PaymentUnapplied",
    "Performed",
    "PeriodClosed",
    "PeriodReopened",
    "PolicyActivated",
    "Probability",
    "ProductMapped",
    "PromiseMade",
    "Quantity",
    "QuoteAccepted",
    "QuoteApproved",
    "QuoteRejected",
    "Reads",
    "ReceivableRecovered",
    "ReceivableWrittenOff",
    "RevenueRecognised",
    "RevenueReversed",
    "ServiceActivated",
    "Target",
    "Text",
    "UsageRated",
]
