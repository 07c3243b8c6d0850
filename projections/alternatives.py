"""Generations kept beside the live one because they are folded under other policies.

A policy that a milestone has activated is in force in the live generation only after a rebuild has adopted
it. Until then, where it changes what is posted, a generation of its own is brought forward beside the live
one, so that a report can be asked under it and compared. Belongs here: which there should be, making and
dropping them. Does not belong here: bringing one forward (projections/projector), asking (projections/side).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from psycopg import Connection

from domain.milestones import MilestoneCorrected, MilestoneVoided, PolicyActivated
from domain.policies import DEFAULT_POLICIES, Policies, PolicyRefused, Version, version_of
from projections import generations, notices, queries
from projections.amending import standing
from projections.clusters import decode
from projections.generations import Generation

#: Generations beside the live one at a time; of more policies the latest activated have one.
MOST: Final = 3


def activated(connection: Connection[Any], generation: int, known: int) -> list[Version]:
    """The versions that milestones have activated, as known by a position; of one stamp the last.

    A generation of an earlier version of the rules may hold some that don't count as readable any more.
    """
    found: dict[str, Version] = {}
    for _, fact in notices.in_force(connection, generation, known, PolicyActivated):
        with suppress(PolicyRefused):
            version = version_of(fact)
            found.pop(version.stamp, None)
            found[version.stamp] = version
    return list(found.values())


def adopting(connection: Connection[Any]) -> Policies:
    """The policies that a rebuild adopts: all that the log activates, with what corrects and voids them."""
    kinds = (PolicyActivated, MilestoneCorrected, MilestoneVoided)
    cursor = connection.cursor(binary=True)
    cursor.execute(
        queries.statement("read_topics"), {"topics": [str(k.__struct_config__.tag) for k in kinds]}
    )
    facts = sorted(map(decode, cursor.fetchall()))
    found: dict[str, Version] = {}
    for fact in sorted(standing(facts, DEFAULT_POLICIES).facts, key=lambda fact: fact.position):
        milestone = fact.milestone
        if isinstance(milestone, PolicyActivated) and DEFAULT_POLICIES.first.entitled(milestone):
            with suppress(PolicyRefused):
                version = version_of(milestone)
                found.pop(version.stamp, None)
                found[version.stamp] = version
    return Policies(found.values())


def with_version(live: Policies, version: Version) -> Policies:
    """What would be in force if a version were adopted: it takes the place of others of its name."""
    others = [other for other in live.versions[1:] if other.policy != version.policy]
    return Policies([*others, version])


def wanted(connection: Connection[Any], live: Generation) -> list[Policies]:
    """The policies that need a generation of their own, the latest activated first."""
    candidates = [
        with_version(live.policies, version)
        for version in reversed(activated(connection, live.id, live.position))
    ]
    candidates.append(DEFAULT_POLICIES)
    found: list[Policies] = []
    for policies in candidates:
        posting = policies.posting_settings()
        if all(posting != other.posting_settings() for other in (live.policies, *found)):
            found.append(policies)
    return found[:MOST]


def has_books(connection: Connection[Any], live: Generation, policies: Policies) -> bool:
    """Whether some policies are among those that have a generation, or will have one."""
    posting = policies.posting_settings()
    return any(other.posting_settings() == posting for other in (live.policies, *wanted(connection, live)))


def tend(connection: Connection[Any], schema: str) -> list[int]:
    """Make the generations that are wanted and missing, drop the others: those to bring forward.

    Those that are ready to become the live one are brought forward too, so that they can at any time.
    """
    live = generations.live(connection)
    if live is None:
        return []
    needed = wanted(connection, live)
    kept: list[int] = []
    missing = {id(policies): policies for policies in needed}
    for side in generations.sides(connection):
        posting = side.policies.posting_settings()
        match = next((p for p in missing.values() if p.posting_settings() == posting), None)
        if match is not None and side.rules == generations.rules_digest():
            del missing[id(match)]
            kept.append(side.id)
        else:
            generations.try_drop(connection, schema, side.id)
    for policies in missing.values():
        with connection.transaction():
            made = generations.make(connection, "side", policies)
            generations.index(connection, made.id)
        kept.append(made.id)
    return kept + [ready.id for ready in generations.ready(connection) if not generations.halted(ready)]
