"""Which streams belong together, and the clusters that are being folded.

Belongs here: the two forests (one deal; one payment), restoring clusters from the log, taking facts in the
order of recording. Does not belong here: transactions and generations (projections/projector, rebuild).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from domain.milestones import Milestone
from domain.policies import DEFAULT_POLICIES, Policies
from domain.stored import CODEC
from projections.cluster import Change, Cluster
from projections.facts import Fact, business_key, dated

#: position, stream, stored name, stored bytes
LogRow = tuple[int, int, str, bytes]
#: Reads all milestones of streams up to a position, in any order.
ReadStreams = Callable[[Sequence[int], int], Iterable[LogRow]]


class Edge(NamedTuple):
    """Two streams found to belong together at a position: one deal, or two deals with one payment."""

    position: int
    child: int
    parent: int
    one_deal: bool


class Forest:
    """Disjoint sets of streams with the lowest as root, and the members of each set."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}

    def root(self, stream: int) -> int:
        """The lowest stream of the set."""
        parent = self._parent
        root = stream
        while root in parent:
            root = parent[root]
        while stream != root:
            parent[stream], stream = root, parent[stream]
        return root

    def members(self, stream: int) -> list[int]:
        """All streams of the set, ascending."""
        root = self.root(stream)
        return self._members.get(root, [root])

    def join(self, one: int, other: int) -> None:
        """Make two sets one."""
        low, high = sorted((self.root(one), self.root(other)))
        if low != high:
            self._members[low] = sorted(self._members.get(low, [low]) + self._members.pop(high, [high]))
            self._parent[high] = low

    def joined(self) -> dict[int, int]:
        """Every stream of a set of two or more, with its root."""
        return {stream: root for root, members in self._members.items() for stream in members}


def decode(row: LogRow, policies: Policies = DEFAULT_POLICIES) -> Fact:
    """A fact from a row of the log, with its business date as policy has it."""
    position, stream, topic, state = row
    return placed(position, stream, CODEC.decode(topic, state), policies)


def placed(position: int, stream: int, milestone: Milestone, policies: Policies) -> Fact:
    """A fact of a milestone as it is stored, with its business date as policy has it."""
    if not policies.is_one:
        milestone = dated(milestone, policies)
    return Fact(business_key(milestone), position, stream, milestone)  # type: ignore[arg-type]


class Clusters:
    """The clusters in memory, up to a number of facts; others are read from the log when they are needed."""

    MAX_FACTS: Final = 200_000

    def __init__(self, read_streams: ReadStreams, policies: Policies = DEFAULT_POLICIES) -> None:
        self._read = read_streams
        self._policies = policies
        self._deals = Forest()
        self._together = Forest()
        self._clusters: dict[int, Cluster] = {}  # by root of the set of streams that belong together
        self._held = 0

    def clear(self) -> None:
        """Forget all clusters; edges stay."""
        self._clusters.clear()
        self._held = 0

    def learn(self, edges: Iterable[Edge]) -> None:
        """Take in edges of positions that have been projected already. Clusters they touch are forgotten."""
        for edge in edges:
            for stream in (edge.child, edge.parent):
                self._forget(self._together.root(stream))
            self._together.join(edge.child, edge.parent)
            if edge.one_deal:
                self._deals.join(edge.child, edge.parent)

    def _forget(self, root: int) -> None:
        cluster = self._clusters.pop(root, None)
        if cluster is not None:
            self._held -= len(cluster.facts)

    def prepare(self, streams: Iterable[int], after: int) -> None:
        """Have the clusters of these streams at hand, as they stand after a position."""
        wanted_roots = set(map(self._together.root, streams))
        if self._held > self.MAX_FACTS:
            for root in self._clusters.keys() - wanted_roots:
                self._forget(root)
        missing = wanted_roots - self._clusters.keys()
        wanted = [stream for root in missing for stream in self._together.members(root)]
        found: dict[int, list[Fact]] = {root: [] for root in missing}
        if after and wanted:
            for row in self._read([stream for stream in wanted if stream <= after], after):
                found[self._together.root(row[1])].append(decode(row, self._policies))
        for root in sorted(missing):
            members = self._together.members(root)
            self.hold(root, members, found[root])

    def hold(self, root: int, members: list[int], facts: list[Fact]) -> Cluster:
        """Make a cluster from facts that have been projected already."""
        deal_of = {stream: self._deals.root(stream) for stream in members}
        cluster = (
            Cluster.restore(facts, members, deal_of, self._policies)
            if facts
            else Cluster(members, deal_of, self._policies)
        )
        self._clusters[root] = cluster
        self._held += len(facts)
        return cluster

    def take(self, fact: Fact, edges: Sequence[Edge]) -> Change:
        """Take in the next fact of the log, with the edges of its position."""
        for edge in edges:
            self._join(edge)
        root = self._together.root(fact.stream)
        cluster = self._clusters.get(root)
        if cluster is None:
            cluster = self.hold(root, self._together.members(root), [])
        self._held += 1
        return cluster.apply(fact)

    def _join(self, edge: Edge) -> None:
        one, other = self._together.root(edge.child), self._together.root(edge.parent)
        if edge.one_deal:
            self._deals.join(edge.child, edge.parent)
        self._together.join(edge.child, edge.parent)
        low, high = min(one, other), max(one, other)
        kept = self._clusters.get(low)
        if kept is None:
            kept = self.hold(low, [low], [])
        if high == low and not edge.one_deal:
            return
        # nothing may be held of the other: then this milestone is its first
        nothing = Cluster([], {high: self._deals.root(high)}, self._policies)
        gone = self._clusters.pop(high, nothing) if high != low else nothing
        if gone.unsettled or (not kept.unsettled and len(gone.facts) > len(kept.facts)):
            kept, gone = gone, kept
            self._clusters[low] = kept
        if not edge.one_deal and kept.is_apart(gone):
            kept.absorb(gone)
        else:
            members = self._together.members(low)
            kept.join(gone, {stream: self._deals.root(stream) for stream in members})


def by_position(edges: Iterable[Edge]) -> dict[int, list[Edge]]:
    """Edges by the position at which they were found."""
    found: dict[int, list[Edge]] = {}
    for edge in edges:
        found.setdefault(edge.position, []).append(edge)
    return found
