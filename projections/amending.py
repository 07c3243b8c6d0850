"""Corrections and voids: which facts stand, and as what, in a set of facts (contract.md section 2).

The answer depends on the set alone, never on the order of arrival. Belongs here: which amendment of a target
holds. Does not belong here: postings (projections/fold), which deal a fact belongs to (projections/parting).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import msgspec

from domain import milestones as m
from domain.contract import parse_event
from projections.facts import Fact, SequenceKey, business_key
from projections.policies import Policies

AMENDING: Final = (m.MilestoneCorrected, m.MilestoneVoided)

Identity: TypeAlias = tuple[str, str]
#: time, decimals below a microsecond, sequence, source, id
Recency: TypeAlias = tuple[int, str, SequenceKey, str, str]


class Standing(NamedTuple):
    """What a set of facts comes to.

    facts: those that stand, in business order, corrected ones as their replacement. voided: those that do
    not. amended: positions of facts whose content an amendment decides. misfits: amendments that change
    nothing, with the code of the exception. home: position of each amendment -> of the fact that it speaks
    of in the end.
    """

    facts: list[Fact]
    voided: list[Fact]
    amended: list[int]
    misfits: list[tuple[Fact, str]]
    home: dict[int, int]


def recency(fact: Fact) -> Recency:
    """The order in which of several statements about one thing the last holds."""
    _, _, instant, below, sequence, source, id_ = fact.key
    return instant, below, sequence, source, id_


@lru_cache(maxsize=4_096)
def replacement_of(content: bytes) -> m.AnyMilestone:
    """The milestone in a correction. It was checked when the correction came in."""
    found: m.AnyMilestone = parse_event(msgspec.json.decode(content))  # type: ignore[assignment]
    return found


def standing(facts: Sequence[Fact], policies: Policies) -> Standing:
    """Resolve all amendments among these facts. Without any, they stand as they are."""
    amendments = [fact for fact in facts if isinstance(fact.milestone, AMENDING)]
    if not amendments:
        return Standing(list(facts), [], [], [], {})
    known = {(fact.milestone.source, fact.milestone.id): fact for fact in facts}
    depth, roots = _depths(amendments, known)
    in_force = _InForce(policies)
    for fact in sorted(amendments, key=lambda one: -depth.get(one.position, 0)):
        in_force.take(fact, roots.get(fact.position))
    found = Standing([], [], [], in_force.misfits, {at: root.position for at, root in roots.items()})
    for fact in facts:
        if isinstance(fact.milestone, AMENDING):
            continue
        if not in_force.amends(fact):
            found.facts.append(fact)
            continue
        found.amended.append(fact.position)
        content = in_force.content(fact)
        if content is None:
            found.voided.append(fact)
        else:
            found.facts.append(Fact(business_key(content), fact.position, fact.stream, content))
    found.facts.sort()
    return found


class _InForce:
    """The amendments that hold, taken in from those of amendments down to those of facts."""

    def __init__(self, policies: Policies) -> None:
        self.misfits: list[tuple[Fact, str]] = []
        self._policies = policies
        self._of: dict[Identity, list[tuple[Recency, m.AnyMilestone]]] = {}

    def take(self, fact: Fact, root: Fact | None) -> None:
        """Take in an amendment, after all that amend it. root: the fact that it speaks of in the end."""
        if root is None:
            self.misfits.append((fact, "PREDECESSOR_MISSING"))
            return
        content = self.content(fact)
        if not isinstance(content, AMENDING):
            return  # voided
        if _identity(content) != _identity(fact.milestone):
            self.misfits.append((fact, "PREDECESSOR_MISSING"))  # corrected to speak of something else
            return
        policy = self._policies.at(fact.milestone.effective)
        if not policy.entitled_for(type(root.milestone), content.source):
            self.misfits.append((fact, "SOR_VIOLATION"))
            return
        self._of.setdefault(_identity(content), []).append((recency(fact), content))

    def amends(self, fact: Fact) -> bool:
        """Whether an amendment decides what a fact says."""
        return (fact.milestone.source, fact.milestone.id) in self._of

    def content(self, fact: Fact) -> m.AnyMilestone | None:
        """What a fact says, by the last amendment of it; None where that voids it."""
        amendments = self._of.get((fact.milestone.source, fact.milestone.id))
        if amendments is None:
            return fact.milestone
        _, last = max(amendments, key=lambda one: one[0])
        return replacement_of(last.replacement) if isinstance(last, m.MilestoneCorrected) else None


def _identity(amendment: m.AnyMilestone) -> Identity:
    assert isinstance(amendment, AMENDING), "only amendments have a target"
    return amendment.target.source, amendment.target.id


def _depths(
    amendments: Iterable[Fact], known: dict[Identity, Fact]
) -> tuple[dict[int, int], dict[int, Fact]]:
    """How many amendments lie between each and the fact that it speaks of in the end, and that fact.

    Amendments in a circle speak of nothing.
    """
    depth: dict[int, int] = {}
    roots: dict[int, Fact] = {}
    for first in amendments:
        path: list[Fact] = []
        on_path: set[int] = set()
        fact: Fact | None = first
        while (
            fact is not None
            and isinstance(fact.milestone, AMENDING)
            and fact.position not in depth
            and fact.position not in on_path
        ):
            path.append(fact)
            on_path.add(fact.position)
            fact = known.get(_identity(fact.milestone))
        if fact is None or fact.position in on_path:
            continue
        below = depth.get(fact.position, -1)
        root = roots.get(fact.position, fact)
        for distance, one in enumerate(reversed(path), below + 1):
            depth[one.position], roots[one.position] = distance, root
    return depth, roots
