"""`formats`, and the same keys beside a value: how amounts, numbers, days, times and flags are written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from adapters.sources.mapping.document import Fields, Flaw, Item, Problems, is_yes, unknown, whole_number
from adapters.sources.mapping.moments import NOTATIONS, Moments, pattern_of, zone_of
from adapters.sources.mapping.numbers import Numbers, decimals_by_currency
from adapters.sources.payload import Node
from domain.money import is_currency

#: Keys that say how a value is written, beside any head.
NUMBER_KEYS: Final = (
    "as", "thousands", "decimal", "trailing_minus", "parentheses", "symbols", "round", "decimals", "text",
    "exponent",
)  # fmt: skip
MOMENT_KEYS: Final = ("as", "zone", "pattern", "text")
FLAG_KEYS: Final = ("yes", "no")
KEYS: Final = tuple(sorted({*NUMBER_KEYS, *MOMENT_KEYS, *FLAG_KEYS}))
_AMOUNTS: Final = ("any", "major", "minor", "text")
_NUMBERS: Final = ("any", "major", "percent", "text")


@dataclass(frozen=True)
class Flags:
    """The words, in small letters, that mean yes and no; JSON booleans always do."""

    yes: frozenset[str] = frozenset({"true"})
    no: frozenset[str] = frozenset({"false"})
    texts: bool = False

    def read(self, value: Any, place: Node) -> bool:
        """Whether it is a yes."""
        if value is True or value is False:
            return bool(value)
        if self.texts and isinstance(value, (str, int)):
            told = str(value).strip().lower()
            if told in self.yes:
                return True
            if told not in self.no:
                place.refuse("flag_format", f"needs one of {' '.join(sorted(self.yes | self.no))}")
            return False
        return place.wrong("flag_format", "true or false")


@dataclass(frozen=True)
class Formats:
    """How the fields of a mapping are written."""

    amount: Numbers
    number: Numbers
    day: Moments
    time: Moments
    flag: Flags


def read_formats(item: Item | None, problems: Problems, *, in_texts: bool) -> Formats:
    """The `formats` of a mapping. in_texts: CSV and XML, where everything is a text."""
    found = Formats(
        Numbers(text=in_texts),
        Numbers(text=in_texts),
        Moments("iso", zone_of("UTC"), text=in_texts),
        Moments("iso", zone_of("UTC"), text=in_texts),
        Flags(texts=in_texts),
    )
    if item is None:
        return found
    try:
        with Fields(item, problems, "a map of amount, number, day, time, flag") as fields:
            zone = fields.take("zone")
            if zone is not None:
                there = _zone(zone)
                found = replace(
                    found, day=found.day._replace(zone=there), time=found.time._replace(zone=there)
                )
            for name, read in (("amount", _amount), ("number", _number), ("day", _day), ("time", _time)):
                told = fields.take(name)
                if told is not None:
                    try:
                        found = read(found, _map(told), problems)
                    except Flaw as flaw:
                        problems.note(flaw)
            flag = fields.take("flag")
            if flag is not None:
                found = overridden(found, "flag", flag.members(), problems, flag)
    except Flaw as flaw:
        problems.note(flaw)
    return found


def overridden(
    formats: Formats, kind: str, keys: dict[str, Item], problems: Problems, owner: Item
) -> Formats:
    """The formats with those of one kind (amount, number, day, time, flag) as a value's own keys say.

    Raises Flaw.
    """
    own = Item({name: item for name, item in keys.items() if name in KEYS}, owner.line, owner.field)
    if not own.value:
        return formats
    if kind == "flag":
        return replace(formats, flag=_flags(own, problems))
    return {"amount": _amount, "number": _number, "day": _day, "time": _time}[kind](formats, own, problems)


def _map(item: Item) -> Item:
    """A word alone is its `as`."""
    return Item({"as": item}, item.line, item.field) if isinstance(item.value, str) else item


def _amount(formats: Formats, item: Item, problems: Problems) -> Formats:
    return replace(formats, amount=_numbers(formats.amount, item, problems, _AMOUNTS))


def _number(formats: Formats, item: Item, problems: Problems) -> Formats:
    return replace(formats, number=_numbers(formats.number, item, problems, _NUMBERS))


def _day(formats: Formats, item: Item, problems: Problems) -> Formats:
    return replace(formats, day=_moments(formats.day, item, problems))


def _time(formats: Formats, item: Item, problems: Problems) -> Formats:
    return replace(formats, time=_moments(formats.time, item, problems))


def _numbers(before: Numbers, item: Item, problems: Problems, words: tuple[str, ...]) -> Numbers:
    changes: dict[str, Any] = {}
    with Fields(item, problems) as fields:
        told = fields.take("as")
        if told is not None:
            changes["notation"] = _word(told, words)
        for name, key in (("thousands", "thousands"), ("decimal", "mark")):
            sign = fields.take(name)
            if sign is not None:
                changes[key] = _sign(sign)
        for name in ("trailing_minus", "parentheses", "text", "exponent"):
            switch = fields.take(name)
            if switch is not None:
                changes[name] = is_yes(switch)
        symbols = fields.take("symbols")
        if symbols is not None:
            changes["symbols"] = symbols.text("the characters to drop")
        rounding = fields.take("round")
        if rounding is not None:
            _word(rounding, ("half_up",))
            changes["rounded"] = True
        decimals = fields.take("decimals")
        if decimals is not None:
            changes["decimals"] = _decimals(decimals)
    found = before._replace(**changes)
    if found.thousands == found.mark:
        raise Flaw(item, "`thousands` and `decimal` are the same; which one is which?")
    if found.decimals is not None and found.notation != "minor":
        raise Flaw(item, "`decimals` goes with `as: minor`")
    return found


def _sign(item: Item) -> str:
    text = item.value
    if not isinstance(text, str) or len(text) != 1 or text.isalnum() or text == "-":
        raise Flaw(item, "needs one character, such as ','")
    return text


def _decimals(item: Item) -> dict[str, int] | None:
    if isinstance(item.value, str):
        return None if item.value == "iso" else decimals_by_currency({}, whole_number(item))
    groups: dict[str, list[str]] = {}
    other = None
    for name, told in item.members("iso, a number, or a map by number of decimals").items():
        if name == "*":
            other = None if told.value == "iso" else whole_number(told)
            continue
        if not (name.isascii() and name.isdigit() and len(name) == 1):
            raise Flaw(told, "needs a number of decimals from 0 to 9, or '*'")
        groups[name] = told.words("currencies")
        for code in groups[name]:
            if code != "iso" and not is_currency(code):
                raise Flaw(told, f"{code!r} is no ISO 4217 currency")
    return decimals_by_currency(groups, other)


def _moments(before: Moments, item: Item, problems: Problems) -> Moments:
    changes: dict[str, Any] = {}
    with Fields(item, problems) as fields:
        told, zone, pattern = fields.take("as"), fields.take("zone"), fields.take("pattern")
        text = fields.take("text")
        if pattern is not None:
            changes["notation"], changes["shown"] = "pattern", pattern.text()
            try:
                changes["pattern"] = pattern_of(pattern.text())
            except ValueError as error:
                raise Flaw(pattern, str(error)) from None
        if told is not None:
            notation = _word(told, NOTATIONS)
            if (notation == "pattern") != (pattern is not None):
                raise Flaw(told, "`as: pattern` and `pattern` go together")
            changes["notation"] = notation
            if notation != "pattern":
                changes["pattern"] = None
        if zone is not None:
            changes["zone"] = _zone(zone)
        if text is not None:
            changes["text"] = is_yes(text)
    found = before._replace(**changes)
    return found._replace(zone=zone_of("UTC")) if found.notation == "utc" else found


def _zone(item: Item) -> Any:
    try:
        return zone_of(item.text("a zone"))
    except ValueError as error:
        raise Flaw(item, str(error)) from None


def _flags(item: Item, problems: Problems) -> Flags:
    with Fields(item, problems) as fields:
        yes, no = fields.need("yes").words(), fields.need("no").words()
    words = frozenset(word.lower() for word in yes), frozenset(word.lower() for word in no)
    if words[0] & words[1]:
        raise Flaw(item, "a word means both yes and no")
    return Flags(*words, texts=True)


def _word(item: Item, words: tuple[str, ...]) -> str:
    told = item.text()
    if told not in words:
        raise Flaw(item, unknown(told, words, "notation"))
    return told
