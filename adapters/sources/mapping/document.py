"""A mapping file as a tree of texts, maps and lists that knows the line of everything.

Belongs here: reading YAML with every scalar as a text, collecting what is wrong with a file. Does not belong
here: what the keys mean (the modules beside this one).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

import yaml

#: Values of one file, aliases counted where they are used: far beyond any real mapping.
MOST_VALUES: Final = 50_000
_LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class Problem(NamedTuple):
    """What is wrong with a mapping, and what would do. line: from 1. field: where, dotted, from the top."""

    line: int
    field: str
    message: str


class MappingRefused(ValueError):
    """A mapping that can't be used; carries everything found, by line. `str` has a line for each."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(set(problems)))
        super().__init__(
            "\n".join(f"{file}:{p.line}: {p.field or '(file)'}: {p.message}" for p in self.problems)
        )


class Flaw(Exception):
    """A part of a mapping can't be compiled; reading goes on behind it. Never leaves this package."""

    def __init__(self, item: Item, message: str) -> None:
        super().__init__(message)
        self.item = item
        self.message = message


@dataclass(frozen=True, slots=True)
class Item:
    """A value of the file: a text, a map or a list. field: where, dotted. line: from 1."""

    value: str | dict[str, Item] | list[Item]
    line: int
    field: str

    def text(self, wanted: str = "a text") -> str:
        """Its text. Raises Flaw where it is a map, a list or empty."""
        if not isinstance(self.value, str) or not self.value:
            raise Flaw(self, f"needs {wanted}, found {self.found}")
        return self.value

    def words(self, wanted: str = "a list of texts") -> list[str]:
        """Its texts; one alone is a list of one. Raises Flaw."""
        if isinstance(self.value, str):
            return [self.text(wanted)]
        return [item.text("a text") for item in self.items(wanted)]

    def items(self, wanted: str = "a list") -> list[Item]:
        """Its elements. Raises Flaw where it is no list."""
        if not isinstance(self.value, list):
            raise Flaw(self, f"needs {wanted}, found {self.found}")
        return self.value

    def members(self, wanted: str = "a map") -> dict[str, Item]:
        """Its members. Raises Flaw where it is no map."""
        if not isinstance(self.value, dict):
            raise Flaw(self, f"needs {wanted}, found {self.found}")
        return self.value

    @property
    def found(self) -> str:
        """What it is, for messages."""
        if isinstance(self.value, str):
            return "a text" if self.value else "nothing"
        return "a map" if isinstance(self.value, dict) else "a list"

    def plain(self) -> object:
        """The value without lines, for the digest."""
        if isinstance(self.value, str):
            return self.value
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return {name: item.plain() for name, item in self.value.items()}


@dataclass
class Problems:
    """What was found wrong so far."""

    found: list[Problem] = field(default_factory=list)

    def add(self, item: Item, message: str) -> None:
        """Note what is wrong with an item."""
        self.found.append(Problem(item.line, item.field, message))

    def note(self, flaw: Flaw) -> None:
        """Note a flaw."""
        self.add(flaw.item, flaw.message)


class Fields:
    """The members of a map, asked for by name; whatever nobody asked for is a mistake of the file.

    A context manager: leaving it reports the keys that nobody knows, with the nearest one.
    """

    def __init__(self, item: Item, problems: Problems, wanted: str = "a map") -> None:
        self.item = item
        self._members = item.members(wanted)
        self._problems = problems
        self._known: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            self.close()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def take(self, name: str) -> Item | None:
        """The member of that name, which is a known one from here on."""
        self._known.append(name)
        return self._members.get(name)

    def know(self, *names: str) -> None:
        """Names that are known though not looked at here."""
        self._known.extend(names)

    def need(self, name: str, why: str = "") -> Item:
        """The member of that name. Raises Flaw where there is none."""
        found = self.take(name)
        if found is None:
            raise Flaw(self.item, f"needs {name!r}{': ' + why if why else ''}")
        return found

    def close(self) -> None:
        """Report the keys that nobody knows."""
        for name, item in self._members.items():
            if name not in self._known:
                self._problems.add(item, unknown(name, self._known, "key"))


def unknown(name: str, known: Iterable[str], what: str) -> str:
    """That there is no such thing, and which one may be meant."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"no {what} {name!r}; did you mean {near[0]!r}?"
    return f"no {what} {name!r}; known: {' '.join(names) or 'none'}"


def is_yes(item: Item) -> bool:
    """Whether a switch is on. Raises Flaw where it is neither yes nor no."""
    told = item.text("yes or no").lower()
    if told not in ("yes", "no", "true", "false"):
        raise Flaw(item, "needs yes or no")
    return told in ("yes", "true")


def whole_number(item: Item, least: int = 0) -> int:
    """A whole number. Raises Flaw."""
    told = item.text("a whole number")
    sign = told.removeprefix("-")
    if not (sign.isascii() and sign.isdigit() and len(sign) < 10) or int(told) < least:
        raise Flaw(item, f"needs a whole number from {least}")
    return int(told)


def read_document(text: bytes, file: str) -> Item:
    """The tree of a mapping file. Raises MappingRefused where it is no YAML, or no map."""
    problems = Problems()
    try:
        node = yaml.compose(text.decode("utf-8-sig"), Loader=_LOADER)
    except UnicodeDecodeError:
        raise MappingRefused(file, [Problem(1, "", "is not UTF-8; save it as UTF-8")]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise MappingRefused(
            file, [Problem(line, "", f"is no YAML: {error.problem or error.context}")]
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MappingRefused(file, [Problem(1, "", f"is no YAML: {error}")]) from None
    if not isinstance(node, yaml.MappingNode):
        raise MappingRefused(file, [Problem(1, "", "needs a map: mapping, version, reads, objects")])
    try:
        tree = _Tree(problems).item(node, "")
    except RecursionError:
        raise MappingRefused(file, [Problem(1, "", "an alias stands within its own anchor")]) from None
    except Flaw as flaw:
        problems.note(flaw)
        tree = Item({}, 1, "")
    if problems.found:
        raise MappingRefused(file, problems.found)
    return tree


class _Tree:
    """YAML's nodes to items; `<<` is merged."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._left = MOST_VALUES

    def item(self, node: Any, field_: str, named: int | None = None) -> Item:
        """named: the line of its name; a map or list in block style begins below it."""
        self._left -= 1
        line = node.start_mark.line + 1 if named is None else named
        if self._left < 0:
            raise Flaw(Item("", line, field_), f"the file has more than {MOST_VALUES} values")
        if isinstance(node, yaml.ScalarNode):
            return Item(str(node.value), line, field_)
        if isinstance(node, yaml.SequenceNode):
            return Item([self.item(n, f"{field_}[{i}]") for i, n in enumerate(node.value)], line, field_)
        return Item(self._members(node, field_), line, field_)

    def _members(self, node: Any, field_: str) -> dict[str, Item]:
        merged: dict[str, Item] = {}
        own: dict[str, Item] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._problems.add(Item("", line, field_), "a name must be a text")
                continue
            name = str(key.value)
            inner = f"{field_}.{name}" if field_ else name
            if name == "<<":
                self._merge(value, field_, merged)
            elif name in own:
                self._problems.add(Item("", line, inner), "stands twice in one map; which one counts?")
            else:
                is_scalar = isinstance(value, yaml.ScalarNode)
                own[name] = self.item(value, inner, None if is_scalar else line)
        return {**merged, **own}

    def _merge(self, value: Any, field_: str, merged: dict[str, Item]) -> None:
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        for source in sources:
            found = self.item(source, field_)
            if not isinstance(found.value, dict):
                raise Flaw(found, "<< needs a map, or a list of maps")
            for name, item in found.value.items():
                merged.setdefault(name, item)
