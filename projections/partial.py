"""Building a part of a generation anew: what no changed rule has touched is copied from the live one.

Where policies, tables and all that rules share are the same, and only rules of known types of milestones
differ, a set of streams that holds none of them comes to the same rows: they are copied, up to a position,
and all other sets are folded. It is decided set by set, since what is folded together changes together.
Belongs here: what may be copied, loading a share so. Does not belong here: folding (projections/bulk), which
code has which digest (projections/digests).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from psycopg import Connection, Cursor, sql

from domain.policies import Policies
from projections import aside, bulk, digests, generations, queries
from projections.bulk import Loaded, Share
from projections.cluster import UNSETTLING
from projections.clusters import LogRow
from projections.projector import read_streams

#: Tables whose rows are found by their deal. Those of places have rows only of sets that are always folded.
_BY_DEAL: Final = ("posting", "deal_name", "deal_dimension", "signal")
#: Whose milestones may have a deal of a payment's own.
_PAYMENTS: Final = "rules/payments"
#: What any rule may change, whatever its own type is: what is corrected may be anything.
_ALWAYS: Final = frozenset(str(kind.__struct_config__.tag) for kind in UNSETTLING)


class Basis(NamedTuple):
    """What a build has in common with the live generation, and what it may copy from it.

    generation: the live one, None where there is none; position: what it has taken in. parts: of the rules,
    those that differ; policies_differ: whether policies do. is_partial: whether sets are copied: those that
    hold nothing but `untouched` types of milestones, and none of `texts` in what is stored. topics: the types
    that the changed rules have a say in. notices: the types of its notices.
    """

    generation: int | None
    position: int = 0
    parts: tuple[str, ...] = ()
    policies_differ: bool = False
    is_partial: bool = False
    topics: tuple[str, ...] = ()
    untouched: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether the live generation was made by the same rules under the same policies."""
        return self.generation is not None and not self.parts and not self.policies_differ


class Part(NamedTuple):
    """A share of a partial build; plain values, as the share itself."""

    share: Share
    basis: Basis

    @property
    def number(self) -> int:
        """The share's place in the plan."""
        return self.share.number


def basis(connection: Connection[Any], policies: Policies, *, whole: bool = False) -> Basis:
    """What a build under these policies may copy. whole: nothing, as is asked for."""
    row = connection.execute(
        "SELECT id, position, rules, rules_by_module, policies FROM generation WHERE state = 'live'"
    ).fetchone()
    if row is None:
        return Basis(None)
    id_, position, rules, by_module, kept = row
    found = Basis(id_, position, _differing(rules, json.loads(by_module)), kept != policies.to_json())
    if whole or not found.parts or found.policies_differ:
        return found
    touched = digests.touched_by(found.parts)
    if touched is None:
        return found
    notices = connection.execute(f"SELECT DISTINCT topic FROM notice_g{int(id_)} ORDER BY topic").fetchall()
    return found._replace(
        is_partial=True,
        topics=tuple(sorted(touched.topics)),
        untouched=tuple(sorted(digests.rule_of_topics().keys() - touched.topics - _ALWAYS)),
        texts=tuple(sorted(touched.texts)),
        notices=tuple(topic for (topic,) in notices),
    )


def _differing(rules: str, by_module: dict[str, str]) -> tuple[str, ...]:
    """The parts of the rules that are not those of a generation."""
    ours = digests.rules_digests()
    if not by_module:  # made by a version that did not note them
        return tuple(ours) if rules != generations.rules_digest() else ()
    differing = [name for name in sorted({*ours, *by_module}) if ours.get(name) != by_module.get(name)]
    if not differing and rules != generations.rules_digest():
        return tuple(ours)  # it is not known which
    return tuple(differing)


class _Stream(NamedTuple):
    """A stream of a share: how much it holds, and whether a changed rule touches it.

    own: numbers that payments' own deals may have here; noticed: milestones that notices may be of.
    is_aside: whether it is never folded (projections/aside).
    """

    stream: int
    milestones: int
    is_touched: bool
    own: list[int] | None
    noticed: list[int] | None
    is_aside: bool


def load(part: Part) -> Loaded:
    """Fill the generation's tables with a share, in one transaction: copied or folded, set by set."""
    return bulk.once(part.share, lambda reader, cursor: _fill(reader, cursor, part))


def _fill(reader: Connection[Any], cursor: Cursor[Any], part: Part) -> Loaded:
    share = part.share
    together = bulk.joined(share.edges)
    found = _streams(reader, part)
    streams = [one for one in found if not one.is_aside]
    touched = {together.get(one.stream, one.stream) for one in streams if one.is_touched}
    copied = [one for one in streams if together.get(one.stream, one.stream) not in touched]
    sets = {together.get(one.stream, one.stream) for one in copied}
    if not copied:
        return bulk.fold(cursor, share, bulk.rows_of(reader, share))._replace(folded=len(touched))
    milestones, postings = sum(one.milestones for one in found if one.is_aside), 0
    if touched:
        anew = [one.stream for one in streams if together.get(one.stream, one.stream) in touched]
        loaded = bulk.fold(cursor, share, _rows(reader, anew, share.upto, together))
        milestones, postings = milestones + loaded.milestones, loaded.postings
    milestones += sum(one.milestones for one in copied)
    postings += _copy(cursor, part, copied)
    return Loaded(milestones, postings, len(touched), len(sets))


def _streams(reader: Connection[Any], part: Part) -> list[_Stream]:
    share, by = part.share, part.basis
    cursor = reader.cursor(binary=True)
    cursor.execute(
        queries.statement("partial_streams"),
        {
            "first": share.first if not share.streams else 1,
            "last": share.last if not share.streams else 0,
            "streams": list(share.streams),
            "upto": share.upto,
            "known": by.position,
            "untouched": list(by.untouched),
            "texts": [text.encode() for text in by.texts],
            "noticed": list(by.notices),
            "paying": [topic for topic, part in digests.rule_of_topics().items() if part == _PAYMENTS],
            "paid": digests.BESIDE[_PAYMENTS].encode(),
            "aside": sorted(aside.TOPICS),
        },
    )
    return [one for one in map(_Stream._make, cursor.fetchall()) if one.stream not in share.apart]


def _rows(
    reader: Connection[Any], streams: Sequence[int], upto: int, together: dict[int, int]
) -> Iterable[LogRow]:
    rows = read_streams(reader, streams, upto)
    return iter(sorted(rows, key=lambda row: (together.get(row[1], row[1]), row[0])))


def _copy(cursor: Cursor[Any], part: Part, streams: Sequence[_Stream]) -> int:
    """Copy the rows of whole sets: how many postings."""
    # by index: a share is a small part of the ledger, though its list of numbers is long
    cursor.execute("SET LOCAL enable_seqscan = off")
    # a payment's own deal is numbered by the position of its first milestone below zero
    own = [number for one in streams for number in one.own or ()]
    asked = {"upto": part.share.upto, "own": own}
    cursor.execute(_statement("partial_own", part), asked)
    deals = [one.stream for one in streams] + [deal for (deal,) in cursor.fetchall()]
    postings = 0
    for table in _BY_DEAL:
        cursor.execute(_statement("partial_copy", part, table), {**asked, "deals": deals})
        postings += cursor.rowcount if table == "posting" else 0
    facts = [position for one in streams for position in one.noticed or ()]
    if facts:
        noticed = {**asked, "facts": facts, "topics": list(part.basis.notices)}
        cursor.execute(_statement("partial_notices", part), noticed)
    return postings


def _statement(name: str, part: Part, table: str = "") -> sql.SQL:
    """A statement that reads the live generation and writes to the one that is built."""
    assert part.basis.generation is not None, "there is something to copy from"
    text = queries.text(name).replace("{table}", table)
    text = text.replace("{source}", f"g{int(part.basis.generation)}")
    return sql.SQL(text.replace("{generation}", f"g{int(part.share.generation)}"))
