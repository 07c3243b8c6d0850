"""How the files of a mapped source are cut into records: `records`, `csv`, the columns that tell kinds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.sources import files
from adapters.sources.base import Record
from adapters.sources.headers import Vocabulary
from adapters.sources.mapping.document import Fields, Flaw, Item, Problems, is_yes, unknown
from adapters.sources.mapping.gathering import Gathering, gathered
from adapters.sources.mapping.xml import xml_records
from adapters.sources.tables import Table, csv_records

_RUN: Final = re.compile(r"(?<=.)__+")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Z])")
_OTHER: Final = re.compile(r"[^A-Za-z0-9_]+")
_ENDS: Final = re.compile(r"^[^A-Za-z0-9_]+|[^A-Za-z0-9_]+$")
_SPELLINGS: Final[dict[str, Callable[[str], str]]] = {}


def column_name(header: str) -> str:
    """A column as connectors write it: `StageName` is `stage_name`, `SBQQ__Quote__c` is `sbqq_quote_c`."""
    return _RUN.sub("_", _HUMP.sub("_", _OTHER.sub("_", _ENDS.sub("", header)))).lower()


_SPELLINGS.update({"as_is": lambda header: header, "lower": str.lower, "snake": column_name})


@dataclass(frozen=True)
class Cutting:
    """Files to records. spelled: a CSV column as paths name it. columns: kinds by their columns."""

    records: Callable[[Path], Iterator[Record]]
    spelled: Callable[[str], str] = _SPELLINGS["as_is"]
    columns: tuple[tuple[str, frozenset[str]], ...] = ()

    def kind_of(self, header: frozenset[str]) -> str:
        """The kind that a header's columns tell, `unknown` where none fits."""
        names = {self.spelled(column) for column in header}
        return next((kind for kind, signs in self.columns if signs <= names), "unknown")


def cutting(fields: Fields, reads: str, kind: Item | None, problems: Problems) -> Cutting:
    """`records` and `csv` of a mapping. Raises Flaw."""
    records, table = fields.take("records"), fields.take("csv")
    if table is not None and reads != "csv":
        raise Flaw(table, "goes with `reads: csv`")
    if reads == "json":
        return _json(records, problems)
    if reads == "xml":
        return _xml(records, problems)
    named = fields.item.members().get("mapping")
    name = named.value if named is not None and isinstance(named.value, str) else "?"
    return _csv(records, table, kind, problems, name=name, whole=fields.item)


def columns_of(kind: Item) -> Item | None:
    """The `columns` by which CSV tells kinds."""
    return kind.value.get("columns") if isinstance(kind.value, dict) else None


def _suffixes(fields: Fields | None) -> frozenset[str]:
    told = None if fields is None else fields.take("suffixes")
    words = [] if told is None else told.words("endings of file names")
    if told is not None and not all(word.startswith(".") for word in words):
        raise Flaw(told, "an ending begins with a dot, such as .txt")
    return frozenset(word.lower() for word in words)


def _json(records: Item | None, problems: Problems) -> Cutting:
    inner, more = None, frozenset[str]()
    if records is not None:
        with Fields(records, problems, "{members_of: name}") as fields:
            told = fields.take("members_of")
            inner, more = None if told is None else told.text(), _suffixes(fields)
    return Cutting(lambda path: files.json_records(path, members_of=inner, also=more))


def _names(item: Item | None) -> tuple[str, ...]:
    return () if item is None else tuple(item.words("names of columns"))


def _words(item: Item) -> Iterator[str]:
    """All that a mapping says; what it does not say can't be a column that it reads."""
    if isinstance(item.value, str):
        yield item.value
    elif isinstance(item.value, list):
        for inner in item.value:
            yield from _words(inner)
    else:
        for name, inner in item.value.items():
            yield name
            yield from _words(inner)


def _csv(
    records: Item | None,
    table: Item | None,
    kind: Item | None,
    problems: Problems,
    *,
    name: str,
    whole: Item,
) -> Cutting:
    more = frozenset[str]()
    if records is not None:
        with Fields(records, problems) as fields:
            more = _suffixes(fields)
    columns = _columns(kind, problems)
    shape, spelled = Table(also=more), _SPELLINGS["as_is"]
    needs: tuple[str, ...] = ()
    only = frozenset[str]()
    if table is not None:
        wanted = "a map of delimiter, encoding, columns, header, group_by, needs, only"
        with Fields(table, problems, wanted) as fields:
            shape, spelled = _table(fields, more)
            needs = _names(fields.take("needs"))
            only = frozenset(_names(fields.take("only")))
    shape = shape._replace(known=Vocabulary(name, "\n".join(_words(whole)), needs, only))
    found = Cutting(lambda path: csv_records(path, found.kind_of, shape), spelled, columns)
    return found


def _table(fields: Fields, more: frozenset[str]) -> tuple[Table, Callable[[str], str]]:
    delimiter, encoding = fields.take("delimiter"), fields.take("encoding")
    spelling, header, group_by = fields.take("columns"), fields.take("header"), fields.take("group_by")
    name = "as_is" if spelling is None else spelling.text()
    if name not in _SPELLINGS:
        raise Flaw(spelling or fields.item, unknown(name, _SPELLINGS, "spelling of columns"))
    mark = "," if delimiter is None else delimiter.text().replace("\\t", "\t")
    if len(mark) != 1:
        raise Flaw(delimiter or fields.item, "needs one character")
    code = "utf-8" if encoding is None else encoding.text()
    try:
        "".encode(code)
    except LookupError:
        raise Flaw(encoding or fields.item, f"{code!r} is no encoding, such as utf-8 or cp1252") from None
    spelled = _SPELLINGS[name]
    return (
        Table(
            mark,
            code,
            _names(header),
            _names(group_by),
            spelled,
            more,
        ),
        spelled,
    )


def _columns(kind: Item | None, problems: Problems) -> tuple[tuple[str, frozenset[str]], ...]:
    told = None if kind is None else columns_of(kind)
    if kind is None or told is None:
        return ()
    found = []
    with Fields(kind, problems) as whole:
        whole.know("columns")
        for item in told.items("a list of {kind, has}"):
            with Fields(item, problems, "{kind, has}") as fields:
                name, has = fields.need("kind").text(), fields.need("has").words("names of columns")
            found.append((name, frozenset(has)))
    return tuple(found)


def _xml(records: Item | None, problems: Problems) -> Cutting:
    names: frozenset[str] | None = None
    children, more = False, frozenset[str]()
    together: tuple[Gathering, ...] = ()
    if records is not None and isinstance(records.value, dict):
        with Fields(records, problems, "{elements: [...]} or {children: yes}") as fields:
            elements, every = fields.take("elements"), fields.take("children")
            together = _gatherings(fields.take("gather"), problems)
            more = _suffixes(fields)
            names = None if elements is None else frozenset(elements.words("names of elements"))
            children = every is not None and is_yes(every)
            if names is not None and children:
                raise Flaw(records, "needs elements or children, not both")
            if together and names is None and not children:
                raise Flaw(records, "`gather` needs elements or children beside it: the rows")
    elif records is not None and records.text() != "whole":
        raise Flaw(records, "needs whole, {elements: [...]} or {children: yes}")

    def cut(path: Path) -> Iterator[Record]:
        rows = xml_records(path, names, children=children, also=more)
        return gathered(rows, together) if together else rows

    return Cutting(cut)


def _gatherings(item: Item | None, problems: Problems) -> tuple[Gathering, ...]:
    """A list of {head, by, rows}. Raises Flaw."""
    found: list[Gathering] = []
    taken: set[str] = set()
    for told in [] if item is None else item.items("a list of {head, by, rows}"):
        with Fields(told, problems, "{head, by, rows}") as fields:
            head, by, rows = (fields.need(name) for name in ("head", "by", "rows"))
            one = Gathering(head.text(), by.text(), frozenset(rows.words("names of elements")))
        twice = taken & {one.head, *one.rows}
        if twice:
            raise Flaw(told, f"{min(twice)!r} is gathered already; a row belongs to one document")
        taken |= {one.head, *one.rows}
        found.append(one)
    return tuple(found)
