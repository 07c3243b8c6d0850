"""A source's records beside the ledger's objects: what differs, kind by kind, and what to do about it.

For HTTP and the command line alike. Belongs here: comparing an inventory with the register, the answer. Does
not belong here: reading the source (adapters/feeds), which objects the ledger has (projections/completeness),
what is recorded of a comparison (api/attesting.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from psycopg import Connection

from adapters.feeds.inventory import Inventory, Met
from adapters.postgres.statements import statements
from api import reading
from api.reporting import one_moment
from domain import milestones as m
from domain.money import format_minor
from projections.completeness import objects
from projections.completeness.objects import Held, Said
from projections.exceptions.asking import Asking
from projections.facts import dated

#: Ids of each kind that an answer lists.
MOST_LISTED: Final = 100

_SQL: Final = statements("completeness")
_AMENDING: Final = (m.MilestoneCorrected, m.MilestoneVoided)

Kind = tuple[str, str]
"""A source and a kind of its objects."""


class Wanted(NamedTuple):
    """A span of business days to be compared. object: only this kind. told_by: who speaks for the source.

    speaks: sources that are meant, `/role/system/instance` or `system/instance`.
    """

    first: date
    last: date
    object: str | None
    told_by: str
    speaks: tuple[str, ...] = ()


class Side(NamedTuple):
    """One kind of object: what the source has of it in the span, and what the ledger has.

    lacking: milestones that the ledger lacks, by id; differing: that it has with other content;
    brought_in: that were missing and have been recorded now.
    """

    theirs: Sequence[Held]
    ours: Sequence[Held]
    lacking: tuple[Met, ...] = ()
    differing: tuple[Met, ...] = ()
    brought_in: int = 0

    @property
    def missing(self) -> list[str]:
        """Ids of objects that the ledger does not have."""
        return sorted({one.native_id for one in self.theirs} - {one.native_id for one in self.ours})

    @property
    def unknown(self) -> list[str]:
        """Ids of objects that the source does not have."""
        return sorted({one.native_id for one in self.ours} - {one.native_id for one in self.theirs})

    @property
    def is_complete(self) -> bool:
        """Whether both have the same."""
        same = sums(self.theirs) == sums(self.ours)
        return same and not (self.missing or self.unknown or self.lacking or self.differing)


def sums(held: Iterable[Held]) -> dict[str, tuple[int, int]]:
    """Currency -> (objects, minor units), of objects that state an amount."""
    found: dict[str, tuple[int, int]] = {}
    for one in held:
        if one.worth.currency is not None and one.worth.amount is not None:
            count, amount = found.get(one.worth.currency, (0, 0))
            found[one.worth.currency] = count + 1, amount + one.worth.amount
    return found


def sides(connection: Connection[Any], inventory: Inventory, wanted: Wanted) -> dict[Kind, Side]:
    """What both have, by source and kind of object. Raises NoGeneration.

    Compared are the kinds that the source has shown, the one that is asked for, and those that it has shown
    before by the same way: of others nobody can say whether its records would have shown them.
    """
    with one_moment(connection):
        live = reading.generation(connection, None)
        asking = Asking(connection, live, datetime.now(UTC).date(), live.position)
        theirs = _theirs(asking, inventory.met)
        kinds = {kind for kind in (*theirs, *_expected(asking, wanted)) if _is_meant(kind, wanted)}
        lacking: dict[Kind, list[Met]] = defaultdict(list)
        differing: dict[Kind, list[Met]] = defaultdict(list)
        brought_in: dict[Kind, int] = defaultdict(int)
        for one in inventory.met:
            kind = _kind_of(one.milestone)
            if not one.is_meant:
                continue
            if one.differs:
                differing[kind].append(one)
            elif one.brought_in:
                brought_in[kind] += 1
            elif one.position is None:
                lacking[kind].append(one)
        return {
            kind: Side(
                objects.in_span(theirs.get(kind, {}), wanted.first, wanted.last),
                objects.objects(asking, *kind, wanted.first, wanted.last),
                tuple(lacking[kind]),
                tuple(differing[kind]),
                brought_in[kind],
            )
            for kind in sorted(kinds)
        }


def _is_meant(kind: Kind, wanted: Wanted) -> bool:
    return wanted.object in (None, kind[1])


def _kind_of(milestone: m.Milestone) -> Kind:
    return milestone.source, milestone.subject.partition("/")[0]


def _expected(asking: Asking, wanted: Wanted) -> set[Kind]:
    """Kinds that the source must be compared in even where it shows none of them.

    Those that whoever speaks for it has spoken of before, and of the sources that are meant the kind that is
    asked for.
    """
    rows = asking.connection.execute(_SQL["kinds_told"], {"told_by": wanted.told_by}).fetchall()
    before = {(source, kind) for source, kind in rows}
    if wanted.object is None:
        return before
    known = asking.rows("completeness_kinds")
    return before | {(source, kind) for source, kind in known if speaks_as(source, wanted.speaks)}


def speaks_as(source: str, names: Iterable[str]) -> bool:
    """Whether a source is one of `/role/system/instance`, or of `system/instance`."""
    return source in names or "/".join(source.split("/")[2:]) in names


def _theirs(asking: Asking, met: Sequence[Met]) -> dict[Kind, dict[str, list[Said]]]:
    """What the source's records say of each object, what they take back left out."""
    policies = asking.generation.policies
    voided = {
        (one.milestone.target.source, one.milestone.target.id)
        for one in met
        if isinstance(one.milestone, _AMENDING)
    }
    found: dict[Kind, dict[str, list[Said]]] = defaultdict(lambda: defaultdict(list))
    for number, one in enumerate(met):
        milestone = dated(one.milestone, policies)
        if isinstance(milestone, _AMENDING) or (milestone.source, milestone.id) in voided:
            continue
        native = milestone.subject.partition("/")[2]
        found[_kind_of(milestone)][native].append(objects.said_in(milestone, number))
    return found


# ---- the answer


def told(source: str, kind: str, side: Side) -> dict[str, Any]:
    """One kind of object as it is answered and kept: lists are cut at MOST_LISTED."""
    ours, theirs = sums(side.ours), sums(side.theirs)
    return {
        "source": source,
        "object": kind,
        "complete": side.is_complete,
        "count": {"ledger": len(side.ours), "source": len(side.theirs)},
        "amounts": [
            {
                "currency": currency,
                "ledger": format_minor(ours.get(currency, (0, 0))[1], currency),
                "source": format_minor(theirs.get(currency, (0, 0))[1], currency),
            }
            for currency in sorted({*ours, *theirs})
        ],
        "missing": cut(side.missing),
        "unknown_to_source": cut(side.unknown),
        "lacking": cut([one.milestone.id for one in side.lacking]),
        "differing": {
            "count": len(side.differing),
            "milestones": [
                {
                    "id": one.milestone.id,
                    "subject": one.milestone.subject,
                    "type": one.milestone.name,
                    "stands": f"/v1/milestones/{one.position}",
                }
                for one in side.differing[:MOST_LISTED]
            ],
        },
        "brought_in": side.brought_in,
    }


def cut(ids: Sequence[str]) -> dict[str, Any]:
    """Ids with their number, at most MOST_LISTED of them."""
    return {"count": len(ids), "ids": list(ids[:MOST_LISTED])}


def answer(
    wanted: Wanted,
    inventory: Inventory,
    compared: Mapping[Kind, Side],
    kept: Mapping[Kind, int],
    *,
    fix: bool,
) -> dict[str, Any]:
    """The whole comparison: complete where every kind is, and everything of the source could be read."""
    rows = [{**told(*kind, side), "run": kept.get(kind)} for kind, side in compared.items()]
    readable = not inventory.unreadable and not inventory.sparse
    return {
        "from": wanted.first.isoformat(),
        "to": wanted.last.isoformat(),
        "told_by": wanted.told_by,
        "fix": fix,
        "complete": readable and all(side.is_complete for side in compared.values()),
        "records": inventory.records,
        "ignored": dict(sorted(inventory.ignored.items())),
        "unreadable": dict(sorted(inventory.unreadable.items())),
        "sparse": inventory.sparse,
        "objects": rows,
        "next_steps": _next_steps(inventory, compared, fix=fix),
    }


def _only_taken_back(side: Side) -> bool:
    """Whether all that the ledger lacks was in it, and was taken back."""
    return bool(side.lacking) and all(one.is_taken_back for one in side.lacking)


def _next_steps(inventory: Inventory, compared: Mapping[Kind, Side], *, fix: bool) -> list[str]:
    """What is to be done about what differs, one sentence each."""
    found = compared.values()
    steps = []
    taken_back = [one for side in found for one in side.lacking if one.is_taken_back]
    if any((side.missing or side.lacking) and not _only_taken_back(side) for side in found):
        steps.append(
            "What is missing was not understood or came meanwhile: look at the quarantine, and run it again."
            if fix
            else "Run it again with --fix: what is missing comes in as if it had been pushed."
        )
    if taken_back:
        steps.append(
            "The source still shows what milestone.voided took back here: have it deleted there, "
            "or send milestone.voided for that void."
        )
    if any(side.differing for side in found):
        steps.append(
            "Decide which content of what differs is right; send milestone.corrected where the source's is."
        )
    if any(side.unknown for side in found):
        steps.append(
            "Find out whether what the source does not know was deleted there; send milestone.voided for it."
        )
    if inventory.unreadable:
        kept = "is in quarantine now" if fix else "comes into quarantine with --fix"
        steps.append(f"Mend the mapping for what can't be understood: it {kept}, and is replayed from there.")
    if inventory.sparse:
        steps.append(
            "Records that only point to others are completed by the feed's client, or exported whole."
        )
    return steps
