"""Days and times as sources write them, to the contract's: `2026-01-31`, `2026-01-31T09:30:00Z`.

Belongs here: the notations, zones. Does not belong here: which field stands for which moment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from adapters.sources.payload import Node
from adapters.sources.times import day_text, unix_seconds, unix_time
from domain.instants import format_day, parse_day, parse_instant, to_date

_DAY: Final = 86_400
_AFTER: Final = 253_402_300_800  # 10000-01-01
_UNITS: Final = {"unix": 1, "unix_ms": 1_000, "unix_us": 1_000_000}
_CLOCK: Final = re.compile(
    r"(?:T|PT)?(?:(\d{1,2})[:H])?(?:(\d{1,2})(?:[:M]|$))?(?:(\d{1,2})(?:\.(\d+))?S?)?", re.ASCII
)
_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_ODATA: Final = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/", re.ASCII)
_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS: Final = {m: i for i, m in enumerate(_MONTH_NAMES, start=1)}
_TOKENS: Final = {
    "YYYY": r"(?P<year>\d{4})",
    "Mon": r"(?P<name>[A-Za-z]{3,9}\.?)",
    "MM": r"(?P<month>\d\d)",
    "DD": r"(?P<day>\d\d)",
    "hh": r"(?P<hour>\d\d)",
    "mm": r"(?P<minute>\d\d)",
    "ss": r"(?P<second>\d\d)",
    "fff": r"(?P<fraction>\d{1,9})",
    "AM": r"(?P<half>[AaPp]\.?[Mm]\.?)",
    "M": r"(?P<month>\d{1,2})",
    "D": r"(?P<day>\d{1,2})",
    "h": r"(?P<hour>\d{1,2})",
}
_TOKEN: Final = re.compile("|".join(sorted(_TOKENS, key=len, reverse=True)))
_LATER: Final = (
    r"(?:[T ](?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp][Mm]))?)?"
)
_NOTATIONS: Final = {
    "us_date": re.compile(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})" + _LATER, re.ASCII),
    "eu_date": re.compile(r"(?P<day>\d{1,2})[./-](?P<month>\d{1,2})[./-](?P<year>\d{4})" + _LATER, re.ASCII),
    "compact": re.compile(
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?:T?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?)?",
        re.ASCII,
    ),
    "utc": re.compile(
        r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
        r"(?:[Tt ](?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
        r"(?P<z>Z|z| UTC|[+-]00:?00)?)?",
        re.ASCII,
    ),
}
#: Every notation, by its name in `as`.
NOTATIONS: Final = ("iso", *_UNITS, "odata", *_NOTATIONS, "pattern")
_SHOWN: Final = {
    "us_date": "1/31/2026",
    "eu_date": "31.1.2026",
    "compact": "20260131 or 20260131093000",
    "utc": "2026-01-31 09:30:00, in UTC",
    "odata": "/Date(1643587200000)/",
}


class Wall(NamedTuple):
    """A day as the calendar of a place shows it, and the time of day, if one is told.

    day: number from 1970-01-01. seconds: of the day; None for a day alone. fraction: decimals of a second.
    """

    day: int
    seconds: int | None = None
    fraction: str = ""


class Moments(NamedTuple):
    """How days and times of a field are written. zone: of what says none. text: integers also as text."""

    notation: str
    zone: tzinfo
    pattern: re.Pattern[str] | None = None
    shown: str = ""
    text: bool = False


def zone_of(name: str) -> tzinfo:
    """A zone by IANA name, UTC or an offset. Raises ValueError."""
    if name == "UTC":
        return UTC
    match = _OFFSET.fullmatch(name)
    if match is not None and int(match[2]) < 24 and int(match[3]) < 60:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("needs UTC, an offset such as -08:00, or a zone such as Europe/Berlin") from None


def pattern_of(text: str) -> re.Pattern[str]:
    """A regular expression for `YYYY-MM-DD hh:mm` and the like. Raises ValueError."""
    parts: list[str] = []
    at = 0
    for match in _TOKEN.finditer(text):
        parts += [re.escape(text[at : match.start()]), _TOKENS[match[0]]]
        at = match.end()
    try:
        found = re.compile("".join(parts) + re.escape(text[at:]), re.ASCII)
    except re.error:
        raise ValueError("names a part of the date twice") from None
    if not {"year", "day"} <= set(found.groupindex) or not {"month", "name"} & set(found.groupindex):
        raise ValueError("needs a year, a month and a day: YYYY, MM (or M, Mon), DD (or D)")
    return found


def day_reader(how: Moments) -> Callable[[Any, Callable[[], Node]], str]:
    """Reads a business date: `2026-01-31`."""
    if how.notation == "iso":
        return _iso_day
    if how.notation in _UNITS:
        return lambda value, place: _instant_day(_unix(how, value, place), how.zone)
    if how.notation == "odata":
        return lambda value, place: (
            _iso_day(value, place)
            if _is_version_4(value)
            else _instant_day(_odata(value, place) // 1_000, how.zone)
        )
    return lambda value, place: format_day(_wall(how, value, place).day)


def time_reader(how: Moments) -> Callable[[Any, Callable[[], Node]], str]:
    """Reads a time: RFC 3339, with an offset."""
    if how.notation == "iso":
        return lambda value, place: _iso_time(how, value, place)
    if how.notation in _UNITS:
        return lambda value, place: _unix_text(how, value, place)
    if how.notation == "odata":
        return lambda value, place: (
            _iso_time(how, value, place)
            if _is_version_4(value)
            else _micros_text(_odata(value, place) * 1_000)
        )
    return lambda value, place: written(_wall(how, value, place), how.zone, place)


def seconds_reader(how: Moments) -> Callable[[Any, Callable[[], Node]], int]:
    """Reads a moment as seconds since 1970-01-01 UTC."""
    if how.notation == "unix":
        return lambda value, place: _unix(how, value, place)
    read = time_reader(how)

    def seconds(value: Any, place: Callable[[], Node]) -> int:
        instant = parse_instant(read(value, place))
        assert instant is not None, "the reader has made it"
        return instant.microseconds // 1_000_000

    return seconds


def quick_day(how: Moments) -> Callable[[Any], str | None] | None:
    """Reads what nearly every date looks like; None of others, which `day_reader` reads or refuses."""
    if how.notation == "iso":
        return lambda value: value if type(value) is str and parse_day(value) is not None else None
    if how.notation == "unix" and how.zone is UTC:
        return lambda value: day_text(value // _DAY) if type(value) is int and 0 <= value < _AFTER else None
    return None


def quick_time(how: Moments) -> Callable[[Any], str | None] | None:
    """Reads what nearly every time looks like; None of others, which `time_reader` reads or refuses."""
    if how.notation == "iso":
        return lambda value: value if type(value) is str and parse_instant(value) is not None else None
    if how.notation == "unix":
        return lambda value: _second_text(value) if type(value) is int and 0 <= value < _AFTER else None
    return None


def quick_seconds(how: Moments) -> Callable[[Any], int | None] | None:
    """Reads whole Unix seconds as they stand; None of others, which `seconds_reader` reads or refuses."""
    if how.notation == "unix":
        return lambda value: value if type(value) is int and 0 <= value < _AFTER else None
    return None


def written(wall: Wall, zone: tzinfo, place: Callable[[], Node]) -> str:
    """A wall clock's time in a zone as RFC 3339. Refuses an hour that the clocks there skipped."""
    seconds = wall.seconds or 0
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{wall.fraction}"
    return f"{format_day(wall.day)}T{clock}{_offset(zone, wall.day, seconds // 60, place)}"


def clock_of(text: str, place: Callable[[], Node]) -> tuple[int, str]:
    """A time of day (`09:30:00`, `093000`, `PT9H30M`) in seconds, and its decimals."""
    plain = text.strip()
    if plain.isascii() and plain.isdigit() and len(plain) in (4, 6):
        plain = ":".join(plain[i : i + 2] for i in range(0, len(plain), 2))
    match = _CLOCK.fullmatch(plain)
    if match is not None and any(match.groups()):
        hour, minute, second = (int(part or 0) for part in match.groups()[:3])
        if hour < 24 and minute < 60 and second < 60:
            return hour * 3600 + minute * 60 + second, f".{match[4]}" if match[4] else ""
    return place().refuse("time_format", "needs a time of day such as 09:30:00, 093000 or PT9H30M")


def _offset(zone: tzinfo, day: int, minutes: int, place: Callable[[], Node]) -> str:
    if zone is UTC:
        return "Z"
    date = to_date(day)
    local = datetime(date.year, date.month, date.day, minutes // 60, minutes % 60, tzinfo=zone)
    try:
        back = local.astimezone(UTC).astimezone(zone)
    except OverflowError:
        place().refuse("time_range", "the time is in no year of the calendar")
    if back.replace(tzinfo=None) != local.replace(tzinfo=None):
        place().refuse("time_skipped", "the clocks there skipped that hour; which time is meant?")
    offset = local.utcoffset()
    assert offset is not None, "a zone has an offset"
    total = int(offset.total_seconds()) // 60
    sign = "-" if total < 0 else "+"
    return f"{sign}{abs(total) // 60:02}:{abs(total) % 60:02}"


def _iso_day(value: Any, place: Callable[[], Node]) -> str:
    if type(value) is str:
        if parse_day(value) is not None:
            return value
        if parse_instant(value) is not None:
            return value[: len("2026-01-31")]
    return place().day("a date")


def _iso_time(how: Moments, value: Any, place: Callable[[], Node]) -> str:
    if type(value) is str:
        if parse_instant(value) is not None:
            return value
        day = parse_day(value)
        if day is not None:
            return written(Wall(day), how.zone, place)
        match = _NOTATIONS["utc"].fullmatch(value)
        if match is not None and match["z"] is None and how.zone is not UTC:
            return written(_parts(match, place), how.zone, place)
    return place().instant("a time")


def _unix(how: Moments, value: Any, place: Callable[[], Node]) -> int:
    """Whole seconds."""
    seconds = _integer(how, value, place) // _UNITS[how.notation]
    return seconds if 0 <= seconds < _AFTER else unix_seconds(Node(seconds, place().pointer))


def _unix_text(how: Moments, value: Any, place: Callable[[], Node]) -> str:
    unit = _UNITS[how.notation]
    count = _integer(how, value, place)
    if unit == 1:
        if 0 <= count < _AFTER:
            return _second_text(count)
        return unix_time(unix_seconds(Node(count, place().pointer)))
    unix_seconds(Node(count // unit, place().pointer))
    return _micros_text(count * (1_000_000 // unit))


def _integer(how: Moments, value: Any, place: Callable[[], Node]) -> int:
    if type(value) is int:
        return value
    if how.text and type(value) is str and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        return int(value)
    return place().integer(f"a time in Unix {'seconds' if how.notation == 'unix' else how.notation[5:]}")


def _is_version_4(value: Any) -> bool:
    """Whether it is no `/Date(...)/`: version 4 of OData writes days and times as ISO 8601 does."""
    return type(value) is str and value[:1] != "/"


def _odata(value: Any, place: Callable[[], Node]) -> int:
    """Milliseconds since 1970-01-01 UTC: the offset behind them is only how it was shown."""
    match = _ODATA.fullmatch(value) if type(value) is str else None
    if match is None:
        place().text("a time")
        place().refuse("time_format", f"needs a time of the form {_SHOWN['odata']}")
    found = int(match[1])
    unix_seconds(Node(found // 1_000, place().pointer))
    return found


@lru_cache(maxsize=4_096)
def _second_text(seconds: int) -> str:
    return unix_time(seconds)


def _micros_text(micros: int) -> str:
    seconds, rest = divmod(micros, 1_000_000)
    text = unix_time(seconds)
    return text if not rest else f"{text[:-1]}.{rest:06}".rstrip("0") + "Z"


def _instant_day(seconds: int, zone: tzinfo) -> str:
    if zone is UTC:
        return day_text(seconds // _DAY)
    day, rest = divmod(seconds, _DAY)
    date = to_date(day)
    moment = datetime(date.year, date.month, date.day, rest // 3600, rest // 60 % 60, tzinfo=UTC)
    try:
        return moment.astimezone(zone).date().isoformat()
    except OverflowError:
        return format_day(day)


def _wall(how: Moments, value: Any, place: Callable[[], Node]) -> Wall:
    expression = how.pattern or _NOTATIONS[how.notation]
    text = value if type(value) is str else str(value) if type(value) is int else place().text("a date")
    match = expression.fullmatch(text.strip())
    if match is None:
        shown = how.shown or _SHOWN[how.notation]
        place().refuse("time_format", f"needs a date or time of the form {shown}")
    return _parts(match, place)


def _parts(match: re.Match[str], place: Callable[[], Node]) -> Wall:
    told = match.groupdict()
    month = told.get("month")
    number = int(month) if month else _MONTHS.get(str(told.get("name"))[:3].lower(), 0)
    day = parse_day(f"{told['year']}-{number:02}-{int(told['day']):02}")
    if day is None:
        place().refuse("date_format", "is no day of the calendar")
    if not told.get("hour"):
        return Wall(day)
    hour, minute, second = (int(told.get(name) or 0) for name in ("hour", "minute", "second"))
    half = told.get("half")
    if half:
        if not 1 <= hour <= 12:
            place().refuse("time_format", "an hour before or after noon is 1 to 12")
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    if hour > 23 or minute > 59 or second > 59:
        place().refuse("time_format", "is no time of the day")
    fraction = (told.get("fraction") or "").rstrip("0")
    return Wall(day, hour * 3600 + minute * 60 + second, f".{fraction}" if fraction else "")
