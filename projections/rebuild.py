"""Rebuild: a new generation from the log beside the live one, caught up, then swapped in.

The bulk is read in shares, folded in worker processes and loaded by COPY (projections/bulk); then the
projector brings the new generation to the head, and one transaction promotes it. Appends and reads go on
during all of it; a build that is killed leaves nothing live changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection

from domain.policies import Policies
from projections import alternatives, bulk, generations, moments
from projections.completeness import register
from projections.projector import Projector, projected_channel
from projections.workers import load_all

_MOST_WORKERS: Final = 8

Report = Callable[[str, int], None]


class Rebuilt(NamedTuple):
    """What a rebuild made: the live generation, milestones and postings in the bulk, those caught up.

    policies: names and versions of those that it is made under.
    """

    generation: int
    milestones: int
    postings: int
    caught_up: int
    policies: tuple[str, ...]


def _silent(_stage: str, _done: int) -> None:
    return None


def rebuild(
    conninfo: str,
    schema: str,
    *,
    workers: int = 0,
    report: Report = _silent,
    policies: Policies | None = None,
) -> Rebuilt:
    """Build a new generation from the whole log and make it the live one.

    policies: those to adopt; default: all that are activated.

    conninfo: connects to the schema as the application's role (adapters.postgres.connections). workers:
    processes that fold; 0 for one more than there are cores, since each waits for the database at times.
    report: is told each stage with the number of milestones done. Raises psycopg.Error; WorkerEnded
    where a worker was killed.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        generations.clear_away(connection, schema)
        if policies is None:
            policies = alternatives.adopting(connection)
        with connection.transaction():
            generation = generations.make(connection, "building", policies).id
        if not generations.try_hold(connection, schema, generation):
            raise AssertionError("a new generation has no other writer")
        moments.reach("before_bulk")
        report("bulk", 0)
        row = connection.execute("SELECT coalesce(max(position), 0) FROM log").fetchone()
        upto = int(row[0]) if row else 0
        milestones = postings = 0
        for loaded in _load_all(bulk.shares(connection, conninfo, generation, upto, policies), workers):
            milestones += loaded.milestones
            postings += loaded.postings
            report("bulk", milestones)
        assert milestones == upto, "every milestone is in one share"
        moments.reach("after_bulk")
        report("index", milestones)
        with connection.transaction():
            generations.index(connection, generation)
            generations.advance(connection, generation, upto)
        report("catch_up", milestones)
        projector = Projector(schema, generation)
        caught_up = projector.catch_up(connection)
        with connection.transaction():
            _keep_register(connection, schema, generation)
        moments.reach("before_swap")
        report("swap", milestones + caught_up)
        caught_up += _swap(connection, schema, generation, projector)
        moments.reach("after_swap")
        generations.clear_away(connection, schema)
        return Rebuilt(generation, milestones, postings, caught_up, tuple(policies.stamps))


def _load_all(shares: list[bulk.Share], workers: int) -> Iterator[bulk.Loaded]:
    """Load all shares, in this process where there are few or one worker is asked for."""
    workers = workers or min((os.cpu_count() or 1) + 1, _MOST_WORKERS)
    if workers == 1 or len(shares) == 1:
        yield from map(bulk.load, shares)
        return
    yield from load_all(shares, workers)


def _keep_register(connection: Connection[Any], schema: str, generation: int) -> None:
    """See to it that the register holds what a generation knows before that is read."""
    row = connection.execute("SELECT position FROM generation WHERE id = %s", (generation,)).fetchone()
    assert row is not None, "the generation is there while it is built"
    register.take_in(connection, schema, int(row[0]))


def _swap(connection: Connection[Any], schema: str, generation: int, projector: Projector) -> int:
    """Hold the live generation still, take in the rest, promote: one transaction."""
    caught_up = 0
    with connection.transaction():
        live = generations.live(connection)
        if live is not None:
            generations.lock(connection, schema, live.id)
        while taken := projector.project(connection):
            caught_up += taken
        _keep_register(connection, schema, generation)
        generations.promote(connection, generation)
        moments.reach("before_swap_commit")
        connection.execute("SELECT pg_notify(%s, '')", (projected_channel(schema),))
    return caught_up
