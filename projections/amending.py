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
    contents: dict[int, m.AnyMilestone | None] = {}  # what an amendment says, by position; None: nothing
    of: dict[Identity, list[Fact]] = {}
    misfits: list[tuple[Fact, str]] = []
    amended: list[int] = []

    def settled(fact: Fact) -> m.AnyMilestone | None:
        """The content of a fact, given that what amends it has been looked at."""
        found: m.AnyMilestone | None = fact.milestone
        for amendment in sorted(of.get((fact.milestone.source, fact.milestone.id), ()), key=recency):
            content = contents[amendment.position]
            if isinstance(content, m.MilestoneVoided):
                found = None
            elif isinstance(content, m.MilestoneCorrected):
                found = replacement_of(content.replacement)
        return found

    for fact in sorted(amendments, key=lambda one: -depth.get(one.position, 0)):
        root = roots.get(fact.position)
        content = settled(fact) if fact.position in depth else None
        contents[fact.position] = None
        if root is None:
            misfits.append((fact, "PREDECESSOR_MISSING"))
        elif isinstance(content, AMENDING):
            if _identity(content) != _identity(fact.milestone):
                misfits.append((fact, "PREDECESSOR_MISSING"))  # corrected to speak of something else
            elif not policies.at(fact.milestone.effective).entitled_for(type(root.milestone), content.source):
                misfits.append((fact, "SOR_VIOLATION"))
            else:
                contents[fact.position] = content
                of.setdefault(_identity(content), []).append(fact)
    stand, voided = [], []
    for fact in facts:
        if isinstance(fact.milestone, AMENDING):
            continue
        if (fact.milestone.source, fact.milestone.id) not in of:
            stand.append(fact)
            continue
        amended.append(fact.position)
        content = settled(fact)
        if content is None:
            voided.append(fact)
        else:
            stand.append(Fact(business_key(content), fact.position, fact.stream, content))
    stand.sort()
    home = {position: root.position for position, root in roots.items()}
    return Standing(stand, voided, amended, misfits, home)


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
