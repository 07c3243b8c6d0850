"""What each measure means, in a sentence for readers: of the page (docs/reports.md), the API and the console.

Belongs here: words, by view and measure. Does not belong here: what is added up (projections/measures).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from projections.measures import VIEWS, Measure, view_of

#: What a measure is, by what of a posting it counts (projections/measures, `Measure.when`).
TURNOVER: Final = "turnover"
BALANCE: Final = "balance"
OPENING: Final = "balance on the eve"
RATIO: Final = "ratio"
_KINDS: Final = {"span": TURNOVER, "class": TURNOVER, "before": OPENING}

MEANINGS: Final = MappingProxyType(
    {
        "pipeline": {
            "open": "What opportunities that are open are worth.",
            "weighted": "The same times the probability of each, rounded for each opportunity.",
            "won": "What was won and stands: wins and later changes of their amounts, less those that were"
            " reopened or lost after all.",
            "lost": "What was lost, less what was reopened of it.",
        },
        "bookings": {
            "won": "Wins and later changes of their amounts; one that was reopened stays counted.",
            "booked": "The value of orders accepted, changed (signed), amended (signed) and renewed; with the"
            " policy booking_trigger=won what `won` says.",
            "debooked": "What was booked and taken back, positive: cancelled; with booking_trigger=won wins"
            " that were reopened or lost after all.",
            "net": "booked less debooked.",
            "arr_new": "Run-rate (currency a year) contracted by new and reactivated customers' contracts.",
            "arr_expansion": "Run-rate that changes, amendments and renewals add to contracts.",
            "arr_contraction": "Run-rate that changes, amendments, renewals and cancelled lines take off,"
            " positive.",
            "arr_churn": "Run-rate that ends with contracts: cancelled whole, expired or churned; positive.",
        },
        "backlog": {
            "won_unordered": "Won and not ordered yet; negative where an order has no win behind it.",
            "unbilled": "Ordered (and usage rated) and not invoiced yet; negative where more is invoiced than"
            " ordered.",
            "unperformed": "Ordered and not earned yet; `unfulfilled` is part of it.",
            "current_12m": "What of unperformed is scheduled up to the same day of the next year; what has no"
            " schedule counts whole.",
            "unfulfilled": "What of unperformed waits for a delivery or an activation.",
        },
        "billing": {
            "invoiced": "Invoices net of tax, less those voided.",
            "tax": "Tax on invoices, less tax on credit memos.",
            "credited": "Credit memos net of tax, for whatever reason, positive.",
            "net_billed": "invoiced less credited.",
            "recognised": "What was earned: by days, delivery, activation, invoice or usage; less what was"
            " taken back.",
            "contract_liability": "Deal by deal, what is billed net of credits beyond what is earned; since"
            " the beginning.",
            "contract_asset": "Deal by deal, what is earned beyond what is billed net of credits, positive;"
            " since the beginning.",
        },
        "collections": {
            "receivable": "What is open of invoices, gross: the sum of not_due and the due_... beside it.",
            "open_credit": "Credit memos that are not applied to an invoice yet, gross, positive; not taken"
            " off receivable.",
            "not_due": "Open on invoices that are due on the day or later, or have no known due date.",
            "due_1_30": "Open on invoices that are 1 to 30 days past due.",
            "due_31_60": "Open on invoices that are 31 to 60 days past due.",
            "due_61_90": "Open on invoices that are 61 to 90 days past due.",
            "due_over_90": "Open on invoices that are 91 days past due or more.",
            "cash": "Cash applied to invoices since the beginning, less what was unapplied or reversed.",
            "unapplied": "Cash received and neither applied nor refunded; negative where it is applied and no"
            " receipt is known.",
            "written_off": "Given up of invoices, less what was recovered.",
            "disputed": "In dispute of what is open.",
        },
        "arr": {
            "contracted": "Run-rate (currency a year) of contracts in force, live or still to start.",
            "live": "Run-rate of contracts whose service has started.",
            "opening": "Live run-rate on the day before from.",
            "new": "Live run-rate of new contracts and reactivations.",
            "expansion": "Live run-rate that changes, amendments and renewals add.",
            "contraction": "Live run-rate that changes, amendments, renewals and cancelled lines take off,"
            " positive.",
            "churn": "Live run-rate that ended with contracts, positive.",
            "closing": "Live run-rate on to: opening + new + expansion - contraction - churn.",
            "nrr": "Net retention: (opening + expansion - contraction - churn) / opening, of customers with"
            " an opening balance; four decimals, none without one.",
            "grr": "Gross retention: the same without expansion.",
        },
    }
)


def kinds(name: str) -> dict[str, str]:
    """What each measure of a view is, in order: turnover, balance, balance on the eve or ratio."""
    found: dict[str, str] = {}
    for moving in (False, True):
        view = view_of(name, moving=moving, trigger="order_accepted", liability=None)
        by_name = {one.name: one for one in view.base}
        for measure in view.measures:
            if measure in view.ratios:
                found[measure] = RATIO
            elif measure in view.netted:
                found[measure] = BALANCE
            else:
                found[measure] = _kind(by_name.get(measure) or by_name[view.derived[measure][0][0]])
    return found


def _kind(measure: Measure) -> str:
    return _KINDS.get(measure.when, BALANCE)


def told() -> dict[str, dict[str, dict[str, str]]]:
    """Every measure of every view with its kind and meaning, as published."""
    return {
        view: {name: {"kind": kind, "means": MEANINGS[view][name]} for name, kind in kinds(view).items()}
        for view in VIEWS
    }
