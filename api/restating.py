"""A restatement as an answer: two moments of knowledge, what changed between them, and line by line why.

Belongs here: its parameters, pinning both moments, pages of lines, CSV. For HTTP and the command line alike.
Does not belong here: what changed (projections/restatement), what kind of cause it is (projections/causes).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from psycopg import Connection

from api import cursors, reading, sheets
from api.parameters import (
    KNOWN,
    REPORT,
    Known,
    Parameter,
    ParameterRefused,
    Question,
    Values,
    question,
)
from api.reporting import one_moment
from domain.instants import format_day
from domain.money import format_minor
from domain.policies import DEFAULT_POLICIES
from projections import causes
from projections.generations import Generation
from projections.questions import PERIODS, Query, checked, windows
from projections.restatement import Line, Restatement, Row, restate

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT: Final[dict[str, Any]] = {"type": "string"}
_POSITION: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_OWN: Final = {
    "from_known": Parameter(
        "The earlier moment of knowledge: RFC 3339 with an offset, or a position of the log.", _MOMENT
    ),
    "to_known": Parameter("The later one, likewise. Default: everything that is recorded.", _MOMENT),
    "from_known_position": Parameter("The earlier moment as a position of the log.", _POSITION),
    "to_known_position": Parameter("The later moment as a position of the log.", _POSITION),
    "from_generation": Parameter(
        "The generation that the earlier figures are from, where it is still kept. Default: to_generation.",
        _POSITION,
    ),
    "to_generation": Parameter("The generation that the later figures are from. Default: live.", _POSITION),
}
#: What a report takes that has no meaning between two moments, or is not to be had there.
_NOT_HERE: Final = {*KNOWN, "rate", "policy", "generation", "proof"}
RESTATEMENT: Final[dict[str, Parameter]] = {
    **_OWN,
    **{name: parameter for name, parameter in REPORT.items() if name not in _NOT_HERE},
}
#: What every line says beside its groups and measures.
_LINE: Final = ("cause", "position", "recorded_at", "type", "source", "id", "effective_on")


class Asked(NamedTuple):
    """A restatement asked for: the report, and the two moments and generations that are compared."""

    report: Question
    since: Known
    until: Known
    from_generation: int | None
    to_generation: int | None

    def identity(self) -> list[object]:
        """What must be the same from one page to the next."""
        return [*self.report.identity(), *self[1:], "restatement"]


class _Pinned(NamedTuple):
    """What one answer is given from. day: the business day of the earlier moment, None before any."""

    was: Generation
    now: Generation
    since: int
    until: int
    offset: int
    day: date | None


def asked(view: str, sent: Iterable[tuple[str, str]], today: date) -> Asked:
    """The restatement that parameters ask for. Raises ParameterRefused."""
    given = list(sent)
    values = Values(given, RESTATEMENT)
    since, until = _moment(values, "from_known"), _moment(values, "to_known")
    of_report = question(view, [(name, value) for name, value in given if name not in _OWN], today)
    generations = values.whole("from_generation"), values.whole("to_generation")
    if since.is_all and generations[0] is None:
        raise ParameterRefused(
            "give from_known: the earlier moment, as 2026-01-31T09:30:00Z or a position of the log"
        )
    return Asked(of_report, since, until, *generations)


def _moment(values: Values, name: str) -> Known:
    """A time or a position, under its name or as `<name>_position`."""
    text, position = values.text(name), values.whole(f"{name}_position")
    if text is None:
        return Known(position)
    if position is not None:
        raise ParameterRefused(f"give {name} or {name}_position, not both")
    kind = "known_position" if text.isdigit() else "known_at"
    try:
        return Values([(kind, text)], KNOWN).known()
    except ParameterRefused:
        raise ParameterRefused(
            f"{name} must be a position of the log, or an RFC 3339 time with an offset,"
            " e.g. 2026-01-31T09:30:00Z"
        ) from None


def restatement(connection: Connection[Any], wanted: Asked) -> dict[str, Any]:
    """What changed in a report between two moments, and one page of the lines that add up to it.

    Raises what a report raises.
    """
    # a view or a group that there is not is refused before anything is looked up
    checked(_query(wanted.report, 0, None))
    with one_moment(connection):
        pinned = _pinned(connection, wanted)
        was = _query(wanted.report, pinned.since, pinned.was)
        now = _query(wanted.report, pinned.until, pinned.now)
        found = restate(connection, was, now)
        told = _Told(connection, pinned, found, now)
        end = pinned.offset + wanted.report.limit
        more = cursors.Cursor(pinned.until, pinned.now.id, end, pinned.since)
        return {
            **_head(connection, wanted.report, pinned),
            "rows": [_row(row) for row in found.rows],
            "totals": [_row(row) for row in found.totals],
            "causes": told.by_cause(),
            "lines": told.lines(connection, found.lines[pinned.offset : end]),
            "not_additive": list(found.not_additive),
            **({} if found.rows else {"note": _note(pinned)}),
            "next": cursors.write(more, wanted.identity()) if end < len(found.lines) else None,
        }


def _query(of_report: Question, known: int, generation: Generation | None) -> Query:
    return Query(
        of_report.view,
        of_report.start,
        of_report.end,
        known,
        0 if generation is None else generation.id,
        by=of_report.by,
        filters=of_report.filters,
        basis=of_report.basis,
        policies=DEFAULT_POLICIES if generation is None else generation.policies,
    )


def _pinned(connection: Connection[Any], wanted: Asked) -> _Pinned:
    """Both moments as positions, both generations; of a page that follows, as its cursor says."""
    if wanted.report.cursor is not None:
        cursor = cursors.read(wanted.report.cursor, wanted.identity())
        now = reading.generation_of(connection, cursor)
        since, until, offset = cursor.since, cursor.known, cursor.offset
    else:
        now = reading.generation(connection, wanted.to_generation)
        since, until, offset = None, _until(connection, wanted, now), 0
    was = now
    if wanted.from_generation is not None:
        was = reading.generation(connection, wanted.from_generation)
    if since is None:
        since = _since(connection, wanted, was, until)
    elif since > was.position:
        raise cursors.CursorRefused("this cursor was never given: take `next` of the page before")
    return _Pinned(was, now, since, until, offset, _day(connection, wanted.since, since))


def _until(connection: Connection[Any], wanted: Asked, now: Generation) -> int:
    """The position of the later moment. Raises NotYetProjected where the live generation lacks some."""
    if wanted.to_generation is not None and not wanted.until.is_all:
        position = reading.log_position(connection, wanted.until)
        if position > now.position and reading.generation(connection, None).id != now.id:
            raise _beyond("to_known", position, now)
    return reading.known_position(connection, wanted.until, now)


def _beyond(name: str, position: int, found: Generation) -> ParameterRefused:
    return ParameterRefused(
        f"generation {found.id} stands at position {found.position} and {name} is {position}:"
        " ask for an earlier moment, or leave the generation out"
    )


def _since(connection: Connection[Any], wanted: Asked, was: Generation, until: int) -> int:
    """The position of the earlier moment."""
    if wanted.since.is_all:
        return min(was.position, until)  # the same log by two generations
    position = reading.log_position(connection, wanted.since)
    if position > until:
        raise ParameterRefused(
            f"from_known (position {position}) lies after to_known (position {until}): exchange them"
        )
    if position > was.position:
        raise _beyond("from_known", position, was)
    return position


def _day(connection: Connection[Any], known: Known, position: int) -> date | None:
    if known.instant is not None:
        latest = max(0, min(known.instant, 253_402_300_799_000_000))
        return (_EPOCH + timedelta(microseconds=latest)).date()
    at = reading.recorded_at(connection, position)
    return None if at is None else date.fromisoformat(at[:10])


def _head(connection: Connection[Any], of_report: Question, pinned: _Pinned) -> dict[str, Any]:
    start = None if of_report.start is None else of_report.start.isoformat()
    end = of_report.end.isoformat()
    return {
        "view": of_report.view,
        **({"at": end} if of_report.is_at else {"from": start, "to": end}),
        "basis": of_report.basis,
        "from_known": {"position": pinned.since, "time": reading.recorded_at(connection, pinned.since)},
        "to_known": {"position": pinned.until, "time": reading.recorded_at(connection, pinned.until)},
        "generations": {"from": _generation(pinned.was), "to": _generation(pinned.now)},
    }


def _generation(found: Generation) -> dict[str, Any]:
    return {"generation": found.id, "rules": found.rules, "policies": found.policies.stamps}


def _note(pinned: _Pinned) -> str:
    if pinned.was.id == pinned.now.id:
        logic = f"one generation ({pinned.now.id}, rules {pinned.now.rules})"
    else:
        logic = (
            f"generations {pinned.was.id} (rules {pinned.was.rules})"
            f" and {pinned.now.id} (rules {pinned.now.rules})"
        )
    return f"nothing changed in this report between positions {pinned.since} and {pinned.until}, by {logic}"


def _row(row: Row) -> dict[str, Any]:
    return {**row.group, "before": row.before, "after": row.after, "change": row.change}


class _Told:
    """The lines of a restatement for readers."""

    def __init__(self, connection: Connection[Any], pinned: _Pinned, found: Restatement, now: Query) -> None:
        self._measures = found.additive
        self._view = checked(now)
        self._period = next((name for name in now.by if name in PERIODS), None)
        labels = [window.label for window in windows(now)]
        self._counted = {"first": labels[0], "last": labels[-1]}
        positions = [line.position for line in found.lines if line.position is not None]
        self._causes = causes.Causes(connection, positions, pinned.day)
        self._generations = causes.between(pinned.was, pinned.now) or causes.LOGIC
        self._all = found.lines

    def _kind(self, line: Line) -> str:
        if line.position is None:
            return self._generations
        return self._causes.of(line.position, own=line.own).kind

    def by_cause(self) -> list[dict[str, Any]]:
        """What each kind of cause comes to, per currency; of several windows a balance counts once."""
        sums: dict[tuple[str, str], dict[str, int]] = {}
        for line in self._all:
            key = self._kind(line), str(line.group["currency"])
            held = sums.setdefault(key, dict.fromkeys(self._measures, 0))
            for name, value in line.change.items():
                held[name] += value if self._counts(line, name) else 0
        order = sorted(sums, key=lambda key: (causes.CAUSES.index(key[0]), key[1]))
        return [
            {"cause": kind, "currency": currency, "change": _amounts(sums[kind, currency], currency)}
            for kind, currency in order
        ]

    def _counts(self, line: Line, name: str) -> bool:
        window = self._counted.get(self._view.totalled_from(name))
        return self._period is None or window is None or line.group[self._period] == window

    def lines(self, connection: Connection[Any], page: list[Line]) -> list[dict[str, Any]]:
        """One page of lines, each with its cause and where that can be read."""
        positions = {line.position for line in page if line.position is not None}
        times = reading.times_of(connection, positions)
        return [self._line(line, times) for line in page]

    def _line(self, line: Line, times: dict[int, str]) -> dict[str, Any]:
        told: dict[str, Any] = dict.fromkeys(_LINE)
        links: dict[str, str] = {}
        told["cause"] = self._kind(line)
        if line.position is not None:
            cause = self._causes.of(line.position, own=line.own)
            told |= {
                "position": cause.position,
                "recorded_at": times[cause.position],
                "type": cause.type,
                "source": cause.source,
                "id": cause.id,
                "effective_on": format_day(cause.effective),
            }
            links = {
                "milestone": f"/v1/milestones/{cause.position}",
                "payload": f"/v1/milestones/{cause.position}/payload",
            }
        change = {name: line.change.get(name, 0) for name in self._measures}
        return {
            **told,
            "deal": line.deal,
            **line.group,
            "change": _amounts(change, str(line.group["currency"])),
            "links": links,
        }


def _amounts(minor: dict[str, int], currency: str) -> dict[str, str]:
    return {name: format_minor(value, currency) for name, value in minor.items()}


def as_csv(wanted: Asked, answer: dict[str, Any]) -> str:
    """The lines of a page as CSV (RFC 4180); the changes of measures are columns."""
    groups = ["deal", *(name for name in wanted.report.by if name not in ("deal", "currency")), "currency"]
    measures = checked(_query(wanted.report, 0, None)).measures
    names = [*_LINE, *groups, *(name for name in measures if name not in answer["not_additive"]), "milestone"]
    lines = answer["lines"]
    rows = ({**line, **line["change"], "milestone": line["links"].get("milestone")} for line in lines)
    return sheets.as_csv(names, rows)
