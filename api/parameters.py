"""Query parameters: which there are, what each may hold, and the question that they make up.

Belongs here: names, descriptions, parsing, and the refusal that names what is allowed. Used for HTTP, the
published OpenAPI and the command line alike. Does not belong here: answering (api/reporting.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from domain.instants import parse_day, parse_instant, to_date
from domain.money import is_currency
from projections.questions import BASES, FILTERS, GROUPS, Conversion

MAX_LIMIT: Final = 10_000
DEFAULT_LIMIT: Final = 1_000
DEFAULT_TIMEOUT: Final = 10.0
MAX_TIMEOUT: Final = 60.0
MOST_POLICIES: Final = 10
_LARGEST: Final = 2**62


class ParameterRefused(ValueError):
    """A parameter is unknown or can't hold that; `allowed` lists what could stand there."""

    def __init__(self, message: str, allowed: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class Parameter(NamedTuple):
    """One query parameter: what it says, its JSON Schema, whether it may stand more than once."""

    says: str
    schema: dict[str, Any]
    repeats: bool = False


_TEXT: Final[dict[str, Any]] = {"type": "string"}
_DAY: Final[dict[str, Any]] = {"type": "string", "format": "date"}
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}

KNOWN: Final = {
    "known_at": Parameter(
        "Only what had been recorded by then (RFC 3339 with an offset).",
        {"type": "string", "format": "date-time"},
    ),
    "known_position": Parameter("Only what had been recorded up to this position of the log.", _COUNT),
}
WAITING: Final = {
    "at_least": Parameter("Wait until the reports have taken in this position of the log.", _COUNT),
    "timeout": Parameter(
        f"Seconds to wait for that; default {DEFAULT_TIMEOUT:g}.",
        {"type": "number", "minimum": 0, "maximum": MAX_TIMEOUT},
    ),
}
PAGING: Final = {
    "limit": Parameter(
        f"Rows a page; default {DEFAULT_LIMIT}.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
    ),
    "cursor": Parameter("`next` of the page before; every other parameter stays the same.", _TEXT),
}
FORMAT: Final = Parameter(
    "`json` or `csv`; default: as `Accept` says. In CSV a text that a spreadsheet takes for a formula has"
    " an apostrophe before it.",
    {"enum": ["json", "csv"]},
)
PROOF: Final = Parameter(
    "`true`: with what an auditor needs to prove the answer from an audit bundle (docs/audit.md). JSON only.",
    {"enum": ["true", "false"]},
)
_SPAN: Final = {
    "at": Parameter("The day of balances; turnovers count since the beginning. Default: today (UTC).", _DAY),
    "from": Parameter("First day of turnovers.", _DAY),
    "to": Parameter("Last day of turnovers, and the day of balances. Default: today (UTC).", _DAY),
}
_DIMENSIONS: Final = {
    name: Parameter(f"Only this {name}; empty for those that have none.", _TEXT)
    for name in FILTERS
    if name != "currency"
}
CURRENCY: Final = {
    "currency": Parameter("Only amounts in this currency. With `rate`: convert everything to it.", _TEXT),
    "rate": Parameter(
        "Convert to `currency`, each posting at the spot rate of its effective date (`transaction`), of the"
        " day of balances (`closing`), or of a given day (`constant:2026-01-31`). Deals with an amount that"
        " has no rate stay in their own currency and are listed in `unrated`.",
        {"type": "string", "pattern": "^(transaction|closing|constant:[0-9]{4}-[0-9]{2}-[0-9]{2})$"},
    ),
}
_BASIS: Final = {
    "basis": Parameter(
        "`restated` (default): late facts count in the period that they belong to. `as_reported`: in the"
        " first period that was open when they were recorded.",
        {"enum": list(BASES)},
    )
}
GENERATION: Final = {
    "generation": Parameter(
        "From this set of books, where it is ready or still kept (`/v1/generations`). Default: the live one.",
        _COUNT,
    )
}
_POLICY: Final = "as `name@version`: `default@1`, or one that a milestone has activated."
POLICIES: Final = {
    "policy": Parameter(
        "The same log under other policies; several with commas, or repeated: rows then say under which."
        f" Each {_POLICY}",
        {"type": "array", "items": {"type": "string"}},
        repeats=True,
    ),
}
#: Of one row of an answer: its currency where that was not converted, and its policy.
OF_ROW: Final = {
    "shown": Parameter(
        "With `rate`: the currency of the row, which is another one where deals stay in theirs.", _TEXT
    ),
    "policy": Parameter(f"The policy under which the row was given, {_POLICY}", _TEXT),
}
REPORT: Final[dict[str, Parameter]] = {
    **_SPAN,
    **KNOWN,
    **_BASIS,
    "by": Parameter(
        "What to group by; several with commas, or repeated.",
        {"type": "array", "items": {"enum": list(GROUPS)}},
        repeats=True,
    ),
    **_DIMENSIONS,
    **CURRENCY,
    **POLICIES,
    **GENERATION,
    **PAGING,
    **WAITING,
    "format": FORMAT,
    "proof": PROOF,
}
EXPLAIN: Final[dict[str, Parameter]] = {
    **_SPAN,
    **KNOWN,
    **_BASIS,
    "generation": Parameter("The generation that the row was given from.", _COUNT),
    **_DIMENSIONS,
    **CURRENCY,
    **OF_ROW,
    **PAGING,
}


class Known(NamedTuple):
    """What is to count as known: up to a position, or by a moment (microseconds since 1970 UTC), or all."""

    position: int | None = None
    instant: int | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self.position is None and self.instant is None


class Question(NamedTuple):
    """A report asked for. start: None since the beginning. is_at: whether it was asked with `at`.

    policies: names with version, in the order asked for; empty: those of the live generation. proof: whether
    the answer is to prove itself.
    """

    view: str
    start: date | None
    end: date
    is_at: bool
    known: Known = Known()
    by: tuple[str, ...] = ()
    filters: dict[str, str] = {}  # noqa: RUF012 - never changed
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    at_least: int | None = None
    timeout: float = DEFAULT_TIMEOUT
    format: str | None = None
    generation: int | None = None
    basis: str = "restated"
    convert: Conversion | None = None
    policies: tuple[str, ...] = ()
    proof: bool = False

    def identity(self) -> list[object]:
        """What must be the same from one page to the next."""
        return [
            self.view,
            self.start,
            self.end,
            self.known,
            self.by,
            sorted(self.filters.items()),
            self.limit,
            self.basis,
            self.convert,
            self.policies,
            self.generation,
        ]


def taken(sent: Iterable[tuple[str, str]], allowed: Mapping[str, Parameter]) -> dict[str, list[str]]:
    """The values by name. Raises ParameterRefused for a name that is not allowed, or that stands twice."""
    values: dict[str, list[str]] = {}
    for name, value in sent:
        parameter = allowed.get(name)
        if parameter is None:
            raise ParameterRefused(f"there is no parameter {name[:80]!r} here", allowed)
        if name in values and not parameter.repeats:
            raise ParameterRefused(f"{name} may stand once only")
        if "\0" in value or len(value) > 4_000:
            raise ParameterRefused(f"{name} holds a NUL or is longer than 4,000 characters")
        values.setdefault(name, []).append(value)
    return values


class Values:
    """The parameters of one request, read one by one."""

    def __init__(self, sent: Iterable[tuple[str, str]], allowed: Mapping[str, Parameter]) -> None:
        self._values = taken(sent, allowed)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        """The value as it is, or None where it is not given."""
        found = self._values.get(name)
        return found[0] if found else None

    def words(self, name: str) -> tuple[str, ...]:
        """All values, commas taken as separators, each once, in order."""
        given = [word.strip() for value in self._values.get(name, ()) for word in value.split(",")]
        return tuple(dict.fromkeys(word for word in given if word))

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """One of some words."""
        found = self.text(name)
        if found is not None and found not in allowed:
            raise ParameterRefused(f"{name}={found[:80]} is not to be had", allowed)
        return found

    def day(self, name: str) -> date | None:
        """A date `YYYY-MM-DD`."""
        found = self.text(name)
        if found is None:
            return None
        number = parse_day(found)
        if number is None:
            raise ParameterRefused(f"{name} must be a date of the form 2026-01-31")
        day = to_date(number)
        if not date(1900, 1, 1) <= day <= date(9000, 12, 31):
            raise ParameterRefused(f"{name} must lie between 1900-01-01 and 9000-12-31")
        return day

    def whole(self, name: str, *, least: int = 0, most: int = _LARGEST) -> int | None:
        """A whole number."""
        found = self.text(name)
        if found is None:
            return None
        if not (found.isascii() and found.isdigit() and len(found) < 20 and least <= int(found) <= most):
            limits = f"from {least}" if most == _LARGEST else f"from {least} to {most}"
            raise ParameterRefused(f"{name} must be a whole number {limits}")
        return int(found)

    def seconds(self, name: str, default: float) -> float:
        """Seconds, with a fraction where wanted."""
        found = self.text(name)
        if found is None:
            return default
        try:
            value = float(found)
        except ValueError:
            value = -1.0
        if not 0 <= value <= MAX_TIMEOUT:
            raise ParameterRefused(f"{name} must be a number of seconds from 0 to {MAX_TIMEOUT:g}")
        return value

    def known(self) -> Known:
        """`known_at` or `known_position`."""
        position, at = self.whole("known_position"), self.text("known_at")
        if at is None:
            return Known(position)
        if position is not None:
            raise ParameterRefused("give known_at or known_position, not both")
        # a plus sign that was not encoded arrives as a blank
        instant = parse_instant(at.replace(" ", "+") if " " in at and "T" in at.upper() else at)
        if instant is None:
            raise ParameterRefused(
                "known_at must be an RFC 3339 time with an offset, e.g. 2026-01-31T09:30:00Z"
            )
        return Known(None, instant.microseconds)

    def limit(self) -> int:
        """Rows a page."""
        return self.whole("limit", least=1, most=MAX_LIMIT) or DEFAULT_LIMIT


def _span(values: Values, today: date) -> tuple[date | None, date, bool]:
    at, first, last = values.day("at"), values.day("from"), values.day("to")
    if first is None and last is None:
        return None, at or today, True
    if at is not None:
        raise ParameterRefused("give at, or from and to, not both")
    end = last or max(today, first or today)
    if first is not None and first > end:
        raise ParameterRefused("from lies after to")
    return first, end, False


def _filters(values: Values) -> dict[str, str]:
    given = {name: values.text(name) for name in _DIMENSIONS}
    filters = {name: value for name, value in given.items() if value is not None}
    currency = currency_filter(values)
    return filters if currency is None else filters | {"currency": currency}


def currency_filter(values: Values) -> str | None:
    """The one currency to show, where nothing is to be converted to it. Raises ParameterRefused."""
    currency = values.text("currency")
    if currency is None or values.text("rate") is not None:
        return None
    return _checked_currency("currency", currency)


def _checked_currency(name: str, currency: str) -> str:
    if not is_currency(currency):
        raise ParameterRefused(f"{name} must be an ISO 4217 code such as EUR, not {currency[:20]!r}")
    return currency


_RATES: Final = ("transaction", "closing", "constant:2026-01-31")


def conversion(values: Values) -> Conversion | None:
    """The currency and rate to convert at. Raises ParameterRefused."""
    rate, currency = values.text("rate"), values.text("currency")
    shown = values.text("shown") if "shown" in values else None
    if rate is None:
        if shown is not None:
            raise ParameterRefused("shown says which currency of a converted report: give rate and currency")
        return None
    if currency is None:
        raise ParameterRefused("rate needs the currency to convert to: give currency, e.g. currency=EUR")
    into = _checked_currency("currency", currency)
    if shown is not None:
        shown = _checked_currency("shown", shown)
    kind, colon, day = rate.partition(":")
    if kind == "constant":
        number = parse_day(day)
        if number is None or not 1900 <= to_date(number).year <= 9000:
            raise ParameterRefused("rate=constant needs its day: give rate=constant:2026-01-31", _RATES)
        return Conversion(into, kind, to_date(number), shown)
    if kind not in ("transaction", "closing") or colon:
        raise ParameterRefused(f"rate={rate[:80]} is not to be had", _RATES)
    return Conversion(into, kind, None, shown)


def policies_of(values: Values) -> tuple[str, ...]:
    """The policies to read under, in the order asked for. Raises ParameterRefused."""
    policies = values.words("policy")
    if len(policies) > MOST_POLICIES:
        raise ParameterRefused(f"no more than {MOST_POLICIES} policies in one request")
    return policies


def question(view: str, sent: Iterable[tuple[str, str]], today: date, *, explain: bool = False) -> Question:
    """The report, or with `explain` the row of one, that parameters ask for. Raises ParameterRefused."""
    values = Values(sent, EXPLAIN if explain else REPORT)
    start, end, is_at = _span(values, today)
    return Question(
        view,
        start,
        end,
        is_at,
        values.known(),
        values.words("by"),
        _filters(values),
        values.limit(),
        values.text("cursor"),
        values.whole("at_least"),
        values.seconds("timeout", DEFAULT_TIMEOUT),
        values.one_of("format", ("json", "csv")),
        values.whole("generation"),
        values.one_of("basis", BASES) or "restated",
        conversion(values),
        policies_of(values),
        values.one_of("proof", ("true", "false")) == "true",
    )
