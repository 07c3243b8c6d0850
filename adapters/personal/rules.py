"""The file of rules (`CAIRN_PERSONAL`): which values are personal, and whose; errors by file, line, field.

Belongs here: the file's shape, its errors, which rules a reader comes under. Does not belong here: finding
the values (spans.py), replacing them (marking.py).

    rules:
      - match: /crm/hubspot/*             # events by their source; records by mapping/instance: hubspot/acme
        fields: [/data/dimensions/owner]  # JSON Pointers into the payload; * is any element or member
        subject: value                    # whose they are: a pointer, or `value`: each value is its own
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, NamedTuple

from adapters.feeds.files import FileError, FileRefused, read_file
from adapters.feeds.marked import Marked
from adapters.personal.spans import ANY, Pattern
from domain.contract import ATTRIBUTES, CATALOGUE

#: Rules of a file, and steps of a pointer.
_MOST_RULES: Final = 1_000
_DEEPEST: Final = 20
_FIELDS: Final = ("match", "fields", "subject")
_VALUE: Final = "value"
_GLOB: Final = re.compile(r"[*?\[\]]")
_ESCAPE: Final = re.compile(r"~(?![01])")
#: What mappings read in which a value has a place that can be found again.
READABLE: Final = frozenset({"json", "csv"})
#: What a token can't stand for in an event: it would name something else, or nothing.
_IDENTIFYING: Final = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "sequence", "datacontenttype"}
)
_TEXTS: Final = frozenset(
    field.wire for kind in CATALOGUE.values() for field in kind.fields if field.reads.how in ("text", "json")
)
_OTHERS: Final = (
    frozenset(field.wire for kind in CATALOGUE.values() for field in kind.fields)
    | {"keys", "effective_on"}
) - _TEXTS - {"lines", "replacement"}  # fmt: skip

#: The name of a mapping to what it reads (`json`, `csv`, `xml`), for all that there are.
Readers = Mapping[str, Callable[[], str]]


class Rule(NamedTuple):
    """One rule. match: three segments for events, two for records. subject: None: each value is its own."""

    match: str
    fields: tuple[Pattern, ...]
    subject: Pattern | None

    @property
    def is_of_events(self) -> bool:
        """Whether it is of canonical events, not of records that a mapping reads."""
        return self.match.startswith("/")

    def fits(self, name: str) -> bool:
        """Whether what is read as `/role/system/instance` or `mapping/instance` comes under it."""
        wanted, found = self.match.split("/"), name.split("/")
        return len(wanted) == len(found) and all(
            fnmatchcase(one, glob) for one, glob in zip(found, wanted, strict=True)
        )

    def told(self) -> dict[str, Any]:
        """The rule for people."""
        subject = _VALUE if self.subject is None else as_pointer(self.subject)
        return {"match": self.match, "fields": [as_pointer(one) for one in self.fields], "subject": subject}


class _Flaw(ValueError):
    """What is wrong with one field. below: steps from the field to it."""

    def __init__(self, message: str, *below: str | int) -> None:
        super().__init__(message)
        self.below = below


def as_pointer(pattern: Pattern) -> str:
    """A pattern as a JSON Pointer."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in pattern)


def read_rules(path: Path, readers: Readers | None = None) -> tuple[Rule, ...]:
    """The rules of a file, in its order. readers: the mappings that there are; without it any will do.

    Raises FileRefused with every error; FileNotFoundError, PermissionError.
    """
    reading = _Reading(path, read_file(path), readers)
    found = reading.rules()
    if reading.errors:
        raise FileRefused(reading.errors)
    return found


class _Reading:
    """One file being read; what is wrong gathers in `errors`."""

    def __init__(self, path: Path, marked: Marked, readers: Readers | None) -> None:
        self._path = path
        self._marked = marked
        self._readers = readers
        self.errors: list[FileError] = []

    def rules(self) -> tuple[Rule, ...]:
        """The rules that are right."""
        top = self._marked.values
        if not isinstance(top, dict):
            self._say((), "must hold `rules`: a list of rules")
            return ()
        for name in top:
            if name != "rules":
                self._say((name,), f"there is no such field{_meant(name, ('rules',))}")
        told = top.get("rules")
        if not isinstance(told, list) or not 1 <= len(told) <= _MOST_RULES:
            self._say(("rules",), f"must be a list of 1 to {_MOST_RULES:,} rules")
            return ()
        found = [self._rule(number, one) for number, one in enumerate(told)]
        return tuple(rule for rule in found if rule is not None)

    def _say(self, steps: tuple[str | int, ...], message: str) -> None:
        line = self._marked.line_of(steps)
        self.errors.append(FileError(self._path, line, ".".join(map(str, steps)), message))

    def _rule(self, number: int, told: Any) -> Rule | None:
        place = ("rules", number)
        if not isinstance(told, dict):
            self._say(place, "must be a rule: match, fields, subject")
            return None
        before = len(self.errors)
        for name in told:
            if name not in _FIELDS:
                self._say((*place, name), f"there is no such field{_meant(name, _FIELDS)}")
        for name in _FIELDS:
            if told.get(name) is None:
                self._say((*place, name), "is missing")
        if len(self.errors) > before:
            return None
        match = ""
        fields: tuple[Pattern, ...] = ()
        subject: Pattern | None = None
        for name in _FIELDS:
            try:
                if name == "match":
                    match = self._match(told[name])
                elif name == "fields":
                    fields = _fields(told[name], of_events=match.startswith("/"))
                else:
                    subject = _subject(told[name], fields)
            except _Flaw as flaw:
                self._say((*place, name, *flaw.below), str(flaw))
                return None
        return Rule(match, fields, subject)

    def _match(self, told: Any) -> str:
        if not isinstance(told, str) or "\0" in told:
            raise _Flaw("must be a text: /crm/hubspot/* or hubspot/acme")
        parts = told.split("/")
        if told.startswith("/"):
            if len(parts) != 4 or not all(parts[1:]):
                raise _Flaw("must be a source of events, /role/system/instance, such as /crm/hubspot/*")
            return told
        if len(parts) != 2 or not all(parts):
            raise _Flaw("must be mapping/instance, such as hubspot/acme, or /role/system/instance for events")
        self._check_mapping(parts[0])
        return told

    def _check_mapping(self, name: str) -> None:
        """Raises _Flaw where there is none such, or one whose records have no places to look for values."""
        if self._readers is None:
            return
        if not _GLOB.search(name) and name not in self._readers:
            raise _Flaw(f"there is no mapping {name[:80]!r}{_meant(name, self._readers)}")
        for mapping, reads in self._readers.items():
            if fnmatchcase(mapping, name) and (kind := reads()) not in READABLE:
                raise _Flaw(
                    f"the mapping {mapping} reads {kind}, in which single values can't be told apart: only"
                    " records that are JSON or CSV can have personal values; leave it out"
                )


def _fields(told: Any, *, of_events: bool) -> tuple[Pattern, ...]:
    if not isinstance(told, list) or not told:
        raise _Flaw("must be a list of JSON Pointers, such as /properties/email")
    found = []
    for number, one in enumerate(told):
        pattern = _pattern(one, number)
        if of_events:
            _check_event_field(pattern, number)
        found.append(pattern)
    return tuple(found)


def _pattern(told: Any, *below: int) -> Pattern:
    if not isinstance(told, str) or not told.startswith("/") or told == "/":
        raise _Flaw("must be a JSON Pointer that begins with /, such as /properties/email", *below)
    if _ESCAPE.search(told):
        raise _Flaw("a ~ is written ~0 and a / within a name ~1", *below)
    steps = tuple(part.replace("~1", "/").replace("~0", "~") for part in told.split("/")[1:])
    if len(steps) > _DEEPEST:
        raise _Flaw(f"has more than {_DEEPEST} steps", *below)
    return steps


def _check_event_field(pattern: Pattern, number: int) -> None:
    """Raises _Flaw where a token in this place would leave no milestone."""
    first, second = pattern[0], pattern[1] if len(pattern) > 1 else None
    if first in _IDENTIFYING:
        raise _Flaw(f"{first} says which milestone it is: a token can't stand there", number)
    if first == ANY or (first == "data" and second in (None, ANY)):
        raise _Flaw("takes in what a milestone can't be without: name the values", number)
    if first == "data" and second in _OTHERS:
        raise _Flaw(f"data.{second} is no free text: a token can't stand there", number)
    if first == "data" and second == "dimensions" and len(pattern) == 2:
        raise _Flaw("name the dimension, or /data/dimensions/* for all", number)
    if first not in ("data", *ATTRIBUTES):
        raise _Flaw(f"an event has no {first[:80]!r}: its fields begin with /data/", number)


def _subject(told: Any, fields: Iterable[Pattern]) -> Pattern | None:
    if told == _VALUE:
        return None
    subject = _pattern(told)
    for pattern in fields:
        if subject_path(subject, pattern, pattern) is None:
            raise _Flaw(
                f"its * is not bound by the field {as_pointer(pattern)}: up to its last * it must be the same"
            )
    return subject


def subject_path(subject: Pattern, field: Pattern, path: tuple[str, ...]) -> Pattern | None:
    """Where the subject of a value stands: each `*` of it is what the field's own has come to at `path`.

    None where some `*` is not one of the field's, with the same steps before it.
    """
    found = []
    is_same = True
    for depth, step in enumerate(subject):
        is_same = is_same and depth < len(field) and field[depth] == step
        if step == ANY and not is_same:
            return None
        found.append(path[depth] if step == ANY else step)
    return tuple(found)


def _meant(given: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(given, names, n=1)
    if close:
        return f": did you mean {close[0]}?"
    return f": one of {', '.join(sorted(names))}" if names else ""
