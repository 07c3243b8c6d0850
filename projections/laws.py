"""The laws of milestone accounting, checked on the journal (accounting.md section 2)."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from psycopg import Connection

from domain.money import UnknownCurrency, format_minor
from projections import accounts as a
from projections import queries

#: What each law says, by name.
LAWS: Final = {
    "performance_follows_billing": "per deal: unbilled + invoiced - credited = unperformed + recognised",
    "won_is_accounted_for": "per deal: won = won_unordered + ordered + variance + debooked",
    "gross_is_accounted_for": (
        "per deal: gross invoiced - gross credited = receivable + cash + written_off + discount + withheld"
    ),
    "cash_received_is_accounted_for": (
        "per payment's deal: received - reversed - refunded = unapplied + applied"
    ),
    "nothing_between_due_dates": "per deal: moving an invoice to another due date leaves nothing behind",
    "cash_is_applied": "per currency: cash of all deals = applied of all customers",
    "planes_balance": "per plane and currency: all accounts sum to zero",
    "transfers_stay_in_their_plane": "per deal: no posting leaves its plane or the chart of accounts",
    # not one of sums: projections/rounds compares, a slice at a time
    "journal_follows_from_log": "per deal: folding the log again comes to the rows of the journal",
}


def check(
    connection: Connection[Any], generation: int, at: date, known: int, limit: int = 100
) -> list[dict[str, Any]]:
    """The breaches of the laws on a date, as known by a position; empty where all hold.

    Each: law, says, deal (its number, None for a law over all deals), currency, left, right, difference.
    """
    asked: dict[str, Any] = {"at": at, "known": known, "limit": limit}
    rows = connection.execute(queries.statement("laws", generation), asked).fetchall()
    chart = {"accounts": list(a.NAMES), "planes": [a.plane_of(account) for account in a.NAMES]}
    rows += connection.execute(queries.statement("planes", generation), asked | chart).fetchall()
    return [
        {
            "law": law,
            "says": LAWS[law],
            "deal": deal,
            "currency": currency,
            "left": _amount(left, currency),
            "right": _amount(right, currency),
            "difference": _amount(left - right, currency),
        }
        for law, deal, currency, left, right in rows[:limit]
    ]


def _amount(value: Any, currency: str) -> str:
    """A decimal string; of a currency that there is not, minor units, so that a broken row is still told."""
    try:
        return format_minor(int(value), currency)
    except UnknownCurrency:
        return str(int(value))
