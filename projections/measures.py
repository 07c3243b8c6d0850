"""The views: which flows and balances each measure is (contract.md section 4).

A measure is a sum over postings. A balance counts what an account received less what it gave, up to the
end of the window; a turnover counts transfers between two accounts within the window. Drilling down is the
same sum ungrouped. Belongs here: definitions. Does not belong here: SQL around them (projections/statements).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from projections import accounts as a


class Measure(NamedTuple):
    """One measure. when: what of a posting counts, given what it is worth by the window's end and its start.

    when: `end` (balance), `before` (balance on the eve of the window), `span` (turnover), `beyond` (scheduled
    past a year), `bucket` (balance of what is so many days past due), `class` (turnover of some classes).
    into: accounts whose postings count plus when they receive and minus when they give; pairs: (debit,
    credit, sign) transfers. bucket: inclusive days past due, None for open ends. classes: class numbers.
    """

    name: str
    when: str
    into: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int, int], ...] = ()
    bucket: tuple[int | None, int | None] | None = None
    sign: int = 1
    classes: tuple[int, ...] = ()

    @property
    def hidden(self) -> bool:
        """Whether it is only there to work out what is netted."""
        return self.name.startswith("net_")

    def counts(self, debit: int, credit: int) -> int:
        """Whether a transfer between two accounts counts plus (1), minus (-1) or not at all (0)."""
        if credit in self.into and debit not in self.into:
            return self.sign
        if debit in self.into and credit not in self.into:
            return -self.sign
        return next((sign for from_, to, sign in self.pairs if (from_, to) == (debit, credit)), 0)

    def accounts(self) -> set[int]:
        """Accounts without which a posting does not count."""
        return set(self.into) | {account for debit, credit, _ in self.pairs for account in (debit, credit)}


class View(NamedTuple):
    """A report: its measures in order, and whether `at` asks for a balance or `from`, `to` for turnovers.

    derived: name -> (added, taken away) of other measures. netted: name -> sign of the part of
    net_position less net_performed that it shows, per deal. ratios: name -> (added, taken away) over
    `opening`, of customers with a positive one. whole: totals of several windows are those of the whole
    span, since ratios don't add up. liability: what of the billed counts in net_position (domain/policies).
    restated_only: the measures that have no meaning as reported, in words.
    """

    name: str
    measures: tuple[str, ...]
    base: tuple[Measure, ...]
    derived: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType({})
    netted: Mapping[str, int] = MappingProxyType({})
    balance: bool = False
    row_class: bool = False
    ratios: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType({})
    whole: bool = False
    liability: str = "invoiced"
    restated_only: str = ""

    @property
    def summed(self) -> tuple[str, ...]:
        """The measures that are sums over postings and stand in a row as they are."""
        return tuple(measure.name for measure in self.base if not measure.hidden)

    def totalled_from(self, name: str) -> str:
        """Of which windows a total over several is made: `all` of a turnover, `last` of a balance.

        `first` of a balance on the eve: what stands on a day is counted once, not once a window.
        """
        if name in self.derived:
            return self.totalled_from(self.derived[name][0][0])
        when = next((measure.when for measure in self.base if measure.name == name), "end")
        return {"span": "all", "class": "all", "before": "first"}.get(when, "last")

    @property
    def net_by(self) -> str:
        """Within what netted measures and ratios are worked out before they are added; "": there are none."""
        return "deal" if self.netted else "customer" if self.ratios else ""


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
            restated_only="the weighted pipeline",
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
            restated_only="ageing",
        ),
        View(
            "arr",
            ("contracted", "live"),
            (_balance("contracted", a.CONTRACTED, a.LIVE), _balance("live", a.LIVE)),
            balance=True,
        ),
    )
}


_CLASSES: Final = a.CLASS_NUMBERS


def _movement(name: str, *classes: str, sign: int = 1) -> Measure:
    numbers = tuple(_CLASSES[class_] for class_ in classes)
    return Measure(name, "class", into=(a.LIVE,), classes=numbers, sign=sign)


#: `arr` over a span: how live run-rate came from opening to closing, by the label of the postings.
_LIVE_MOVEMENT: Final = View(
    "arr",
    ("opening", "new", "expansion", "contraction", "churn", "closing", "nrr", "grr"),
    (
        Measure("opening", "before", into=(a.LIVE,)),
        _movement("new", "new", "reactivation"),
        _movement("expansion", "expansion", "renewal", ""),
        _movement("contraction", "contraction", sign=-1),
        _movement("churn", "churn", sign=-1),
        _balance("closing", a.LIVE),
    ),
    ratios={
        "nrr": (("opening", "expansion"), ("contraction", "churn")),
        "grr": (("opening",), ("contraction", "churn")),
    },
    whole=True,
)

#: With the booking trigger `won`: wins, and those of them that were reopened.
_BOOKED_WHEN_WON: Final = {
    "booked": _turnover("booked", (a.PIPELINE, a.WON_UNORDERED)),
    "debooked": _turnover("debooked", (a.WON_UNORDERED, a.DEBOOKED)),
}

#: What a liability that hangs on due dates or payments is worked out from, per deal: gross billed, what of it
#: is open and not due yet, and what of it is paid (cash, and tax that the customer paid for us). Of the net
#: billed the same part counts as of the gross: with `due` what is due or settled, whichever comes first (an
#: invoice as it was last redated, from its due date on); with `paid` what is paid. The parts are from none to
#: all; where nothing gross is billed the net counts as it is. Cash that is not applied makes no liability.
_SETTLEMENT: Final = (
    Measure(
        "net_gross",
        "end",
        pairs=(
            *((*pair, 1) for pair in (*_INVOICED, (a.SOURCE_TAX, a.RECEIVABLE))),
            *((*pair, -1) for pair in (*_CREDITED, (a.OPEN_CREDIT, a.SOURCE_TAX))),
        ),
    ),
    Measure("net_not_due", "bucket", into=(a.RECEIVABLE,), bucket=(None, -1)),
    _balance("net_paid", a.CASH, a.WITHHELD),
)


@cache
def view_of(name: str, *, moving: bool, trigger: str, liability: str | None) -> View:
    """A view as it is read under a policy. moving: a span was asked for. trigger: what counts as booked.

    liability: what of the billed counts as a liability; None where every policy says `invoiced`.
    """
    view = _LIVE_MOVEMENT if name == "arr" and moving else VIEWS[name]
    if name == "bookings" and trigger == "won":
        view = view._replace(base=tuple(_BOOKED_WHEN_WON.get(one.name, one) for one in view.base))
    if view.netted and liability is not None:
        view = view._replace(base=(*view.base, *_SETTLEMENT), liability=liability)
    return view


def minor_of(view: View, cell: Mapping[str, Any]) -> dict[str, int]:
    """What a posting or a sum of postings adds to every measure that is a sum, minor units; hidden ones too.

    cell: debit, credit, bucket (the measure of an ageing or class measure that it belongs to, by number), ve
    (worth by the window's end), vd (less what it was worth before its start), vb (scheduled past a year).
    """
    minor = {}
    for index, measure in enumerate(view.base):
        if measure.when in ("bucket", "class") and cell["bucket"] != index:
            minor[measure.name] = 0
            continue
        minor[measure.name] = _worth(measure.when, cell) * measure.counts(cell["debit"], cell["credit"])
    return minor


def _worth(when: str, cell: Mapping[str, Any]) -> int:
    if when == "before":
        return int(cell["ve"]) - int(cell["vd"])
    return int(cell[{"span": "vd", "class": "vd", "beyond": "vb"}.get(when, "ve")])


def derive(view: View, minor: dict[str, Any]) -> None:
    """Put in the measures that are differences of others."""
    for name, (plus, minus) in view.derived.items():
        minor[name] = sum(minor[x] for x in plus) - sum(minor[x] for x in minus)


def accounts_of(measures: Iterable[Measure]) -> list[int]:
    """Every account that takes part in one of the measures."""
    return sorted(set().union(*(measure.accounts() for measure in measures)))
