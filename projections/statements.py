"""The SQL of a report's question: groups, filters, what a posting counts for, and how that adds up.

Belongs here: putting the named SQL files together for one question. {braces} are filled from our own lists;
whatever a request says is bound. Does not belong here: running it (projections/reports, explain, conversion).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from psycopg import Connection

from domain.instants import to_date
from domain.policies import Policies
from projections import accounts as a
from projections import merges, periods, queries
from projections.deals import numbers_of
from projections.formulas import bucket_of, counting, measured_columns, readings, summed_measures
from projections.measures import View, accounts_of
from projections.periods import FirstOpen
from projections.questions import PERIODS, Query, Window, views, windows


class Parts(NamedTuple):
    """What of the statement depends on the question: its groups, filters, basis and policies.

    columns: group -> expression over p, w and the joined dimensions. journal: what `p` reads; own_effective:
    the day that a posting itself names. monthly: SQL, whether a posting is earned by months; "": never.
    opened: the first open day by position, as reported. known: expressions that the statement has already.
    """

    ctes: list[str]
    joins: list[str]
    filters: list[str]
    columns: dict[str, str]
    values: dict[str, Any]
    journal: str
    own_effective: str
    monthly: str
    opened: FirstOpen
    known: dict[str, str]

    @property
    def as_reported(self) -> bool:
        """Whether something counts later than on its own day."""
        return bool(self.opened.positions)


_NAMES_CTE: Final = """names AS (
    SELECT DISTINCT ON (deal) deal, name FROM {deal_name}
    WHERE position <= %(known)s ORDER BY deal, position DESC
),"""

#: As reported, a deal keeps the name under which it was reported until what renamed or absorbed it counts.
_NAMES_AS_REPORTED_CTE: Final = """names AS (
    SELECT DISTINCT ON (w.n, x.deal) w.n, x.deal, x.name
    FROM windows w JOIN {deal_name} x ON {counts_on} <= w.end_day
    WHERE x.position <= %(known)s ORDER BY w.n, x.deal, x.position DESC
),"""

_DIMENSION_CTE: Final = """dim_{name} AS (
    SELECT DISTINCT ON (w.n, d.deal) w.n, d.deal, d.value
    FROM windows w JOIN (
        SELECT DISTINCT ON (deal, effective) deal, effective, value FROM {deal_dimension}
        WHERE name = '{name}' AND position <= %(known)s ORDER BY deal, effective, position DESC
    ) d ON d.effective <= w.end_day
    WHERE d.value IS NOT NULL
    ORDER BY w.n, d.deal, d.effective DESC
),"""
#: As reported: what became known after its period had closed counts from the first open day on.
_DIMENSION_AS_REPORTED_CTE: Final = """dim_{name} AS (
    SELECT DISTINCT ON (d.n, d.deal) d.n, d.deal, d.value
    FROM (
        SELECT DISTINCT ON (w.n, x.deal, x.effective) w.n, x.deal, x.effective, x.value
        FROM windows w JOIN {deal_dimension} x ON {counts_on} <= w.end_day
        WHERE x.name = '{name}' AND x.position <= %(known)s
        ORDER BY w.n, x.deal, x.effective, x.position DESC
    ) d
    WHERE d.value IS NOT NULL
    ORDER BY d.n, d.deal, d.effective DESC
),"""
_MERGED_CTE: Final = """merged (customer, survivor) AS (
    SELECT * FROM unnest(%(merged)s::text[], %(survivors)s::text[])
),"""


def parts_of(connection: Connection[Any], view: View, query: Query) -> Parts:
    """Everything in the statement that depends on how it is grouped, filtered, dated and read."""
    parts = _journal(connection, query)
    for name in dict.fromkeys([*query.by, *query.filters]):
        if name in PERIODS or name == "currency" or (name == "deal" and name not in query.by):
            continue
        expression = expression_of(connection, parts, view, query, name)
        if name in query.by:
            parts.columns[name] = expression
        if name in query.filters and name != "deal":
            _filter(parts, view, name, expression, query.filters[name])
    if "deal" in query.filters:
        _filter_deal(connection, parts, query)
    if "currency" in query.filters:
        parts.filters.append("AND p.currency = %(only_currency)s")
        parts.values["only_currency"] = query.filters["currency"]
    if query.after:
        parts.filters.append("AND p.position > %(after)s")
        parts.values["after"] = query.after
    return parts


def _filter_deal(connection: Connection[Any], parts: Parts, query: Query) -> None:
    """By number, so that the index finds the deal's postings: by its public name, or any key that it had."""
    key = query.filters["deal"]
    if not parts.as_reported:
        parts.filters.append("AND p.deal = ANY(%(only_deals)s::bigint[])")
        parts.values["only_deals"] = deals_called(connection, key, query.generation, query.known)
        return
    # As it was when the window was reported: it may have become part of another deal since.
    counted = [parts.opened.last_counted(window.end, query.known) for window in windows(query)]
    found = {upto: deals_called(connection, key, query.generation, upto) for upto in set(counted)}
    pairs = [(n, deal) for n, upto in enumerate(counted) for deal in found[upto]]
    parts.filters.append(
        "AND p.deal = ANY(%(only_deals)s::bigint[]) AND (w.n, p.deal) IN"
        " (SELECT * FROM unnest(%(only_n)s::int[], %(only_deals)s::bigint[]))"
    )
    parts.values.update(only_n=[n for n, _ in pairs], only_deals=[deal for _, deal in pairs])


def deals_called(connection: Connection[Any], key: str, generation: int, known: int) -> list[int]:
    """The numbers of the deals that a key means; where none had it, 0, which no deal has."""
    return numbers_of(connection, key, generation, known) if key else [0]  # every deal has a name


def _journal(connection: Connection[Any], query: Query) -> Parts:
    """The journal that the question reads: as it is, or as it was reported."""
    opened = (
        periods.first_open(connection, query.generation, query.known)
        if query.basis == "as_reported"
        else periods.ALWAYS_OPEN
    )
    late = bool(opened.positions)
    text = "{posting_table}"
    if late:
        text = queries.text("as_reported")
        text = text.replace("{stated}", periods.counting_from("stated", "position"))
        text = text.replace("{effective}", periods.counting_from("effective", "position"))
    monthly = _monthly(query.policies, "p.own_stated" if late else "p.stated")
    values = opened.values() if late else {}
    own_effective = "p.own_effective" if late else "p.effective"
    return Parts([], [], [], {}, values, text, own_effective, monthly, opened, {})


def _monthly(policies: Policies, stated: str) -> str:
    """SQL: whether a schedule was stated on a day on which ratable amounts were earned by months."""
    found = []
    ends = [*(period.since for period in policies.periods[1:]), None]
    for period, until in zip(policies.periods, ends, strict=True):
        if period.monthly:
            bounds = [] if period is policies.first else [f"{stated} >= date '{to_date(period.since)}'"]
            bounds += [] if until is None else [f"{stated} < date '{to_date(until)}'"]
            found.append(" AND ".join(bounds) or "true")
    return " OR ".join(found)


def earned(day: str, monthly: str = "") -> str:
    """SQL: what of an interval's amount is earned by the end of a day within it."""
    daily = queries.text("earned_by_days").replace("{day}", day)
    if not monthly:
        return daily
    by_months = queries.text("earned_by_months").replace("{day}", f"({day})")
    return f"CASE WHEN {monthly} THEN {by_months} ELSE {daily} END"


def expression_of(connection: Connection[Any], parts: Parts, view: View, query: Query, name: str) -> str:
    """SQL of a group's value; what it needs is put into the statement."""
    if name not in parts.known:
        parts.known[name] = _expression(connection, parts, view, query, name)
    return parts.known[name]


def _expression(connection: Connection[Any], parts: Parts, view: View, query: Query, name: str) -> str:
    if name == "deal":
        if parts.as_reported:
            counts_on = periods.counting_from("'-infinity'::date", "x.position")
            parts.ctes.append(_NAMES_AS_REPORTED_CTE.replace("{counts_on}", counts_on))
            parts.joins.append("LEFT JOIN names ON names.n = w.n AND names.deal = p.deal")
        else:
            parts.ctes.append(_NAMES_CTE)
            parts.joins.append("LEFT JOIN names ON names.deal = p.deal")
        return "names.name"
    if name == "product":
        return "p.sku"
    if name == "class" and view.row_class:
        return "p.class::text"
    if parts.as_reported:
        counts_on = periods.counting_from("x.effective", "x.position")
        cte = _DIMENSION_AS_REPORTED_CTE.replace("{counts_on}", counts_on)
    else:
        cte = _DIMENSION_CTE
    parts.ctes.append(cte.replace("{name}", name))
    parts.joins.append(f"LEFT JOIN dim_{name} ON dim_{name}.n = w.n AND dim_{name}.deal = p.deal")
    value = f"dim_{name}.value"
    if name != "customer":
        return value
    survivors = merges.survivors(connection, query.generation, query.known)
    if not survivors:
        return value
    parts.ctes.append(_MERGED_CTE)
    parts.joins.append(f"LEFT JOIN merged ON merged.customer = {value}")
    parts.values.update({"merged": list(survivors), "survivors": list(survivors.values())})
    return f"coalesce(merged.survivor, {value})"


def _filter(parts: Parts, view: View, name: str, expression: str, value: str) -> None:
    if name == "class" and view.row_class:
        value = str(a.CLASS_NUMBERS.get(value, -1))
    if name == "customer" and value in parts.values.get("merged", ()):
        value = parts.values["survivors"][parts.values["merged"].index(value)]
    if value == "":
        parts.filters.append(f"AND {expression} IS NULL")
    else:
        parts.filters.append(f"AND {expression} = %(only_{name})s")
        parts.values[f"only_{name}"] = value


# -- statements -------------------------------------------------------------------------------------------

#: What adds nothing to a window of turnovers: over before it began.
_IN_WINDOW: Final = "AND (w.start_day IS NULL OR p.effective >= w.start_day OR p.span_end >= w.start_day)"
_A_YEAR_ON: Final = "CROSS JOIN LATERAL (SELECT (w.end_day + interval '1 year')::date AS a_year_on) b"
_BEYOND: Final = """,
        p.amount - CASE WHEN p.effective > b.a_year_on THEN 0
            WHEN p.span_end IS NULL OR p.span_end <= b.a_year_on THEN p.amount
            ELSE {earned_a_year_on}
        END AS vb"""


def _column(name: str) -> str:
    return f"by_{name}"


def measured_statement(query: Query, parts: Parts, within: str = "") -> str:
    """CTEs that end in `measured`: every measure by window, group, currency and `within` (an expression)."""
    read = readings(query)
    view = read[0][0]
    beyond = any(measure.when == "beyond" for measure in view.base)
    bucket = bucket_of(view)
    columns = {_column(name): expression for name, expression in parts.columns.items()}
    if within:
        columns["within"] = within
    fills = {
        "groups_inner": "".join(f", {expression} AS {name}" for name, expression in columns.items()),
        "groups_numbers": "".join(f", {expression}" for expression in columns.values()),
        "groups": "".join(f", {name}" for name in columns),
        "currency": "p.currency",
        "bucket_column": f", {bucket} AS bucket" if bucket else "",
        "bucket_group": f", {bucket}" if bucket else "",
        "beyond_column": ", sum(v.vb) AS vb" if beyond else "",
        "in_window": _IN_WINDOW if all(measure.when == "span" for measure in view.base) else "",
        "measures": measured_columns(read),
    }
    return _filled(queries.text("report"), fills, query, parts, beyond=beyond)


def within_of(connection: Connection[Any], view: View, query: Query, parts: Parts) -> str:
    """SQL of what netted measures and ratios are worked out within; "" where there are none."""
    if not view.net_by:
        return ""
    if view.net_by == "deal":
        return "p.deal"
    return expression_of(connection, parts, view, query, view.net_by)


def summed_statement(query: Query, parts: Parts, within: str) -> str:
    """CTEs that end in `summed`: the rows of the report, with what ratios are worked out from."""
    shown, ratios = summed_measures(readings(query))
    fills = {
        "outer_groups": "".join(f", {_column(name)}" for name in parts.columns),
        "outer_measures": ", ".join([*shown, *ratios]),
        "not_zero": " OR ".join(f"{text.rpartition(' AS ')[0]} <> 0" for text in shown),
    }
    text = queries.text("summed")
    for name, value in fills.items():
        text = text.replace("{" + name + "}", value)
    return measured_statement(query, parts, within) + text


def explain_statement(view: View, query: Query, parts: Parts, extra: str = "") -> str:
    """The statement that lists the postings of a question one by one (projections/explain)."""
    beyond = any(measure.when == "beyond" for measure in view.base)
    fills = {
        "counting": counting(view),
        "beyond": "v.vb" if beyond else "0",
        "or_beyond": " OR v.vb <> 0" if beyond else "",
        "bucket": bucket_of(view) or "0",
        "own_effective": parts.own_effective,
        "extra": extra,
    }
    return _filled(queries.text("explain"), fills, query, parts, beyond=beyond)


def _filled(text: str, fills: dict[str, str], query: Query, parts: Parts, *, beyond: bool) -> str:
    common = {
        "counted": queries.text("counted"),
        "ctes": "\n".join(parts.ctes),
        "joins": "\n    ".join([*parts.joins, *([_A_YEAR_ON] if beyond else [])]),
        "filters": "\n  ".join(parts.filters),
        "counts_from": "stated" if beyond else "effective",
        "beyond_value": _BEYOND if beyond else "",
        "earned_by_end": earned("w.end_day", parts.monthly),
        "earned_before_start": earned("(w.start_day - 1)", parts.monthly),
        "earned_a_year_on": earned("b.a_year_on", parts.monthly),
        "posting": parts.journal,
    }
    for name, value in {**common, **fills}.items():
        text = text.replace("{" + name + "}", value)
    generation = f"g{int(query.generation)}"
    text = text.replace("{posting_table}", f"posting_{generation}")
    for table in ("deal_name", "deal_dimension"):
        text = text.replace("{" + table + "}", f"{table}_{generation}")
    return text


def bound(view: View, query: Query, parts: Parts, spans: list[Window]) -> dict[str, Any]:
    """The values of a statement."""
    return {
        "window": list(range(len(spans))),
        "start": [span.start for span in spans],
        "end": [span.end for span in spans],
        "known": query.known,
        "accounts": accounts_of(measure for one in (view, *views(query)) for measure in one.base),
        **parts.values,
    }
