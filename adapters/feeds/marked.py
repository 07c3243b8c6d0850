"""YAML with the line of every value, so that an error names the place that a person has to look at.

Belongs here: reading YAML into plain values, every scalar as the text that was written. Does not belong here:
what the values mean.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import yaml

Path: TypeAlias = tuple[str | int, ...]
#: Deeper than any file of ours; a hostile one must not exhaust the stack.
_DEEPEST: Final = 50
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})


class NotYaml(ValueError):
    """The text is not YAML as it is read here. line: from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Marked(NamedTuple):
    """A document: its values, and the line (from 1) of each by its path from the top."""

    values: Any
    lines: dict[Path, int]

    def line_of(self, path: Path) -> int:
        """The line of a value, or of the nearest one around it that there is."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def path_of(self, steps: Path) -> Path:
        """Steps as a validator tells them as a path of this document.

        Steps that name an alternative, and not a place in the document, are left out.
        """
        here: Any = self.values
        found: list[str | int] = []
        for step in steps:
            if _holds(here, step):
                here = here[step]
                found.append(step)
        return tuple(found)


def read_marked(text: str) -> Marked:
    """One YAML document. Scalars are text, as written; an empty plain one, `~` and `null` are None.

    Refused, with their line: repeated names, names that are no text, anchors and aliases, tags, several
    documents. Raises NotYaml, whose message never repeats a value.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(
            f"can't be read as YAML: {error.problem}", 1 if mark is None else mark.line + 1
        ) from None
    except yaml.YAMLError as error:
        raise NotYaml(f"can't be read as YAML ({type(error).__name__})", 1) from None
    lines: dict[Path, int] = {}
    return Marked(None if root is None else _value(root, (), lines), lines)


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise NotYaml("anchors and aliases have no meaning here: write the value out", _line(event))
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def _holds(here: Any, step: str | int) -> bool:
    if isinstance(here, dict):
        return step in here
    return isinstance(here, list) and isinstance(step, int) and step < len(here)


def _line(marked: Any) -> int:
    line: int = marked.start_mark.line
    return line + 1


def _value(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    lines[path] = _line(node)
    if len(path) > _DEEPEST:
        raise NotYaml(f"nested more than {_DEEPEST} levels deep", _line(node))
    if isinstance(node, yaml.ScalarNode):
        is_plain = node.style is None
        return None if is_plain and node.value in _NOTHING else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*path, number), lines) for number, child in enumerate(node.value)]
    found: dict[str, Any] = {}
    for key, child in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise NotYaml("a name must be a text", _line(key))
        if key.value in found:
            raise NotYaml(f"the name {key.value!r} stands here twice", _line(key))
        found[key.value] = _value(child, (*path, key.value), lines)
        lines[(*path, key.value)] = _line(key)
    return found
