"""Verification: the sets of streams folded again from the log, and held against the journal, row by row.

Every row of every table of a generation is compared as it is packed, so that nothing is taken for the same
that is not; and the log itself is looked through: positions, versions, bytes and what they are known by. It
is done slice by slice, each whole by itself: what is recorded and projected meanwhile is not in the way. It
writes nothing. Belongs here: slices, comparing one. Does not belong here: folding (projections/refolding),
checking a whole ledger (projections/checking), the scheduled self-check (projections/selfcheck).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import ClientCursor, Connection, sql

from domain.deal import message_identity
from domain.policies import Policies
from domain.stored import CODEC
from projections import aside, queries
from projections.generations import Generation
from projections.journal import TABLES
from projections.refolding import Folded, Sets, fold_sets, sets_by, values_of

#: Differences that are kept of one slice; all are counted.
MOST: Final = 20
#: Tables whose rows are found by their deal; those of the others by the position that brought them about.
_BY_DEAL: Final = frozenset({"posting", "deal_name", "deal_dimension", "signal"})
_UNREADABLE: Final = "what is stored of it can't be read"
_HEADER: Final = 19
_TRAILER: Final = b"\xff\xff"


class Slice(NamedTuple):
    """What is verified at a time; plain values, which any way of starting a process can carry.

    first, last: the sets whose lowest stream lies in this range; or roots: the sets of these lowest streams.
    upto: what the generation has taken in. policies: as kept with the generation.
    """

    conninfo: str
    generation: int
    upto: int
    policies: str = "[]"
    first: int = 1
    last: int = 0
    roots: tuple[int, ...] = ()


class Difference(NamedTuple):
    """Something that is not as it ought to be: a row of a table of the generation, or of the log.

    deal: its number, None where it is of none; root: the lowest stream of its set, None where that is not
    known. journal, fold: the row by column, None where there is none; wrong: what, where it is of the log or
    of what is kept beside it. position: there, of `inbox`, `conflict` and the like, the row's own number.
    """

    table: str
    deal: int | None
    fact: int | None
    position: int
    root: int | None
    journal: dict[str, Any] | None = None
    fold: dict[str, Any] | None = None
    wrong: str = ""


class Verified(NamedTuple):
    """What a slice came to. rows: of all tables, from the fold. differing: how many differences there are.

    differences: the first of them.
    """

    milestones: int
    rows: int
    differing: int
    differences: list[Difference]


def slice_of(conninfo: str, generation: Generation, first: int, last: int) -> Slice:
    """The sets whose lowest stream lies in a range, as a generation holds them now."""
    kept = generation.policies.to_json()
    return Slice(conninfo, generation.id, generation.position, kept, first, last)


_known: tuple[tuple[str, int], Sets] | None = None


def verify_apart(one: Slice) -> Verified:
    """Verify a slice over a connection of its own; what belongs together is kept from slice to slice."""
    global _known  # noqa: PLW0603 - a process verifies many slices of one moment, one after the other
    with psycopg.connect(one.conninfo, autocommit=True) as connection:
        if _known is None or _known[0] != (one.conninfo, one.upto):
            _known = (one.conninfo, one.upto), sets_by(connection, one.upto)
        return verify(connection, one, _known[1])


class Compared(NamedTuple):
    """A slice folded again beside the journal. differences: all of them, in the order of recording.

    beside: milestones that are never folded (projections/aside): of those only the log is checked.
    """

    folded: Folded
    differences: list[Difference]
    deals: list[int]
    beside: int


def verify(connection: Connection[Any], one: Slice, sets: Sets) -> Verified:
    """Fold the sets of a slice again and compare. sets: by the slice's `upto`. Raises psycopg.Error."""
    found = compare(connection, one, sets)
    rows = sum(map(len, found.folded.rows.values()))
    differing = len(found.differences)
    return Verified(found.folded.milestones + found.beside, rows, differing, found.differences[:MOST])


def compare(connection: Connection[Any], one: Slice, sets: Sets) -> Compared:
    """What `verify` comes to, whole: for the sets of a few deals. deals: the numbers that they may have."""
    with connection.transaction():
        # by index: a slice is a small part of the ledger, though its list of numbers is long
        connection.execute("SET LOCAL enable_seqscan = off")
        return _compared(connection, one, sets)


def _compared(connection: Connection[Any], one: Slice, sets: Sets) -> Compared:
    first, last = (one.first, one.last) if not one.roots else (1, 0)
    roots = one.roots or sets.roots_within(first, last)
    asked = {
        "first": first,
        "last": last,
        "upto": one.upto,
        "others": [stream for stream in sets.joined if first <= stream <= last],
        "streams": [stream for root in roots for stream in sets.members(root)],
    }
    cursor = connection.cursor(binary=True)
    cursor.execute(queries.statement("verify_read"), asked)
    rows = cursor.fetchall()
    differences = list(_wrong_in_log(rows, sets))
    unreadable = {found.position for found in differences if found.wrong == _UNREADABLE}
    readable = [row[:4] for row in rows if row[0] not in unreadable]
    told = aside.folded(readable)
    folded = fold_sets(told, sets, Policies.from_json(one.policies))
    positions: list[int] = [row[0] for row in rows]
    # a deal is numbered by the position of one of its milestones, a payment's own deal by that below zero
    deals = [*positions, *(-position for position in positions)]
    asked = {"upto": one.upto, "deals": deals, "positions": positions}
    root_of = {row[0]: sets.root(row[1]) for row in rows}
    for table in TABLES:
        for found in _compare(connection, table, one.generation, asked, folded):
            root = root_of.get(found.position)
            differences.append(found._replace(root=_root(found.deal, sets) if root is None else root))
    differences.sort(key=lambda found: (found.position, found.table != "log"))
    return Compared(folded, differences, deals, len(readable) - len(told))


def _root(deal: int | None, sets: Sets) -> int | None:
    return None if deal is None or deal <= 0 else sets.root(deal)


def _wrong_in_log(rows: list[Any], sets: Sets) -> Iterator[Difference]:
    """Milestones that are not numbered or kept as they were recorded."""
    for position, stream, topic, state, identity, wrong in rows:
        said = wrong
        try:
            milestone = CODEC.decode(topic, state)
        except Exception:  # noqa: BLE001 - whatever is wrong with what is stored, it is told
            said = _UNREADABLE
        else:
            if message_identity(milestone.source, milestone.id) != identity:
                said = said or "its source and id are not those of its identity"
        if said is not None:
            yield Difference("log", stream, position, position, sets.root(stream), wrong=said)


def _compare(
    connection: Connection[Any], table: str, generation: int, asked: dict[str, Any], folded: Folded
) -> list[Difference]:
    """The rows of one table that only the journal or only the fold has; pairs of one fact together."""
    name = "verify_rows" if table in _BY_DEAL else "verify_beside"
    text = queries.text(name).replace("{table}", table).replace("{generation}", f"g{int(generation)}")
    missing = Counter(folded.rows[table])
    extra: list[bytes] = []
    for row in packed_rows(connection, text, asked):
        left = missing.get(row)
        if left is None:
            extra.append(row)
        elif left == 1:
            del missing[row]
        else:
            missing[row] = left - 1
    return pairs(table, extra, missing.elements())


def packed_rows(connection: Connection[Any], text: str, asked: dict[str, Any]) -> Iterator[bytes]:
    """The rows of a statement as PostgreSQL packs them, one by one."""
    cursor = ClientCursor(connection)  # COPY takes no parameters of its own
    whole = sql.SQL("COPY (" + text + ") TO STDOUT (FORMAT binary)")
    with cursor.copy(whole, asked) as copy:
        begun = False
        for message in copy:
            row = bytes(message)
            if not begun:
                row, begun = row[_HEADER:], True
            if row and row != _TRAILER:
                yield row


def pairs(table: str, extra: Iterable[bytes], missing: Iterable[bytes]) -> list[Difference]:
    """Rows that only the journal has, and those that only the fold has: side by side where of one fact."""
    sides: dict[tuple[Any, ...], tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
    for number, rows in enumerate((extra, missing)):
        for row in rows:
            values = values_of(table, row)
            key = values["position"], values.get("fact"), values.get("deal")
            sides.setdefault(key, ([], []))[number].append(values)
    found = []
    for (position, fact, deal), (journal, fold) in sides.items():
        found += [
            Difference(table, deal, fact, position, None, one, other)
            for one, other in zip_longest(journal, fold)
        ]
    return found


def as_text(table: str, values: dict[str, Any] | None) -> str:
    """A row in a line for people: `posting: deal 1, fact 2, ...`; what it does not hold is left out."""
    if values is None:
        return f"{table}: no such row"
    held = {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}
    return f"{table}: " + ", ".join(f"{name} {value}" for name, value in held.items() if value is not None)


def strays(connection: Connection[Any], generation: int) -> list[Difference]:
    """Rows of a generation that belong to no milestone at all, which no slice comes by; the first ones."""
    found: list[Difference] = []
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for table in TABLES:
            text = queries.text("verify_strays")
            for hole, value in (
                ("table", table),
                ("generation", f"g{int(generation)}"),
                ("deal", "r.deal" if table in _BY_DEAL else "r.position"),
                ("limit", str(MOST)),
            ):
                text = text.replace("{" + hole + "}", value)
            rows = packed_rows(connection, text, {"generation": generation})
            found += pairs(table, rows, ())
    return found


def wrong_in_numbers(connection: Connection[Any], upto: int) -> list[Difference]:
    """What is wrong with the numbers of the log as a whole up to a position; the first ones."""
    rows = connection.execute(queries.statement("verify_log"), {"upto": upto, "limit": MOST}).fetchall()
    return [Difference("log", None, None, position, None, wrong=wrong) for position, wrong in rows]


def wrong_in_kept(connection: Connection[Any]) -> list[Difference]:
    """What is wrong with messages, conflicts and quarantine, which are no milestones; the first ones."""
    rows = connection.execute(queries.statement("verify_kept"), {"limit": MOST}).fetchall()
    return [Difference(table, None, None, number, None, wrong=wrong) for table, number, wrong in rows]
