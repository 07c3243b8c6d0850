"""Digests of the code that turns facts into postings: which logic made a generation, and what differs in it.

Belongs here: which files decide what is posted, and which rule a type of milestone has. Does not belong here:
what a generation is (projections/generations).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple, get_args

import domain.instants
import domain.keys
import domain.money
import domain.placement
import domain.policies
import domain.stored
from domain import milestones as m
from projections import compiled
from projections.fold import PAYMENT_RULES, deal_rule

_HERE: Final = Path(__file__).parent
#: Modules that decide what is posted, beside the rules: a change in one of them may change any posting.
_FOLD: Final = (
    "accounts", "alone", "amending", "book", "cluster", "clusters", "facts", "fold", "folding", "holdings",
    "inheriting", "journal", "late", "parting", "proration",
)  # fmt: skip
_DOMAIN: Final[tuple[ModuleType, ...]] = (
    domain.instants, domain.keys, domain.money, domain.placement, domain.policies, domain.stored,
)  # fmt: skip
#: What the tables of a generation look like: another shape can't be written to by this version.
_TABLES: Final = ("sql/make_generation.sql",)

#: Parts from which a milestone of any type may take something beside its own rule (projections/fold), with
#: the text that is then stored in it: a payment as its subject, an entity as the name of a dimension.
BESIDE: Final = {"rules/payments": "payment/", "rules/conditions": "entity"}
_RULES: Final = "rules/"

#: The names in `rules_digests` of what is not the rule of some types of milestones.
FOLD: Final = "fold"
TABLES: Final = "tables"


def _digest(files: list[Path]) -> str:
    digest = sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _files() -> dict[str, list[Path]]:
    rules = {
        f"rules/{path.stem}": [path]
        for path in sorted((_HERE / "rules").glob("*.py"))
        if path.stem != "__init__"
    }
    fold = [_HERE / f"{name}.py" for name in _FOLD]
    fold += [compiled.source(module.__name__) for module in _DOMAIN]
    return {**rules, FOLD: fold, TABLES: [_HERE / name for name in _TABLES]}


def _sources() -> str | None:
    """Digest of these files as they are on disk now, with those that name them; None: one is gone."""
    try:
        said = [Path(__file__), compiled.source("projections.compiled")]
        return _digest([*said, *(path for files in _files().values() for path in files)])
    except OSError:
        return None


def is_outdated() -> bool:
    """Whether the rules on disk are others than those that this process began with."""
    return _sources() != _BEGAN_WITH


@cache
def rules_digest() -> str:
    """Digest of the code that turns facts into postings: another digest may mean other numbers."""
    return _digest([path for files in _files().values() for path in files])


@cache
def rules_digests() -> dict[str, str]:
    """The digest of each part of that code: `rules/<module>`, `fold` for what they share, `tables`."""
    return {name: _digest(files) for name, files in _files().items()}


@cache
def rule_of_topics() -> dict[str, str]:
    """The part whose rule a milestone of a type has, by the type's stored name; `fold` where it has none."""
    found = {}
    for kind in get_args(m.AnyMilestone):
        rule = PAYMENT_RULES.get(kind) or deal_rule(kind(**dict.fromkeys(kind.__struct_fields__)))
        module = FOLD if rule is None else rule.__module__.removeprefix("projections.").replace(".", "/")
        found[str(kind.__struct_config__.tag)] = module
    return found


class Touched(NamedTuple):
    """What parts of the rules have a say in: milestones of some types, and those that hold some text."""

    topics: frozenset[str]
    texts: frozenset[str]


def touched_by(parts: Iterable[str]) -> Touched | None:
    """What may come to other postings where these parts differ; None where anything may."""
    using = _using()
    if not set(parts) <= using.keys():
        return None
    found = set[str]().union(*(using[part] for part in parts))
    topics = frozenset(topic for topic, part in rule_of_topics().items() if part in found)
    return Touched(topics, frozenset(BESIDE[part] for part in found if part in BESIDE))


@cache
def _using() -> dict[str, frozenset[str]]:
    """Every part that is a module of rules, with those that import it, or what imports it, and itself."""
    uses = {part: _imported(files[0]) for part, files in _files().items() if part.startswith(_RULES)}

    def closure(part: str, seen: frozenset[str]) -> frozenset[str]:
        for used in uses.get(part, frozenset()) - seen:
            seen |= closure(used, seen | {used})
        return seen

    closures = {part: closure(part, frozenset({part})) for part in uses}
    return {part: frozenset(one for one, used in closures.items() if part in used) for part in uses}


def _imported(path: Path) -> frozenset[str]:
    """The modules of rules that a module imports."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module == "projections.rules":
            found |= {f"{_RULES}{name.name}" for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("projections.rules."):
            found.add(f"{_RULES}{(node.module or '').rpartition('.')[2]}")
    return frozenset(found)


#: Taken as this process begins, both: what is on disk later may be other than what it has loaded.
_BEGAN_WITH: Final = _sources()
rules_digest()
rules_digests()
