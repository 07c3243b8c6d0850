"""Corrections and voids: which facts stand, and as what, in a set of facts (contract.md section 2).

The answer depends on the set alone, never on the order of arrival. Belongs here: which amendment of a target
holds. Does not belong here: postings (projections/fold), which deal a fact belongs to (projections/parting).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from msgspec.structs import replace

from domain import milestones as m
from domain.contract import read_held
from domain.keys import own_key
from domain.policies import Policies
from projections.facts import Fact, SequenceKey, business_key, dated

AMENDING: Final = (m.MilestoneCorrected, m.MilestoneVoided)

Amendment: TypeAlias = m.MilestoneCorrected | m.MilestoneVoided
Identity: TypeAlias = tuple[str, str]
#: time, decimals below a microsecond, sequence, source, id
Recency: TypeAlias = tuple[int, str, SequenceKey, str, str]


class Standing(NamedTuple):
    """What a set of facts comes to.

    facts: those that stand, in business order, corrected ones as their replacement. voided: those that do
    not. amended: positions of facts whose content an amendment decides. misfits: amendments that change
    nothing, and splits of a source that may not split, with the code of the exception. home: position of each
    amendment -> of the fact that it speaks of in the end. claims: positions of links and splits of sources
    that are not the system of record: they part nothing and heal nothing.
    """

    facts: list[Fact]
    voided: list[Fact]
    amended: list[int]
    misfits: list[tuple[Fact, str]]
    home: dict[int, int]
    claims: frozenset[int] = frozenset()


def recency(fact: Fact) -> Recency:
    """The order in which of several statements about one thing the last holds."""
    _, _, instant, below, sequence, source, id_ = fact.key
    return instant, below, sequence, source, id_


@lru_cache(maxsize=4_096)
def replacement_of(content: bytes) -> m.AnyMilestone:
    """The milestone in a correction. It was checked when the correction came in."""
    found: m.AnyMilestone = read_held(content)  # type: ignore[assignment]
    return found


def standing(facts: Sequence[Fact], policies: Policies) -> Standing:
    """Resolve all amendments among these facts. Without any, they stand as they are."""
    amendments = [fact for fact in facts if isinstance(fact.milestone, AMENDING)]
    if not amendments:
        return _with_claims(Standing(list(facts), [], [], [], {}), policies)
    known = {(fact.milestone.source, fact.milestone.id): fact for fact in facts}
    depth, roots = _depths(amendments, known)
    in_force = _InForce(policies)
    for fact in sorted(amendments, key=lambda one: -depth.get(one.position, 0)):
        in_force.take(fact, depth.get(fact.position), roots.get(fact.position))
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
    gone = {fact.position for fact in found.voided}
    for amendment, _ in found.misfits:
        if found.home.get(amendment.position) in gone:
            del found.home[amendment.position]  # what it speaks of is in no deal any more: it is alone
    return _with_claims(found, policies)


def _with_claims(found: Standing, policies: Policies) -> Standing:
    claims = [
        fact
        for fact in found.facts
        if isinstance(fact.milestone, (m.DealsLinked, m.DealSplit))
        and not policies.at(fact.milestone.effective).entitled(fact.milestone)
    ]
    if not claims:
        return found
    splits = [(fact, "SOR_VIOLATION") for fact in claims if isinstance(fact.milestone, m.DealSplit)]
    return found._replace(
        misfits=[*found.misfits, *splits], claims=frozenset(fact.position for fact in claims)
    )


class _InForce:
    """The amendments that hold, taken in from those of amendments down to those of facts."""

    def __init__(self, policies: Policies) -> None:
        self.misfits: list[tuple[Fact, str]] = []
        self._policies = policies
        self._of: dict[Identity, list[tuple[Recency, Amendment]]] = {}

    def take(self, fact: Fact, level: int | None, root: Fact | None) -> None:
        """Take in an amendment, after all that amend it.

        level: how many amendments lie between it and what it speaks of in the end, None in a circle.
        root: that fact, None while it is missing.
        """
        content = self.content(fact)
        if not isinstance(content, AMENDING):
            return  # voided
        # its keys join nothing: where it has to be shown by itself, it is by its own
        own = own_key(content.source, content.subject)
        said = Fact(business_key(content), fact.position, fact.stream, replace(content, keys=(own,)))
        # in a circle, without its target, or corrected to speak of something else
        astray = level is None or (root is None and level == 0)
        if astray or _identity(content) != _identity(fact.milestone):
            self.misfits.append((said, "PREDECESSOR_MISSING"))
        elif root is not None and not self._entitled(content, root):
            self.misfits.append((said, "SOR_VIOLATION"))
        else:
            self._of.setdefault(_identity(content), []).append((recency(said), content))

    def _entitled(self, amendment: Amendment, root: Fact) -> bool:
        """Whether its source may say both what it takes back and what it puts in its place."""
        policy = self._policies.at(amendment.effective)
        kinds: set[type[m.Milestone]] = {type(root.milestone)}
        if isinstance(amendment, m.MilestoneCorrected):
            kinds.add(type(replacement_of(amendment.replacement)))
        return all(policy.entitled_for(kind, amendment.source) for kind in kinds)

    def amends(self, fact: Fact) -> bool:
        """Whether an amendment decides what a fact says."""
        return (fact.milestone.source, fact.milestone.id) in self._of

    def content(self, fact: Fact) -> m.AnyMilestone | None:
        """What a fact says, by the last amendment of it; None where that voids it."""
        amendments = self._of.get((fact.milestone.source, fact.milestone.id))
        if amendments is None:
            return fact.milestone
        _, last = max(amendments, key=lambda one: one[0])
        if not isinstance(last, m.MilestoneCorrected):
            return None
        return dated(replacement_of(last.replacement), self._policies)


def targets(facts: Iterable[Fact]) -> set[Identity]:
    """What the amendments among some facts speak of, known or not."""
    return {_identity(fact.milestone) for fact in facts if isinstance(fact.milestone, AMENDING)}


def _identity(amendment: m.AnyMilestone) -> Identity:
    assert isinstance(amendment, AMENDING), "only amendments have a target"
    return amendment.target.source, amendment.target.id


def _depths(
    amendments: Iterable[Fact], known: dict[Identity, Fact]
) -> tuple[dict[int, int], dict[int, Fact]]:
    """How many amendments lie between each and what it speaks of in the end, and that fact where it is known.

    Amendments in a circle speak of nothing, and have no depth.
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
        if fact is not None and fact.position in on_path:
            continue
        below = -1 if fact is None else depth.get(fact.position, -1)
        root = fact if below < 0 else roots.get(fact.position)  # type: ignore[union-attr]
        for distance, one in enumerate(reversed(path), below + 1):
            depth[one.position] = distance
            if root is not None:
                roots[one.position] = root
    return depth, roots
