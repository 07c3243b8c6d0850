"""A whole ledger, or a sample of it, verified: by slices in worker processes, in bounded memory.

Belongs here: which slices, how they are shared out, what is looked at beside them, what it all comes to. Does
not belong here: what a slice is and comparing one (projections/verification).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from secrets import SystemRandom
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection

from projections import generations, laws
from projections.generations import Generation, NoGeneration
from projections.refolding import Sets, sets_by
from projections.verification import (
    Difference,
    Slice,
    Verified,
    slice_of,
    strays,
    verify_apart,
    wrong_in_kept,
    wrong_in_numbers,
)
from projections.workers import do_all

#: Numbers of streams that a slice of a whole check spans: about as many milestones are folded at a time.
SPAN: Final = 25_000
#: Sets of a sample that are read at a time.
_TOGETHER: Final = 1_000
#: A log that is no longer is drawn from by reading all its streams; of a longer one positions are drawn.
_SHORT: Final = 100_000
_DRAWN: Final = 10_000
#: Differences that are told; all are counted.
MOST: Final = 100

Report = Callable[[str, int], None]
#: Something else that a generation's rows must agree with: the differences.
Beside = Callable[[Connection[Any], Generation], Iterable[Difference]]


class OtherRules(RuntimeError):
    """The generation was made by other rules than this version has: folding again would prove nothing."""


class CheckRefused(ValueError):
    """There is nothing that could be checked that way."""


class Wanted(NamedTuple):
    """What of a ledger to check: everything, or a part of the deals (0 to 1), or some deals, drawn by chance.

    generation: its number; None for the live one.
    """

    part: float | None = None
    deals: int | None = None
    generation: int | None = None

    @property
    def is_sample(self) -> bool:
        """Whether only some deals are looked at."""
        return self.part is not None or self.deals is not None


class Checked(NamedTuple):
    """What a check came to. position: what the generation had taken in. milestones: those folded again.

    rows: those compared. differing: how many differences there are; differences: the first of them, in the
    order of recording. breaches: of the laws (projections/laws).
    """

    generation: int
    position: int
    milestones: int
    rows: int
    differing: int
    differences: list[Difference]
    breaches: list[dict[str, Any]]

    @property
    def holds(self) -> bool:
        """Whether everything is as it ought to be."""
        return not self.differing and not self.breaches


def _silent(_stage: str, _done: int) -> None:
    return None


def check(
    conninfo: str,
    wanted: Wanted,
    at: date,
    *,
    workers: int = 2,
    report: Report = _silent,
    beside: Sequence[Beside] = (),
) -> Checked:
    """Verify a generation. at: the day on which the laws are checked.

    conninfo: connects to the schema as the application's role. workers: processes that fold; 1: only this
    one. report: is told each stage with the milestones done. beside: what else to compare. Raises
    NoGeneration, OtherRules, CheckRefused; WorkerEnded where a worker was killed; psycopg.Error.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        generation = _generation(connection, wanted.generation)
        report("log", 0)
        differences = wrong_in_numbers(connection, generation.position)
        differing = len(differences)
        report("sets", 0)
        milestones = rows = 0
        for found in _verified(_slices(connection, conninfo, generation, wanted), workers):
            milestones += found.milestones
            rows += found.rows
            differing += found.differing
            differences = _first([*differences, *found.differences])
            report("sets", milestones)
        if not wanted.is_sample:
            report("strays", milestones)
            left = strays(connection, generation.id)
            left += wrong_in_kept(connection)
            differing, differences = differing + len(left), _first([*differences, *left])
        if beside:
            report("beside", milestones)
        for compare in beside:
            others = list(compare(connection, generation))
            differing, differences = differing + len(others), _first([*differences, *others])
        report("laws", milestones)
        breaches = laws.check(connection, generation.id, at, generation.position)
        return Checked(generation.id, generation.position, milestones, rows, differing, differences, breaches)


def _first(differences: list[Difference]) -> list[Difference]:
    return sorted(differences, key=lambda one: one.position)[:MOST]


def _generation(connection: Connection[Any], wanted: int | None) -> Generation:
    """The generation to check. Raises NoGeneration, OtherRules, CheckRefused."""
    found = generations.live(connection)
    if wanted is not None and (found is None or found.id != wanted):
        found = generations.kept(connection, wanted)
        if found is None:
            raise CheckRefused(
                f"there is no generation {wanted}, or it is being built: see cairn generations"
            )
    if found is None:
        raise NoGeneration("nothing has been projected yet")
    if found.rules != generations.rules_digest():
        raise OtherRules(
            f"generation {found.id} was made by other rules ({found.rules}) than this version has"
            f" ({generations.rules_digest()}): check it with the version that made it, or run cairn rebuild"
        )
    return found


def _verified(slices: list[Slice], workers: int) -> Iterator[Verified]:
    if workers == 1 or len(slices) <= 1:
        return map(verify_apart, slices)
    return do_all(verify_apart, slices, workers)


def _slices(
    connection: Connection[Any], conninfo: str, generation: Generation, wanted: Wanted
) -> list[Slice]:
    """Everything, in ranges of streams; or what is drawn."""
    upto = generation.position
    if wanted.is_sample:
        sets = sets_by(connection, upto)
        roots = sorted({sets.root(stream) for stream in _drawn(connection, sets, upto, wanted)})
        empty = slice_of(conninfo, generation, 1, 0)
        return [
            empty._replace(roots=tuple(roots[at : at + _TOGETHER])) for at in range(0, len(roots), _TOGETHER)
        ]
    firsts = range(1, max(upto, 1) + 1, SPAN)
    return [slice_of(conninfo, generation, first, min(first + SPAN - 1, upto)) for first in firsts]


def _drawn(connection: Connection[Any], sets: Sets, upto: int, wanted: Wanted) -> Iterable[int]:
    """Streams by chance, each as likely as any other."""
    dice = SystemRandom()
    if upto <= _SHORT:
        text = "SELECT position FROM log WHERE stream = position AND position <= %s"
        streams = [row[0] for row in connection.execute(text, (upto,))]
        count = wanted.deals if wanted.part is None else max(1, round(len(streams) * wanted.part))
        return dice.sample(streams, min(count or 0, len(streams)))
    if wanted.part is not None:
        return _begun_at(connection, dice.sample(range(1, upto + 1), round(upto * wanted.part)))
    found: dict[int, None] = {}
    for _ in range(1_000):
        if len(found) >= (wanted.deals or 0):
            break
        drawn = [1 + dice.randrange(upto) for _ in range(_DRAWN)]
        found.update(dict.fromkeys(map(sets.root, _begun_at(connection, drawn))))
    return list(found)[: wanted.deals]


def _begun_at(connection: Connection[Any], positions: list[int]) -> list[int]:
    """The positions among some at which a stream begins."""
    found: list[int] = []
    for at in range(0, len(positions), _DRAWN):
        text = "SELECT position FROM log WHERE position = ANY(%s) AND stream = position"
        found += [row[0] for row in connection.execute(text, (positions[at : at + _DRAWN],))]
    return found
