"""The chart of accounts (accounting.md section 2): four planes, each balanced by construction.

A posting is a transfer of an amount from one account to another of the same plane, so every plane sums to
zero at every date and position. Numbers are stored in the journal: they are promises within a generation.
"""

from __future__ import annotations

from typing import Final

# claims: where the value of a deal sits between the forecast and the bank
SOURCE_PIPELINE: Final = 10
PIPELINE: Final = 11
LOST: Final = 12
WON_UNORDERED: Final = 13
DEBOOKED: Final = 14
UNBILLED: Final = 15
CANCELLED: Final = 16
SOURCE_USAGE: Final = 17
SOURCE_TAX: Final = 18
RECEIVABLE: Final = 19
OPEN_CREDIT: Final = 20
CASH: Final = 21
DISCOUNT: Final = 22
WITHHELD: Final = 23
WRITTEN_OFF: Final = 24
#: Between two due dates of one invoice; always zero.
REDATED: Final = 25
CREDITED_CONCESSION: Final = 26
CREDITED_RETURN: Final = 27
CREDITED_CANCELLATION: Final = 28
VARIANCE_PRICE: Final = 30
VARIANCE_QUANTITY: Final = 31
VARIANCE_TERM: Final = 32
VARIANCE_SCOPE: Final = 33
VARIANCE_UNSPECIFIED: Final = 34
VARIANCE_AMENDMENT: Final = 35
VARIANCE_RENEWAL: Final = 36

# party: a customer's cash
SOURCE_BANK: Final = 40
UNAPPLIED: Final = 41
APPLIED: Final = 42

# performance: what has been promised and done
SOURCE_OBLIGATION: Final = 50
UNPERFORMED: Final = 51
#: Unperformed of lines that are earned by delivery or activation; part of `unperformed` in every view.
UNFULFILLED: Final = 52
RECOGNISED: Final = 53
PERFORMANCE_CANCELLED: Final = 54
CONCESSION: Final = 55

# run-rate: currency a year
SOURCE_NEW: Final = 60
SOURCE_EXPANSION: Final = 61
SOURCE_REACTIVATION: Final = 62
CONTRACTED: Final = 63
LIVE: Final = 64
CONTRACTION: Final = 65
CHURN: Final = 66

# memorandum: what stands beside the planes
SOURCE_WEIGHTED: Final = 70
WEIGHTED: Final = 71
SOURCE_DISPUTED: Final = 72
DISPUTED: Final = 73
#: Planned invoices of order lines that state a billing plan, each on its day.
SOURCE_SCHEDULED: Final = 74
SCHEDULED: Final = 75

VARIANCES: Final = (
    VARIANCE_PRICE,
    VARIANCE_QUANTITY,
    VARIANCE_TERM,
    VARIANCE_SCOPE,
    VARIANCE_UNSPECIFIED,
    VARIANCE_AMENDMENT,
    VARIANCE_RENEWAL,
)

NAMES: Final[dict[int, str]] = {
    SOURCE_PIPELINE: "source.pipeline",
    PIPELINE: "pipeline",
    LOST: "lost",
    WON_UNORDERED: "won_unordered",
    DEBOOKED: "debooked",
    UNBILLED: "unbilled",
    CANCELLED: "cancelled",
    SOURCE_USAGE: "source.usage",
    SOURCE_TAX: "source.tax",
    RECEIVABLE: "receivable",
    OPEN_CREDIT: "open_credit",
    CASH: "cash",
    DISCOUNT: "discount",
    WITHHELD: "withheld",
    WRITTEN_OFF: "written_off",
    REDATED: "redated",
    CREDITED_CONCESSION: "credited.concession",
    CREDITED_RETURN: "credited.return",
    CREDITED_CANCELLATION: "credited.cancellation",
    VARIANCE_PRICE: "variance.price",
    VARIANCE_QUANTITY: "variance.quantity",
    VARIANCE_TERM: "variance.term",
    VARIANCE_SCOPE: "variance.scope",
    VARIANCE_UNSPECIFIED: "variance.unspecified",
    VARIANCE_AMENDMENT: "variance.amendment_not_in_crm",
    VARIANCE_RENEWAL: "variance.renewal_not_in_crm",
    SOURCE_BANK: "source.bank",
    UNAPPLIED: "unapplied",
    APPLIED: "applied",
    SOURCE_OBLIGATION: "source.obligation",
    UNPERFORMED: "unperformed",
    UNFULFILLED: "unfulfilled",
    RECOGNISED: "recognised",
    PERFORMANCE_CANCELLED: "performance_cancelled",
    CONCESSION: "concession",
    SOURCE_NEW: "source.new",
    SOURCE_EXPANSION: "source.expansion",
    SOURCE_REACTIVATION: "source.reactivation",
    CONTRACTED: "contracted",
    LIVE: "live",
    CONTRACTION: "contraction",
    CHURN: "churn",
    SOURCE_WEIGHTED: "source.weighted",
    WEIGHTED: "weighted",
    SOURCE_DISPUTED: "source.disputed",
    DISPUTED: "disputed",
    SOURCE_SCHEDULED: "source.scheduled",
    SCHEDULED: "scheduled",
}

#: First account number of each plane; a transfer never leaves its plane.
PLANES: Final = (("claims", 10), ("party", 40), ("performance", 50), ("run_rate", 60), ("memorandum", 70))

# Classes of bookings and run-rate movements, as stored in the journal.
NO_CLASS: Final = 0
CLASS_NUMBERS: Final[dict[str, int]] = {
    "": NO_CLASS,
    "new": 1,
    "expansion": 2,
    "contraction": 3,
    "churn": 4,
    "renewal": 5,
    "reactivation": 6,
}


def plane_of(account: int) -> str:
    """The plane to which an account belongs."""
    return next(name for name, first in reversed(PLANES) if account >= first)
