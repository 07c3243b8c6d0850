"""The views: which flows and balances each measure is (contract.md section 4).

A measure is a sum over postings. A balance counts what an account received less what it gave, up to the
end of the window; a turnover counts transfers between two accounts within the window. Drilling down is the
same sum ungrouped. Belongs here: definitions. Does not belong here: SQL around them (projections/reports).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from projections import accounts as a


class Measure(NamedTuple):
    """One measure. when: `end` (balance), `span` (turnover), `beyond` (scheduled past a year), `bucket`.

    into, out_of: accounts whose postings count plus and minus; pairs: (debit, credit, sign) transfers.
    bucket: inclusive days past due for ageing, None for open ends. less: another measure to take away.
    """

    name: str
    when: str
    into: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int, int], ...] = ()
    bucket: tuple[int | None, int | None] | None = None
    sign: int = 1

    def accounts(self) -> set[int]:
        """Accounts without which a posting does not count."""
        return set(self.into) | {account for debit, credit, _ in self.pairs for account in (debit, credit)}


class View(NamedTuple):
    """A report: its measures in order, and whether `at` asks for a balance or `from`, `to` for turnovers.

    derived: name -> (added, taken away) of other measures. netted: name -> sign of the part of
    net_position that it shows, per deal.
    """

    name: str
    measures: tuple[str, ...]
    base: tuple[Measure, ...]
    derived: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType({})
    netted: Mapping[str, int] = MappingProxyType({})
    balance: bool = False
    row_class: bool = False


def _balance(name: str, *accounts: int) -> Measure:
    return Measure(name, "end", into=accounts)


def _turnover(name: str, *pairs: tuple[int, int] | tuple[int, int, int]) -> Measure:
    return Measure(name, "span", pairs=tuple((p[0], p[1], p[2] if len(p) == 3 else 1) for p in pairs))


def _ageing(name: str, least: int | None, most: int | None) -> Measure:
    return Measure(name, "bucket", into=(a.RECEIVABLE,), bucket=(least, most))


_INVOICED: Final = ((a.UNBILLED, a.RECEIVABLE),)
_CREDITED: Final = tuple(
    (a.OPEN_CREDIT, end)
    for end in (a.CREDITED_CONCESSION, a.CREDITED_RETURN, a.CREDITED_CANCELLATION, a.UNBILLED)
)
_UNPERFORMED: Final = (a.UNPERFORMED, a.UNFULFILLED)

VIEWS: Final[dict[str, View]] = {
    view.name: view
    for view in (
        View(
            "pipeline",
            ("open", "weighted", "won", "lost"),
            (
                _balance("open", a.PIPELINE),
                _balance("weighted", a.WEIGHTED),
                _turnover("won", (a.PIPELINE, a.WON_UNORDERED), (a.WON_UNORDERED, a.DEBOOKED, -1)),
                _turnover("lost", (a.PIPELINE, a.LOST), (a.LOST, a.PIPELINE, -1)),
            ),
        ),
        View(
            "bookings",
            ("won", "booked", "debooked", "net", "arr_new", "arr_expansion", "arr_contraction", "arr_churn"),
            (
                _turnover("won", (a.PIPELINE, a.WON_UNORDERED)),
                _turnover("booked", (a.WON_UNORDERED, a.UNBILLED)),
                _turnover("debooked", (a.UNBILLED, a.CANCELLED)),
                _turnover("arr_new", (a.SOURCE_NEW, a.CONTRACTED), (a.SOURCE_REACTIVATION, a.CONTRACTED)),
                _turnover("arr_expansion", (a.SOURCE_EXPANSION, a.CONTRACTED)),
                _turnover("arr_contraction", (a.CONTRACTED, a.CONTRACTION)),
                _turnover("arr_churn", (a.CONTRACTED, a.CHURN)),
            ),
            derived={"net": (("booked",), ("debooked",))},
            row_class=True,
        ),
        View(
            "backlog",
            ("won_unordered", "unbilled", "unperformed", "current_12m", "unfulfilled"),
            (
                _balance("won_unordered", a.WON_UNORDERED),
                _balance("unbilled", a.UNBILLED),
                _balance("unperformed", *_UNPERFORMED),
                Measure("beyond", "beyond", pairs=tuple((acc, a.RECOGNISED, 1) for acc in _UNPERFORMED)),
                _balance("unfulfilled", a.UNFULFILLED),
            ),
            derived={"current_12m": (("unperformed",), ("beyond",))},
            balance=True,
        ),
        View(
            "billing",
            (
                "invoiced",
                "tax",
                "credited",
                "net_billed",
                "recognised",
                "contract_liability",
                "contract_asset",
            ),
            (
                _turnover("invoiced", *_INVOICED),
                _turnover("tax", (a.SOURCE_TAX, a.RECEIVABLE), (a.OPEN_CREDIT, a.SOURCE_TAX, -1)),
                _turnover("credited", *_CREDITED),
                Measure("recognised", "span", into=(a.RECOGNISED,)),
                Measure(
                    "net_position",
                    "end",
                    into=(),
                    pairs=(*((*pair, 1) for pair in _INVOICED), *((*pair, -1) for pair in _CREDITED)),
                ),
                Measure("net_performed", "end", into=(a.RECOGNISED,)),
            ),
            derived={"net_billed": (("invoiced",), ("credited",))},
            netted={"contract_liability": 1, "contract_asset": -1},
        ),
        View(
            "collections",
            (
                "receivable",
                "open_credit",
                "not_due",
                "due_1_30",
                "due_31_60",
                "due_61_90",
                "due_over_90",
                "cash",
                "unapplied",
                "written_off",
                "disputed",
            ),
            (
                _balance("receivable", a.RECEIVABLE),
                Measure("open_credit", "end", into=(a.OPEN_CREDIT,), sign=-1),
                _ageing("not_due", None, 0),
                _ageing("due_1_30", 1, 30),
                _ageing("due_31_60", 31, 60),
                _ageing("due_61_90", 61, 90),
                _ageing("due_over_90", 91, None),
                _balance("cash", a.CASH),
                _balance("unapplied", a.UNAPPLIED),
                _balance("written_off", a.WRITTEN_OFF),
                _balance("disputed", a.DISPUTED),
            ),
            balance=True,
        ),
        View(
            "arr",
            ("contracted", "live"),
            (_balance("contracted", a.CONTRACTED, a.LIVE), _balance("live", a.LIVE)),
            balance=True,
        ),
    )
}


def accounts_of(measures: Iterable[Measure]) -> list[int]:
    """Every account that takes part in one of the measures."""
    return sorted(set().union(*(measure.accounts() for measure in measures)))
