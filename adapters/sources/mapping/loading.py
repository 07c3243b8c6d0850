"""A mapping file from its text to something that can be run, or everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from adapters.sources.base import Record
from adapters.sources.mapping import conditions, lists, values
from adapters.sources.mapping.closed import closed
from adapters.sources.mapping.context import Context, File, Want
from adapters.sources.mapping.cutting import Cutting, columns_of, cutting
from adapters.sources.mapping.document import (
    Fields,
    Flaw,
    Item,
    MappingRefused,
    Problem,
    Problems,
    read_document,
    unknown,
    whole_number,
)
from adapters.sources.mapping.envelopes import Envelopes
from adapters.sources.mapping.formats import read_formats
from adapters.sources.mapping.milestones import role_of
from adapters.sources.mapping.objects import Reads, object_
from adapters.sources.mapping.scope import List, Test, Value
from domain.canonical import canonical_bytes
from domain.milestones import ROLES

#: Raised whenever the engine reads a mapping that stays the same in another way.
ENGINE: Final = 1
READS: Final = ("json", "csv", "xml")
_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]{0,39}", re.ASCII)
_REASON: Final = re.compile(r"[a-z][a-z0-9_]{0,79}", re.ASCII)
_T = TypeVar("_T")
#: Kinds by their reason, and beginnings of kinds by theirs.
_Ignored: TypeAlias = "tuple[dict[str, str], list[tuple[str, str]]]"


class _Forms:
    """The compilers of values, conditions and lists, for each other."""

    def value(self, item: Item, want: Want, context: Context) -> Value:
        return values.value(item, want, context)

    def condition(self, item: Item, context: Context) -> Test:
        return conditions.condition(item, context)

    def list_(self, item: Item, context: Context) -> List:
        return lists.list_(item, context)


@dataclass(frozen=True)
class Mapping:
    """A compiled mapping. digest: SHA-256 as hexadecimal digits."""

    name: str
    version: int
    digest: str
    system: str
    reads: str
    cutting: Cutting
    envelopes: Envelopes
    ignored: dict[str, str]
    families: tuple[tuple[str, str], ...]
    objects: dict[str, Reads]

    def reason_for(self, kind: str) -> str | None:
        """Why objects of this kind are left aside; None where they are not."""
        found = self.ignored.get(kind)
        if found is None:
            found = next((reason for prefix, reason in self.families if kind.startswith(prefix)), None)
        return found

    def records(self, path: Path) -> Iterator[Record]:
        """The records of a file or folder."""
        return self.cutting.records(path)


def read_mapping(text: bytes, file: str) -> Mapping:
    """A mapping from the text of its file. Raises MappingRefused with everything that is wrong."""
    item = read_document(text, file)
    problems = Problems()
    found: Mapping | None = None
    try:
        with Fields(item, problems) as fields:
            found = _mapping(fields, problems)
    except Flaw as flaw:
        problems.note(flaw)
    if problems.found or found is None:
        raise MappingRefused(file, problems.found or [Problem(1, "", "can't be read")])
    return found


def _mapping(fields: Fields, problems: Problems) -> Mapping:
    name = _tried(problems, lambda: _word(fields.need("mapping"), _NAME, "a name such as my_shop"), "?")
    version = _tried(problems, lambda: whole_number(fields.need("version"), 1), 0)
    reads = _tried(problems, lambda: _reads(fields.need("reads")), "json")
    system = fields.take("system")
    context = _context(fields, problems, name, name if system is None else system.text(), reads)
    none: _Ignored = ({}, [])
    ignored, families = _tried(problems, lambda: _ignored(fields.take("ignored")), none)
    kind_item, objects_item = fields.take("kind"), fields.take("objects")
    cut = _tried(problems, lambda: cutting(fields, reads, kind_item, problems), None)
    kind = None
    if kind_item is not None and not (reads == "csv" and columns_of(kind_item) is not None):
        kind = context.value(kind_item, Want("code", "the object's kind"))
    envelopes = _tried(problems, lambda: Envelopes(fields.take("envelopes"), kind, context), None)
    if objects_item is None:
        raise Flaw(fields.item, "needs 'objects': what each kind of object becomes")
    objects = _objects(objects_item, context, problems)
    only = fields.take("only")
    objects = _tried(problems, lambda: closed(only, objects, problems), objects)
    _check_kinds(fields.item, kind_item, objects, reads, problems)
    if not problems.found:
        context.file.report_unused()  # else it may be used by what could not be read
    for repeated in sorted(set(ignored) & set(objects)):
        problems.add(objects_item, f"the kind {repeated!r} stands in `ignored` too; which one holds?")
    assert problems.found or (cut is not None and envelopes is not None), "what failed is noted"
    if cut is None or envelopes is None:
        raise Flaw(fields.item, "can't be read")
    return Mapping(
        name,
        version,
        _digest(fields.item, context.file.codes),
        context.file.system,
        reads,
        cut,
        envelopes,
        ignored,
        tuple(families),
        objects,
    )


def _context(fields: Fields, problems: Problems, name: str, system: str, reads: str) -> Context:
    file = File(name, system, reads, _Forms(), problems)
    tables = fields.take("tables")
    if tables is not None:
        try:
            for table, entries in tables.members("a map of tables").items():
                file.tables[table] = entries.members("a map of codes to meanings")
        except Flaw as flaw:
            problems.note(flaw)
    formats = read_formats(fields.take("formats"), problems, in_texts=reads != "json")
    context = Context(file, formats)
    role = fields.take("role")
    if role is not None:
        context = Context(file, formats, role=_tried(problems, lambda: role_of(role), ROLES[0]))
    lets = fields.take("let")
    return _tried(problems, lambda: context.with_lets(lets), context)


def _objects(item: Item, context: Context, problems: Problems) -> dict[str, Reads]:
    found: dict[str, Reads] = {}
    for kind, told in item.members("a map of kinds to objects").items():
        try:
            reads = object_(told, context)
            also = told.members().get("also")
            for name in (kind, *([] if also is None else also.words("kinds"))):
                if name in found:
                    problems.add(told, f"the kind {name!r} stands twice")
                found[name] = reads
        except Flaw as flaw:
            problems.note(flaw)
    return found


def _check_kinds(
    item: Item, kind: Item | None, objects: dict[str, Reads], reads: str, problems: Problems
) -> None:
    told = item.members().get("envelopes")
    if kind is None and told is None and reads != "csv":
        problems.add(
            item, "needs 'kind': where a record says what it is; with one kind alone: kind: =invoice"
        )
    if reads == "csv" and (kind is None or columns_of(kind) is None) and len(objects) != 1:
        problems.add(kind or item, "CSV tells kinds by columns: kind: {columns: [{kind: ..., has: [...]}]}")


def _ignored(item: Item | None) -> _Ignored:
    kinds: dict[str, str] = {}
    families: list[tuple[str, str]] = []
    for reason, told in {} if item is None else item.members("a map of reasons to kinds").items():
        _check(told, reason, _REASON, "a snake_case reason")
        for kind in told.words("a list of kinds"):
            if kind in kinds:
                raise Flaw(told, f"the kind {kind!r} is ignored for two reasons")
            if kind.endswith("*"):
                families.append((kind[:-1], reason))
            else:
                kinds[kind] = reason
    return kinds, families


def _reads(item: Item) -> str:
    if item.text() not in READS:
        raise Flaw(item, unknown(item.text(), READS, "way to read"))
    return item.text()


def _word(item: Item, form: re.Pattern[str], wanted: str) -> str:
    return _check(item, item.text(wanted), form, wanted)


def _check(item: Item, text: str, form: re.Pattern[str], wanted: str) -> str:
    if form.fullmatch(text) is None:
        raise Flaw(item, f"{text!r}: needs {wanted}")
    return text


def _tried(problems: Problems, read: Callable[[], _T], otherwise: _T) -> _T:
    """What can be read of it; what can't is noted, and reading goes on."""
    try:
        return read()
    except Flaw as flaw:
        problems.note(flaw)
        return otherwise


def _digest(item: Item, codes: set[str]) -> str:
    whole = {"engine": str(ENGINE), "codes": sorted(codes), "mapping": item.plain()}
    return sha256(canonical_bytes(whole)).hexdigest()
