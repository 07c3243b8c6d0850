"""Policies: what firms may define differently (accounting.md section 4). Here: the defaults.

Belongs here: which role is the system of record of each milestone. Everything else that a policy may set
is added beside it; a change of any of them is a new rules digest and a rebuild.
"""

from __future__ import annotations

from typing import Final

from domain import milestones as m

#: Name and version of the policy that is in force where none has been activated; stamped on reports.
DEFAULT_POLICY: Final = "default@1"

_CRM: Final = frozenset({"crm"})
_CPQ: Final = frozenset({"cpq"})
_ERP: Final = frozenset({"erp"})
_MDM_ERP: Final = frozenset({"mdm", "erp"})
_ERP_BILLING: Final = frozenset({"erp", "billing"})
_DELIVERY: Final = frozenset({"erp", "wms", "psa"})
_MONEY_IN: Final = frozenset({"erp", "psp", "bank"})
_ERP_PSP: Final = frozenset({"erp", "psp"})
_CRM_ERP: Final = frozenset({"crm", "erp"})
_LEDGER: Final = frozenset({"ledger"})
_ANY: Final = frozenset(m.ROLES)

#: Entitled roles by milestone type; from any other role it is a claim (contract.md section 3).
SYSTEM_OF_RECORD: Final[dict[type[m.Milestone], frozenset[str]]] = {
    m.LeadQualified: _CRM,
    m.OpportunityOpened: _CRM,
    m.OpportunityChanged: _CRM,
    m.OpportunityWon: _CRM,
    m.OpportunityLost: _CRM,
    m.OpportunityReopened: _CRM,
    m.QuoteApproved: _CPQ,
    m.QuoteAccepted: _CPQ,
    m.QuoteRejected: _CPQ,
    m.CustomerApproved: _MDM_ERP,
    m.CustomerRejected: _MDM_ERP,
    m.CustomerMerged: _MDM_ERP,
    m.ProductMapped: frozenset({"mdm", "cpq", "erp"}),
    m.CreditHeld: _ERP,
    m.CreditReleased: _ERP,
    m.OrderSubmitted: _ERP,
    m.OrderRejected: _ERP,
    m.OrderAccepted: _ERP,
    m.OrderChanged: _ERP,
    m.ContractAmended: frozenset({"erp", "cpq"}),
    m.ContractRenewed: _CRM_ERP,
    m.OrderLineCancelled: _ERP,
    m.OrderCancelled: _ERP,
    m.FulfilmentConfirmed: _DELIVERY,
    m.FulfilmentReturned: _DELIVERY,
    m.ServiceActivated: _DELIVERY,
    m.UsageRated: _ERP_BILLING,
    m.InvoicePosted: _ERP_BILLING,
    m.InvoiceVoided: _ERP_BILLING,
    m.InvoiceDueDateChanged: _ERP,
    m.CreditMemoPosted: _ERP_BILLING,
    m.CreditMemoApplied: _ERP_BILLING,
    m.PaymentReceived: _MONEY_IN,
    m.PaymentApplied: _ERP_BILLING,
    m.PaymentUnapplied: _ERP_BILLING,
    m.PaymentReversed: _ERP_PSP,
    m.PaymentRefunded: _ERP_PSP,
    m.DisputeOpened: _ERP_PSP,
    m.DisputeResolved: _ERP_PSP,
    m.PromiseMade: _ERP_PSP,
    m.ReceivableWrittenOff: _ERP,
    m.ReceivableRecovered: _ERP,
    m.RevenueRecognised: _ERP,
    m.RevenueReversed: _ERP,
    m.NonRenewalNotified: _CRM_ERP,
    m.ContractExpired: _CRM_ERP,
    m.ContractChurned: _CRM_ERP,
    m.MilestoneCorrected: _ANY,
    m.MilestoneVoided: _ANY,
    m.DealsLinked: frozenset({"mdm", "crm", "ledger"}),
    m.DealSplit: frozenset({"mdm", "crm", "ledger"}),
    m.PeriodClosed: _LEDGER,
    m.PeriodReopened: _LEDGER,
    m.FxRateFixed: _LEDGER,
    m.PolicyActivated: _LEDGER,
    m.ExceptionAcknowledged: _LEDGER,
    m.ExceptionAssigned: _LEDGER,
    m.ExceptionResolved: _LEDGER,
    m.ControlTotalReported: _ANY,
}


#: Answers kept, by type and source: a firm has a few dozen.
_MOST_ENTITLED: Final = 10_000
_entitled: Final[dict[tuple[type[m.Milestone], str], bool]] = {}


def entitled(fact: m.Milestone) -> bool:
    """Whether the reporting system is the system of record for this milestone."""
    asked = type(fact), fact.source
    found = _entitled.get(asked)
    if found is None:
        if len(_entitled) > _MOST_ENTITLED:
            _entitled.clear()
        found = _entitled[asked] = fact.role in SYSTEM_OF_RECORD[type(fact)]
    return found
