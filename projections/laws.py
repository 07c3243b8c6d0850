"""The laws of milestone accounting, checked on the journal (accounting.md section 2)."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from psycopg import Connection

from domain.money import format_minor
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
}


def check(
    connection: Connection[Any], generation: int, at: date, known: int, limit: int = 100
) -> list[dict[str, Any]]:
    """The breaches of the laws on a date, as known by a position; empty where all hold.

    Each: law, says, deal (its number, None for a law over all deals), currency, left, right, difference.
    """
    statement = queries.statement("laws", generation)
    rows = connection.execute(statement, {"at": at, "known": known, "limit": limit}).fetchall()
    return [
        {
            "law": law,
            "says": LAWS[law],
            "deal": deal,
            "currency": currency,
            "left": format_minor(int(left), currency),
            "right": format_minor(int(right), currency),
            "difference": format_minor(int(left - right), currency),
        }
        for law, deal, currency, left, right in rows
    ]
