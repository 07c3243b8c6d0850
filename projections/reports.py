"""Reports: a view, its windows in time, what is known, how it is grouped and filtered, as one statement.

Belongs here: the question and its SQL. Does not belong here: what a measure is (projections/measures),
how an answer is written (api).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from psycopg import Connection, sql

from domain.money import format_minor
from projections import accounts as a
from projections import queries
from projections.deals import number_of
from projections.measures import VIEWS, Measure, View, accounts_of

#: Dimensions of a deal, from its milestones; `product` and, for bookings, `class` come from the posting.
DEAL_DIMENSIONS: Final = ("customer", "segment", "territory", "owner", "entity", "channel", "class")
PERIODS: Final = ("month", "quarter", "year")
GROUPS: Final = ("deal", "product", *DEAL_DIMENSIONS, *PERIODS, "currency")
FILTERS: Final = ("deal", "product", *DEAL_DIMENSIONS, "currency")
MAX_WINDOWS: Final = 600
MAX_ROWS: Final = 100_000


class ReportRefused(ValueError):
    """The question can't be answered as it was put; `allowed` lists what could stand there."""

    def __init__(self, message: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.allowed = allowed


class Query(NamedTuple):
    """A question. start: first day of turnovers, None since the beginning; end: last day, or the balance's.

    known: last position of the log that counts. filters: dimension -> value; "" is "has none".
    """

    view: str
    start: date | None
    end: date
    known: int
    generation: int
    by: tuple[str, ...] = ()
    filters: Mapping[str, str] = MappingProxyType({})
    limit: int = 1_000
    offset: int = 0


class Report(NamedTuple):
    """Rows of one page and totals per currency, amounts as decimal strings. more: there is another page."""

    rows: list[dict[str, str | None]]
    totals: list[dict[str, str]]
    more: bool


class Window(NamedTuple):
    """A span of days with the label it is grouped under; start None is since the beginning."""

    label: str
    start: date | None
    end: date


def windows(query: Query) -> list[Window]:
    """The whole span, or one window a month, quarter or year of it; the first and last may be parts."""
    period = next((name for name in query.by if name in PERIODS), None)
    if period is None:
        return [Window("", query.start, query.end)]
    if query.start is None:
        raise ReportRefused(f"by={period} needs the span: give from and to")
    found = []
    first = query.start
    while first <= query.end:
        label, last = _period(first, period)
        found.append(Window(label, first, min(last, query.end)))
        first = last + timedelta(days=1)
        if len(found) > MAX_WINDOWS:
            raise ReportRefused(f"more than {MAX_WINDOWS} periods; ask for a shorter span or longer periods")
    return found


def _period(day: date, period: str) -> tuple[str, date]:
    """The label of a day's period, and the period's last day."""
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    begun = (day.month - 1) // months * months + 1
    year, month0 = divmod(day.year * 12 + begun - 1 + months, 12)
    last = date(year, month0 + 1, 1) - timedelta(days=1)
    label = {
        "month": f"{day.year:04d}-{day.month:02d}",
        "quarter": f"{day.year:04d}-Q{(day.month + 2) // 3}",
        "year": f"{day.year:04d}",
    }[period]
    return label, last


def checked(query: Query) -> View:
    view = VIEWS.get(query.view)
    if view is None:
        raise ReportRefused(f"there is no view {query.view!r}", tuple(VIEWS))
    for name in query.by:
        if name not in GROUPS:
            raise ReportRefused(f"can't group by {name!r}", GROUPS)
    if len({name for name in query.by if name in PERIODS}) > 1:
        raise ReportRefused("group by one of month, quarter and year", PERIODS)
    for name in query.filters:
        if name not in FILTERS:
            raise ReportRefused(f"can't filter by {name!r}", FILTERS)
    return view


class Parts(NamedTuple):
    """What of the statement depends on grouping and filters."""

    ctes: list[str]
    joins: list[str]
    filters: list[str]
    columns: dict[str, str]  # group -> expression over p, w and the joined dimensions
    values: dict[str, Any]


_NAMES_CTE: Final = """names AS (
    SELECT DISTINCT ON (deal) deal, name FROM {deal_name}
    WHERE position <= %(known)s ORDER BY deal, position DESC
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


def parts_of(connection: Connection[Any], view: View, query: Query) -> Parts:
    """Everything in the statement that depends on how it is grouped and filtered."""
    parts = Parts([], [], [], {}, {})
    for name in dict.fromkeys([*query.by, *query.filters]):
        if name in PERIODS or name == "currency":
            continue
        if name == "deal" and name not in query.by:
            continue
        expression = _expression(parts, view, name)
        if name in query.by:
            parts.columns[name] = expression
        if name in query.filters and name != "deal":
            _filter(parts, view, name, expression, query.filters[name])
    if "deal" in query.filters:
        # By number, so that the index finds the deal's postings, and by any key that it had.
        parts.filters.append("AND p.deal = %(only_deal)s")
        parts.values["only_deal"] = number_of(
            connection, query.filters["deal"], query.generation, query.known
        )
    if "currency" in query.filters:
        parts.filters.append("AND p.currency = %(only_currency)s")
        parts.values["only_currency"] = query.filters["currency"]
    return parts


def _expression(parts: Parts, view: View, name: str) -> str:
    """SQL of a group's value; what it needs is put into the statement."""
    if name == "deal":
        parts.ctes.append(_NAMES_CTE)
        parts.joins.append("LEFT JOIN names ON names.deal = p.deal")
        return "names.name"
    if name == "product":
        return "p.sku"
    if name == "class" and view.row_class:
        return "p.class::text"
    parts.ctes.append(_DIMENSION_CTE.replace("{name}", name))
    parts.joins.append(f"LEFT JOIN dim_{name} ON dim_{name}.n = w.n AND dim_{name}.deal = p.deal")
    return f"dim_{name}.value"


def _filter(parts: Parts, view: View, name: str, expression: str, value: str) -> None:
    if name == "class" and view.row_class:
        value = str(a.CLASS_NUMBERS.get(value, -1))
    if value == "":
        parts.filters.append(f"AND {expression} IS NULL")
    else:
        parts.filters.append(f"AND {expression} = %(only_{name})s")
        parts.values[f"only_{name}"] = value


def _coefficient(measure: Measure, value: str) -> str:
    """SQL: what one cell adds to a measure."""
    terms = []
    if measure.into:
        accounts = ", ".join(map(str, measure.into))
        sign, back = ("", "-") if measure.sign > 0 else ("-", "")
        # A transfer within the set adds nothing.
        terms.append(f"WHEN credit IN ({accounts}) AND debit NOT IN ({accounts}) THEN {sign}{value}")
        terms.append(f"WHEN debit IN ({accounts}) AND credit NOT IN ({accounts}) THEN {back}{value}")
    for debit, credit, sign_ in measure.pairs:
        terms.append(f"WHEN debit = {debit} AND credit = {credit} THEN {'' if sign_ > 0 else '-'}{value}")
    return "CASE " + " ".join(terms) + " ELSE 0 END"


def _value_of(measure: Measure, index: int) -> str:
    if measure.when == "beyond":
        return _coefficient(measure, "vb")
    if measure.when == "bucket":
        return f"CASE WHEN bucket = {index} THEN {_coefficient(measure, 've')} ELSE 0 END"
    return _coefficient(measure, "vd" if measure.when == "span" else "ve")


def _bucket(view: View) -> str:
    """SQL: the number of the ageing measure to which a due date belongs on the window's last day."""
    cases = []
    for index, measure in enumerate(view.base):
        if measure.bucket is not None:
            least, most = measure.bucket
            if least is None:
                cases.append(f"WHEN p.due IS NULL OR w.end_day - p.due <= {most} THEN {index}")
            elif most is not None:
                cases.append(f"WHEN w.end_day - p.due <= {most} THEN {index}")
            else:
                cases.append(f"ELSE {index}")
    return f"CASE {' '.join(cases)} END" if cases else ""


_BEYOND: Final = """,
        p.amount - CASE WHEN p.effective > b.a_year_on THEN 0
            WHEN p.span_end IS NULL OR p.span_end <= b.a_year_on THEN p.amount
            ELSE round(p.amount::numeric * (b.a_year_on - p.span_start + 1)
                / (p.span_end - p.span_start + 1))::bigint
        END AS vb"""
#: What adds nothing to a window of turnovers: over before it began.
_IN_WINDOW: Final = "AND (w.start_day IS NULL OR p.effective >= w.start_day OR p.span_end >= w.start_day)"
_A_YEAR_ON: Final = "CROSS JOIN LATERAL (SELECT (w.end_day + interval '1 year')::date AS a_year_on) b"


def _statement(view: View, query: Query, parts: Parts) -> str:
    beyond = any(measure.when == "beyond" for measure in view.base)
    bucket = _bucket(view)
    names = list(parts.columns)
    inner = [f", {expression} AS {_column(name)}" for name, expression in parts.columns.items()]
    groups = [_column(name) for name in names]
    if view.netted:
        inner.append(", p.deal AS netted_deal")
    outer = "".join(f", {column}" for column in groups)
    measured = [
        f"sum({_value_of(measure, index)}) AS {measure.name}" for index, measure in enumerate(view.base)
    ]
    shown = [measure.name for measure in view.base if not measure.name.startswith("net_")]
    outer_measures = [f"sum({name}) AS {name}" for name in shown]
    for name, sign in view.netted.items():
        net = "net_position - net_performed" if sign > 0 else "net_performed - net_position"
        outer_measures.append(f"sum(greatest(0, {net})) AS {name}")
        shown.append(name)
    fills = {
        "ctes": "\n".join(parts.ctes),
        "groups_inner": "".join(inner),
        "groups_numbers": "".join(f", {x}" for x in parts.columns.values())
        + (", p.deal" if view.netted else ""),
        "groups": outer + (", netted_deal" if view.netted else ""),
        "outer_groups": outer,
        "currency": "p.currency",
        "bucket_column": f", {bucket} AS bucket" if bucket else "",
        "bucket_group": f", {bucket}" if bucket else "",
        "beyond_column": ", sum(v.vb) AS vb" if beyond else "",
        "beyond_value": _BEYOND if beyond else "",
        "joins": "\n    ".join([*parts.joins, *([_A_YEAR_ON] if beyond else [])]),
        "filters": "\n      ".join(parts.filters),
        "counts_from": "stated" if beyond else "effective",
        "in_window": _IN_WINDOW if all(measure.when == "span" for measure in view.base) else "",
        "measures": ", ".join(measured),
        "outer_measures": ", ".join(outer_measures),
        "not_zero": " OR ".join(f"{text.rpartition(' AS ')[0]} <> 0" for text in outer_measures),
    }
    return _fill(queries.text("report"), fills, query.generation)


def explain_statement(view: View, query: Query, parts: Parts) -> str:
    """The statement that lists the postings of a question one by one (projections/explain)."""
    beyond = any(measure.when == "beyond" for measure in view.base)
    fills = {
        "ctes": "\n".join(parts.ctes),
        "joins": "\n".join([*parts.joins, *([_A_YEAR_ON] if beyond else [])]),
        "filters": "\n  ".join(parts.filters),
        "counts_from": "stated" if beyond else "effective",
        "beyond_value": _BEYOND if beyond else "",
        "beyond": "v.vb" if beyond else "0",
        "or_beyond": " OR v.vb <> 0" if beyond else "",
        "bucket": _bucket(view) or "0",
    }
    return _fill(queries.text("explain"), fills, query.generation)


def _column(name: str) -> str:
    return f"by_{name}"


def _fill(text: str, fills: dict[str, str], generation: int) -> str:
    text = text.replace("{counted}", queries.text("counted"))
    for name, value in fills.items():
        text = text.replace("{" + name + "}", value)
    for table in ("posting", "deal_name", "deal_dimension"):
        text = text.replace("{" + table + "}", f"{table}_g{int(generation)}")
    return text


def bound(view: View, query: Query, parts: Parts, spans: list[Window]) -> dict[str, Any]:
    return {
        "window": list(range(len(spans))),
        "start": [span.start for span in spans],
        "end": [span.end for span in spans],
        "known": query.known,
        "accounts": accounts_of(view.base),
        **parts.values,
    }


def run(connection: Connection[Any], query: Query) -> Report:
    """Answer a question. Raises ReportRefused where it can't be put that way."""
    view = checked(query)
    spans = windows(query)
    parts = parts_of(connection, view, query)
    groups = [_column(name) for name in parts.columns]
    order = ", ".join(["n", *(f'{column} COLLATE "C" NULLS FIRST' for column in groups), "currency"])
    text = _statement(view, query, parts) + (
        f"SELECT * FROM (SELECT 0 AS part, * FROM summed ORDER BY {order}"
        " LIMIT %(limit)s OFFSET %(offset)s) page\n"
        f"UNION ALL SELECT 1, max(n){''.join(', NULL' for _ in groups)}, currency, {_totals(view)}"
        " FROM summed GROUP BY currency"
    )
    values = {**bound(view, query, parts, spans), "limit": query.limit + 1, "offset": query.offset}
    cursor = connection.cursor()
    cursor.execute(sql.SQL(text), values)
    columns = [column.name for column in cursor.description or ()]
    found = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    page = [row for row in found if row["part"] == 0]
    rows = [_row(view, query, spans, row) for row in page[: query.limit]]
    if len(spans) > 1 and view.balance:
        totals = []  # balances of several days don't add up
    else:
        totals = [_amounts(view, row) | {"currency": row["currency"]} for row in found if row["part"] == 1]
    totals.sort(key=lambda row: row["currency"])
    return Report(rows, totals, len(page) > query.limit)


def _totals(view: View) -> str:
    names = [measure.name for measure in view.base if not measure.name.startswith("net_")]
    return ", ".join(f"sum({name})" for name in [*names, *view.netted])


def _row(view: View, query: Query, spans: list[Window], row: dict[str, Any]) -> dict[str, str | None]:
    out: dict[str, str | None] = {}
    for name in query.by:
        if name in PERIODS:
            out[name] = spans[row["n"]].label
        elif name == "class" and view.row_class:
            out[name] = _class_name(row[_column(name)])
        elif name != "currency":
            out[name] = row[_column(name)]
    out["currency"] = row["currency"]
    return out | _amounts(view, row)


def _class_name(number: str) -> str | None:
    return next((name or None for name, n in a.CLASS_NUMBERS.items() if str(n) == number), None)


def _amounts(view: View, row: dict[str, Any]) -> dict[str, str]:
    minor = {name: int(value) for name, value in row.items() if name in _base_names(view)}
    for name, (plus, minus) in view.derived.items():
        minor[name] = sum(minor[x] for x in plus) - sum(minor[x] for x in minus)
    return {name: format_minor(minor[name], row["currency"]) for name in view.measures}


def _base_names(view: View) -> set[str]:
    return {measure.name for measure in view.base if not measure.name.startswith("net_")} | set(view.netted)
