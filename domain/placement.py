"""Which stream a milestone belongs to: from its business keys to a deal (contract.md section 2, "One deal").

Belongs here: which keys of a milestone join deals and which only lead home, the forest of streams found to be
one deal, the choice of a stream. Does not belong here: whether the milestone is new (domain/deal.py), and the
form of keys (domain/keys.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from domain.keys import NEVER_JOIN, kind_of, own_key, payment_key
from domain.milestones import Milestone, MilestoneCorrected, MilestoneVoided

AMENDING: Final = (MilestoneCorrected, MilestoneVoided)


class Leads(NamedTuple):
    """The keys of one milestone, by what they do.

    joining: deals that share one are one deal.
    homes: where nothing joins, the stream of the first seen of these is taken: the payment's keys, else the
        key of the customer or product that the milestone itself speaks of.
    payment: the key that `data.payment` means, where the milestone has that field.
    registers: whether the keys lead later milestones here. Those of a correction do not: it joins nothing.
    """

    joining: tuple[str, ...]
    homes: tuple[str, ...]
    payment: str | None
    registers: bool


def leads(milestone: Milestone) -> Leads:
    """What the keys of a milestone do.

    Keys of customers and products that a milestone merely mentions do nothing: they stand in many deals, and
    whichever came first would decide.
    """
    number = getattr(milestone, "payment", None)
    payment = None if number is None else payment_key(milestone.source, number)
    if isinstance(milestone, AMENDING):
        return Leads((), milestone.keys, payment, registers=False)
    kinds = [kind_of(key) for key in milestone.keys]
    if payment is None and NEVER_JOIN.isdisjoint(kinds):
        return Leads(milestone.keys, (), None, registers=True)
    joining = tuple([key for key, kind in zip(milestone.keys, kinds, strict=True) if kind not in NEVER_JOIN])
    homes = [key for key, kind in zip(milestone.keys, kinds, strict=True) if kind == "payment"]
    if payment is not None and payment not in homes:
        homes.append(payment)
    if not joining and not homes:
        homes.append(own_key(milestone.source, milestone.subject))
    return Leads(joining, tuple(homes), payment, registers=True)


class Forest:
    """Streams that were found to be one deal: each child points to a parent with a lower number.

    The lowest stream of a deal is its root. Links are only ever added, in the order of their positions.
    """

    __slots__ = ("_parents",)

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._parents)

    def root(self, stream: int) -> int:
        """The deal's root. Paths are shortened on the way."""
        parents = self._parents
        if stream not in parents:
            return stream
        root = parents[stream]
        while root in parents:
            root = parents[root]
        while (parent := parents[stream]) != root:
            parents[stream] = root
            stream = parent
        return root

    def link(self, child: int, parent: int) -> None:
        """Make two roots one deal; `parent` is the lower one."""
        assert parent < child, "the lower stream is the root"
        assert child not in self._parents, "a stream becomes a child once"
        assert parent not in self._parents, "the parent is a root"
        self._parents[child] = parent


def place(
    joining: tuple[str, ...], homes: tuple[str, ...], streams: Mapping[str, int], forest: Forest
) -> tuple[int | None, tuple[int, ...]]:
    """The stream that a milestone's keys lead to. streams: known keys and the stream of each.

    Joining keys decide: none known, a new stream; one deal, that; several, the lowest, which takes in the
    others. A milestone without joining keys goes to the lowest deal among its homes.

    Answers the stream, a root, or None for a new one; and the roots that this joins to it, ascending.
    """
    first = None
    others: set[int] | None = None
    for key in joining or homes:
        stream = streams.get(key)
        if stream is None:
            continue
        root = forest.root(stream)
        if first is None:
            first = root
        elif root != first:
            if others is None:
                others = {first}
            others.add(root)
    if others is None:
        return first, ()
    lowest, *absorbed = sorted(others)
    return lowest, tuple(absorbed) if joining else ()
