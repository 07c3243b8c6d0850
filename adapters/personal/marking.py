"""Payloads on their way in: personal values out, tokens in their place, before anything else reads them.

Belongs here: which rules a payload comes under, and what is made of it. Does not belong here: the file of
rules (rules.py), where values stand (spans.py), keeping them (vault.py).

What a rule matches and can't be searched is replaced whole: nothing that a rule is meant for goes on open.
Pure: the same payload gives the same tokens, so that it can be done in any process.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from adapters.personal.rules import READABLE, Rule, subject_path
from adapters.personal.spans import Malformed, Pattern, Span, Spelling, scalars, search
from adapters.personal.tokens import TOKEN, Pseudonyms
from domain.arrivals import Plain
from domain.contract import CATALOGUE, source_told
from domain.refusals import Reason

#: A header that is kept with a payload in which tokens stand, and never taken from a sender.
PERSONAL_HEADER: Final = "cairn-personal"
#: What it says: tokens stand in the payload, or one in place of all of it.
IN_PART: Final = "tokens"
AS_A_WHOLE: Final = "sealed"

SEALED: Final = Reason(
    "personal_sealed",
    "",
    "rules of CAIRN_PERSONAL are meant for it, and it can't be searched for personal values: it is kept"
    " sealed, whole; have it sent again mended",
)

#: How types begin, however cased, in which a milestone stands within another.
_CORRECTION: Final = "milestone.corrected"
_REPLACEMENT: Final = ("data", "replacement")
_SOURCE: Final = ("source",)
#: Data in base64, in which nothing is looked for.
_ENCODED: Final = (("data_base64",), (*_REPLACEMENT, "data_base64"))
#: Members of a packed CSV record that say that its cells can't be trusted.
_TORN: Final = (("beyond",), ("cells",), ("unread",))
_MOST_NAMES: Final = 10_000


#: Where a value begins and ends in a payload, and the 8 bytes of its subject.
_Piece: TypeAlias = tuple[int, int, bytes]


class _Head(msgspec.Struct):
    """What tells which rules an event comes under."""

    source: str = ""
    type: str = ""


class Guarded(NamedTuple):
    """A payload as it may be kept. values: what its tokens stand for.

    is_whole: a token is all that is left of it.
    """

    body: bytes
    values: tuple[Plain, ...]
    is_whole: bool = False

    @property
    def mark(self) -> str:
        """What `PERSONAL_HEADER` says of it."""
        return AS_A_WHOLE if self.is_whole else IN_PART


class _Field(NamedTuple):
    """A pattern of a rule, and where its subject stands; None: the value is its own."""

    pattern: Pattern
    subject: Pattern | None


def _number(text: str) -> str:
    return text


#: Numbers stay as they are written: here they only have to be numbers.
_DECODER: Final = msgspec.json.Decoder(float_hook=_number)
_HEAD: Final = msgspec.json.Decoder(_Head)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)


class Told(msgspec.Struct, array_like=True):
    """Marks as they go to another process: rules as (match, fields, subject), and two keys."""

    rules: list[tuple[str, list[list[str]], list[str] | None]]
    subject_key: bytes
    value_key: bytes


class Marks:
    """The rules of a ledger, with the keys that its tokens are made with."""

    def __init__(self, rules: Sequence[Rule], pseudonyms: Pseudonyms) -> None:
        self.rules = tuple(rules)
        self._pseudonyms = pseudonyms
        self._events = [rule for rule in rules if rule.is_of_events]
        self._records = [rule for rule in rules if not rule.is_of_events]
        self._known: dict[str, tuple[Rule, ...]] = {}

    def told(self) -> Told:
        """All of it, for a process that reads for this one."""
        rules = [
            (one.match, list(map(list, one.fields)), list(one.subject) if one.subject else None)
            for one in self.rules
        ]
        return Told(rules, self._pseudonyms.subject_key, self._pseudonyms.value_key)

    @classmethod
    def from_told(cls, told: Told) -> Marks:
        """What another process has told."""
        rules = [
            Rule(match, tuple(map(tuple, fields)), None if subject is None else tuple(subject))
            for match, fields, subject in told.rules
        ]
        return cls(rules, Pseudonyms(told.subject_key, told.value_key))

    def event(self, body: bytes) -> Guarded | None:
        """A canonical event as it may be kept; None where no rule is meant for it, or it holds no such value.

        One that does not tell its source, or not as the contract has it, may be anybody's, and is replaced
        whole.
        """
        if not self._events:
            return None
        try:
            head = _HEAD.decode(body)
        except _UNREADABLE:
            return self.whole(body)
        if not _is_source(head.source):
            return self.whole(body)
        rules = self._of(head.source, self._events)
        if _may_correct(head.type, body):
            return self._correction(body, rules)
        if not rules:
            return self.whole(body) if _is_repeated(body, _SOURCE) else None
        return self._guarded(body, _fields(rules), str, _ENCODED, is_event=True)

    def record(self, mapping: str, reads: Callable[[], str], instance: str, payload: bytes) -> Guarded | None:
        """A record of a source system, likewise. reads: what its mapping reads, `json`, `csv` or another."""
        rules = self._of(f"{mapping}/{instance}", self._records)
        if not rules:
            return None
        kind = reads()
        if kind not in READABLE:
            return self.whole(payload)
        if kind == "csv":
            return self._guarded(payload, _fields(rules), _squeezed, _TORN)
        return self._guarded(payload, _fields(rules), str)

    def unread(self, mapping: str | None, instance: str, payload: bytes) -> Guarded | None:
        """Bytes that are kept without being read, as a whole where they may hold what a rule is meant for.

        mapping: None for events.
        """
        rules = self._events if mapping is None else self._of(f"{mapping}/{instance}", self._records)
        return self.whole(payload) if rules else None

    def whole(self, payload: bytes) -> Guarded:
        """A payload replaced by one token, under a key of its own."""
        token = self._pseudonyms.token(subject := self._pseudonyms.body(payload), payload)
        return Guarded(token.json, (Plain(subject, token.value, payload, is_body=True),), is_whole=True)

    def _of(self, name: str, rules: Iterable[Rule]) -> tuple[Rule, ...]:
        found = self._known.get(name)
        if found is None:
            if len(self._known) >= _MOST_NAMES:
                self._known.clear()
            found = self._known[name] = tuple(rule for rule in rules if rule.fits(name))
        return found

    def _correction(self, body: bytes, rules: tuple[Rule, ...]) -> Guarded | None:
        """A correction, whose replacement is a milestone of the same rules, or of its own source's."""
        try:
            document = _DECODER.decode(body)
        except _UNREADABLE:
            return self.whole(body)
        data = document.get("data")
        if _is_hidden(document, _ENCODED) or not isinstance(data, dict | None):
            return self.whole(body)
        replacement = None if data is None else data.get("replacement")
        if replacement is not None:
            source = _at(replacement, _SOURCE, str)
            if not isinstance(source, str) or not _is_source(source):
                return self.whole(body)
            rules = (*rules, *(one for one in self._of(source, self._events) if one not in rules))
        if not rules:
            return self.whole(body) if _is_repeated(body, (*_REPLACEMENT, *_SOURCE)) else None
        return self._guarded(body, _fields(rules, (), _REPLACEMENT), str, _ENCODED, is_event=True)

    def _guarded(
        self,
        body: bytes,
        fields: list[_Field],
        spelling: Spelling,
        hiding: Sequence[Pattern] = (),
        *,
        is_event: bool = False,
    ) -> Guarded | None:
        """hiding: where something stands, values may stand in places that no pattern leads to.

        is_event: its form is known, so that another one hides something, and so do members given twice.
        """
        try:
            document = _DECODER.decode(body)
            found, is_blocked, is_repeated = search(body, [field.pattern for field in fields], spelling)
        except (*_UNREADABLE, Malformed):
            return self.whole(body)
        if _is_hidden(document, hiding) or (is_event and (is_blocked or is_repeated)):
            return self.whole(body)
        cuts = [
            cut
            for span in found
            for cut in self._cuts(document, body, span, fields[span.pattern], spelling)
            if not _is_nothing(body[cut[0] : cut[1]])
        ]
        cuts += self._lookalikes(body, cuts)
        return self._cut(body, sorted(cuts)) if cuts else None

    def _cuts(
        self, document: Any, body: bytes, span: Span, field: _Field, spelling: Spelling
    ) -> Iterator[_Piece]:
        """A value under the subject that is told; without one, all that it holds, each its own subject."""
        named = _named(document, span, field, spelling)
        if named is not None:
            yield span.start, span.end, self._pseudonyms.subject(named)
            return
        for start, end in scalars(body, span.start, span.end):
            yield start, end, self._pseudonyms.subject(_text(body[start:end]))

    def _lookalikes(self, body: bytes, cuts: list[_Piece]) -> list[_Piece]:
        """Texts that look like tokens of ours and are not: given one, they are put back as they were.

        cuts: in order.
        """
        starts = [start for start, _, _ in cuts]
        found = []
        for match in TOKEN.finditer(body):
            before = bisect_right(starts, match.start()) - 1
            if before < 0 or cuts[before][1] <= match.start():
                found.append((match.start(), match.end(), self._pseudonyms.subject(_text(match[0]))))
        return found

    def _cut(self, body: bytes, cuts: list[_Piece]) -> Guarded:
        parts: list[bytes] = []
        values: dict[tuple[bytes, bytes], Plain] = {}
        at = 0
        for start, end, subject in cuts:
            raw = body[start:end]
            token = self._pseudonyms.token(subject, raw)
            values[token] = Plain(token.subject, token.value, raw)
            parts += (body[at:start], token.json)
            at = end
        parts.append(body[at:])
        return Guarded(b"".join(parts), tuple(values.values()))


def _fields(rules: Iterable[Rule], *prefixes: Pattern) -> list[_Field]:
    return [
        _Field((*prefix, *pattern), None if rule.subject is None else (*prefix, *rule.subject))
        for rule in rules
        for pattern in rule.fields
        for prefix in prefixes or ((),)
    ]


def _is_source(source: str) -> bool:
    return source_told(source) is None and "\0" not in source


def _may_correct(name: str, body: bytes) -> bool:
    """Whether an event of this type is a correction, or is of no known one and may be meant as one."""
    if name.strip().casefold().startswith(_CORRECTION):
        return True
    return name not in CATALOGUE and (b"replacement" in body or b"\\u" in body)


def _is_repeated(body: bytes, path: Pattern) -> bool:
    """Whether an object on the way to a source has members twice: then which rules are meant is in doubt.

    Looked for only where the source itself may be there twice.
    """
    if len(path) == len(_SOURCE) and body.count(b'"source"') == 1 and b"\\u" not in body:
        return False
    try:
        return search(body, [path]).is_repeated
    except (*_UNREADABLE, Malformed):
        return True


def _named(document: Any, span: Span, field: _Field, spelling: Spelling) -> str | None:
    """The id of the subject that a value is told to be of; None where it is its own."""
    if field.subject is None:
        return None
    path = subject_path(field.subject, field.pattern, span.path)
    named = None if path is None else _at(document, path, spelling)
    if isinstance(named, int) and not isinstance(named, bool):
        return str(named)
    return named if isinstance(named, str) and named.strip() else None


def _is_hidden(document: Any, hiding: Sequence[Pattern]) -> bool:
    return any(_at(document, path, str) not in (None, "", [], {}) for path in hiding)


def _at(value: Any, path: Sequence[str], spelling: Spelling) -> Any:
    """What stands at a path; None where nothing does. Of members spelled alike, the last."""
    for step in path:
        if isinstance(value, dict):
            if step in value:
                value = value[step]
                continue
            alike = [inner for name, inner in value.items() if spelling(name) == spelling(step)]
            value = alike[-1] if alike else None
        elif isinstance(value, list):
            value = value[int(step)] if step.isdecimal() and int(step) < len(value) else None
        else:
            return None
    return value


def _squeezed(name: str) -> str:
    """A CSV column however it is cased, spaced or punctuated: a file spelled another way is not let by."""
    return "".join(filter(str.isalnum, name)).casefold() or name


def _is_nothing(raw: bytes) -> bool:
    """Whether a value tells nothing of anybody: null, and texts that are empty or blank."""
    return raw == b"null" or (raw[:1] == b'"' and not raw[1:-1].strip())


def _text(raw: bytes) -> str:
    """A value as the id of a subject: a text without its quotes, all else as it is written."""
    if raw[:1] == b'"':
        return msgspec.json.decode(raw, type=str)
    return raw.decode()
