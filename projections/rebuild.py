"""Rebuild: a new generation from the log beside the live one, caught up, then swapped in or kept ready.

The bulk is read in shares, folded in worker processes and loaded by COPY (projections/bulk); then the
projector brings the new generation to the head, and one transaction promotes it. Appends and reads go on
during all of it; a build that is killed leaves nothing live changed, and the next one goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import psycopg

from domain.policies import Policies
from projections import alternatives, building, generations, moments, promoting
from projections.building import Build, Figures, Report
from projections.partial import Basis


class Rebuilt(NamedTuple):
    """What a rebuild made: its generation, milestones and postings in the bulk, those caught up.

    policies: names and versions of those that it is made under. is_live: False where it is kept ready.
    resumed: milestones of the bulk that a build which was broken off had loaded already. basis: what differed
    from the live generation; folded, copied: sets of streams, where some could be copied from it.
    """

    generation: int
    milestones: int
    postings: int
    caught_up: int
    policies: tuple[str, ...]
    is_live: bool = True
    resumed: int = 0
    basis: Basis = Basis(None)
    folded: int = 0
    copied: int = 0


def _silent(_stage: str, _done: int) -> None:
    return None


def _untold(_build: Build) -> None:
    return None


def rebuild(
    conninfo: str,
    schema: str,
    *,
    workers: int = 0,
    report: Report = _silent,
    policies: Policies | None = None,
    keep: bool = False,
    whole: bool = False,
    begun: Callable[[Build], None] = _untold,
) -> Rebuilt:
    """Build a new generation from the whole log and make it the live one.

    policies: those to adopt; default: all that are activated. keep: leave it `ready` beside the live one.
    whole: fold everything; default: where only rules of some types of milestones differ, what none of them
    has a say in is copied from the live generation (projections/partial).

    conninfo: connects to the schema as the application's role (adapters.postgres.connections). workers:
    processes that fold; 0 for one more than there are cores, since each waits for the database at times.
    report: is told each stage with the number of milestones done. begun: is told the generation before
    anything is loaded. Raises BuildUnderWay where another process builds; psycopg.Error; WorkerEnded where a
    worker was killed.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        with suppress(psycopg.Error):  # some platforms can't: then a killed build ends with its statement
            connection.execute("SET client_connection_check_interval = '500ms'")
        with building.only_builder(connection, schema):
            if policies is None:
                policies = alternatives.adopting(connection)
            build = building.begin(connection, conninfo, schema, policies, whole=whole)
            begun(build)
            try:
                return _work(connection, schema, build, workers, report, keep=keep)
            except BaseException as error:
                building.note_failure(connection, build.generation, error)
                raise
            finally:
                if not connection.closed:
                    generations.let_go(connection, schema, build.generation)


def _work(
    connection: psycopg.Connection[tuple[object, ...]],
    schema: str,
    build: Build,
    workers: int,
    report: Report,
    *,
    keep: bool,
) -> Rebuilt:
    figures = Figures(connection, build.generation)
    moments.reach("before_bulk")
    with figures.stage("bulk"):
        loaded = building.load(connection, build, figures, workers, report)
    moments.reach("after_bulk")
    if not build.is_indexed:
        report("index", loaded.milestones)
        moments.reach("before_index")
        with figures.stage("index"):
            building.index(connection, build)
    moments.reach("before_catch_up")
    with figures.stage("catch_up"):
        caught_up = building.catch_up(connection, schema, build, figures, report)
    moments.reach("before_ready")
    if keep:
        generations.become_ready(connection, build.generation)
    else:
        moments.reach("before_swap")
        report("swap", loaded.milestones + caught_up)
        with figures.stage("swap"):
            caught_up += promoting.swap(connection, schema, build.generation)[1]
        figures.note(caught_up=caught_up)
        moments.reach("after_swap")
        promoting.clean_up(connection, schema)
    return Rebuilt(
        build.generation,
        loaded.milestones,
        loaded.postings,
        caught_up,
        tuple(build.policies.stamps),
        is_live=not keep,
        resumed=build.done,
        basis=build.basis,
        folded=loaded.folded,
        copied=loaded.copied,
    )
