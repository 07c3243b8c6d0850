"""Building a generation: begun or taken up again, its bulk loaded, indexed, and brought to the head.

A build that was broken off goes on with what is left, where log, rules, policies and shares are those that
it was begun with; any other is dropped. One process builds at a time. Does not belong here: how a share is
loaded (projections/bulk), what becomes of a generation that is built (projections/rebuild, promoting).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeVar

import psycopg
from psycopg import Connection

from domain.policies import Policies
from projections import bulk, generations, moments, noting, partial
from projections.completeness import register
from projections.partial import Basis, Part
from projections.projector import Projector
from projections.workers import do_all

_MOST_WORKERS: Final = 8
#: Seconds to wait for another build to end: one that was killed holds its lock until the server has noticed.
PATIENCE_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.05
_BUILD: Final = "build"

_Some = TypeVar("_Some")

#: Is told each stage with the number of milestones done.
Report = Callable[[str, int], None]


class BuildUnderWay(RuntimeError):
    """Another process is building a generation."""


class Build(NamedTuple):
    """A generation that is being built. upto: last position of the bulk. shares: of the whole bulk.

    done: milestones that were loaded when it was taken up again; 0 for a new one. basis: what may be copied
    from the live generation.
    """

    generation: int
    policies: Policies
    upto: int
    shares: list[bulk.Share]
    is_indexed: bool = False
    done: int = 0
    basis: Basis = Basis(None)


class Figures:
    """What a build has come to so far, kept with its generation: numbers, and seconds by stage."""

    def __init__(self, connection: Connection[Any], generation: int) -> None:
        self._connection = connection
        self._generation = generation
        row = connection.execute("SELECT figures FROM generation WHERE id = %s", (generation,)).fetchone()
        assert row is not None, "the generation is there while it is built"
        self._told: dict[str, Any] = json.loads(row[0])

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A stage: as long as the block. What an earlier process has spent on it counts as well."""
        self._connection.execute(
            "UPDATE generation SET stage = %s WHERE id = %s AND state <> 'live'", (name, self._generation)
        )
        seconds = self._told.setdefault("seconds", {})
        before, begun = seconds.get(name, 0.0), time.monotonic()
        try:
            yield
        finally:
            seconds[name] = round(before + time.monotonic() - begun, 3)
            with suppress(psycopg.Error):  # what broke the connection is raised already
                self.note()

    def note(self, **figures: int | list[str]) -> None:
        """Keep some figures."""
        self._told |= figures
        spent = sum(self._told.get("seconds", {}).values())
        taken = self._told.get("milestones", 0) + self._told.get("caught_up", 0)
        if spent:
            self._told["milestones_per_second"] = round(taken / spent)
        self._connection.execute(
            "UPDATE generation SET figures = %s WHERE id = %s", (json.dumps(self._told), self._generation)
        )


@contextmanager
def only_builder(connection: Connection[Any], schema: str) -> Iterator[None]:
    """Be the only process that builds. Raises BuildUnderWay."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not generations.try_hold(connection, schema, _BUILD):
        if time.monotonic() > until:
            raise under_way(connection, schema)
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        if not connection.closed:
            generations.let_go(connection, schema, _BUILD)


def under_way(connection: Connection[Any], schema: str) -> BuildUnderWay:
    """That somebody builds, with which generation and since when."""
    for one in generations.told(connection, schema):
        if one.state in generations.UNFINISHED and one.is_held and one.begun_at is not None:
            since = one.begun_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            return BuildUnderWay(
                f"generation {one.id} is being built since {since}: wait until it is done, or end its process"
            )
    return BuildUnderWay("another rebuild has just begun: wait until it is done, or end that process")


def is_under_way(connection: Connection[Any], schema: str) -> bool:
    """Whether somebody builds."""
    with generations.holding(connection, schema, _BUILD) as is_free:
        return not is_free


def begin(
    connection: Connection[Any], conninfo: str, schema: str, policies: Policies, *, whole: bool = False
) -> Build:
    """The build to work on, by the only builder: one that was broken off, or a new one. Drops all others.

    whole: nothing in it is copied from the live generation.
    """
    basis = partial.basis(connection, policies, whole=whole)
    row = connection.execute("SELECT coalesce(max(position), 0) FROM log").fetchone()
    head = int(row[0]) if row else 0
    found: Build | None = None
    for one in generations.told(connection, schema):
        if one.state not in generations.UNFINISHED:
            continue
        build = None if found else _again(connection, conninfo, one, policies, head, whole=whole)
        if build is not None and generations.try_hold(connection, schema, one.id):
            found = build
        else:
            generations.try_drop(connection, schema, one.id)
    if found is not None:
        connection.execute(
            "UPDATE generation SET begun_at = clock_timestamp(), error = NULL WHERE id = %s",
            (found.generation,),
        )
        return found._replace(basis=basis)
    return _new(connection, conninfo, schema, policies, head)._replace(basis=basis)


def _new(connection: Connection[Any], conninfo: str, schema: str, policies: Policies, head: int) -> Build:
    with connection.transaction():
        generation = generations.make(connection, "building", policies).id
        shares = bulk.shares(connection, conninfo, generation, head, policies)
        connection.execute(
            "UPDATE generation SET upto = %(upto)s, total = %(upto)s, plan = %(plan)s WHERE id = %(id)s",
            {"upto": head, "plan": _plan(shares), "id": generation},
        )
        if not generations.try_hold(connection, schema, generation):
            raise AssertionError("a new generation has no other writer")
    return Build(generation, policies, head, shares)


def _again(
    connection: Connection[Any],
    conninfo: str,
    one: generations.Told,
    policies: Policies,
    head: int,
    *,
    whole: bool,
) -> Build | None:
    """A build that was broken off, to go on with; None where it is another, or little of it is there."""
    if one.upto is None or one.rules != generations.rules_digest() or one.policies != policies.to_json():
        return None
    loaded = noting.loaded(connection, one.id).values()
    if whole and any(share.copied for share in loaded):
        return None
    done = sum(share.milestones for share in loaded)
    if done < head - one.upto:  # what came in since is taken in by batches, which takes longer than a bulk
        return None
    shares = bulk.shares(connection, conninfo, one.id, one.upto, policies)
    if _plan(shares) != one.plan:
        return None
    return Build(one.id, policies, one.upto, shares, one.state == "catching_up", done)


def _plan(shares: Sequence[bulk.Share]) -> str:
    """Digest of what is in which share."""
    digest = sha256()
    for share in shares:
        digest.update(repr((share.first, share.last, share.streams)).encode())
    return digest.hexdigest()[:16]


def load(
    connection: Connection[Any], build: Build, figures: Figures, workers: int, report: Report
) -> noting.Noted:
    """Load the shares that are not loaded yet: what the whole bulk comes to."""
    loaded = noting.loaded(connection, build.generation)
    total = noting.summed(loaded.values())
    report("bulk", total.milestones)
    left = [share for share in build.shares if share.number not in loaded]
    for share in _load_all(left, build.basis, workers):
        total = noting.summed((total, noting.Noted(*share)))
        connection.execute(
            "UPDATE generation SET done = %s WHERE id = %s", (total.milestones, build.generation)
        )
        report("bulk", total.milestones)
        moments.reach("after_share")
    assert total.milestones == build.upto, "every milestone is in one share"
    figures.note(milestones=total.milestones, postings=total.postings)
    if build.basis.is_partial:
        figures.note(
            rules_changed=list(build.basis.parts),
            types_changed=list(build.basis.topics),
            copied_from=build.basis.generation or 0,
            sets_folded=total.folded,
            sets_copied=total.copied,
        )
    return total


def _load_all(shares: list[bulk.Share], basis: Basis, workers: int) -> Iterator[bulk.Loaded]:
    """Load all shares, in this process where there are few or one worker is asked for."""
    if basis.is_partial:
        return _done(partial.load, [Part(share, basis) for share in shares], workers)
    return _done(bulk.load, shares, workers)


def _done(task: Callable[[_Some], bulk.Loaded], shares: list[_Some], workers: int) -> Iterator[bulk.Loaded]:
    workers = workers or min((os.cpu_count() or 1) + 1, _MOST_WORKERS)
    if workers == 1 or len(shares) <= 1:
        return map(task, shares)
    return do_all(task, shares, workers)


def index(connection: Connection[Any], build: Build) -> None:
    """Make the indexes, and note that the bulk is there."""
    with connection.transaction():
        generations.index(connection, build.generation)
        generations.advance(connection, build.generation, build.upto)
        connection.execute(
            "UPDATE generation SET state = 'catching_up', done = total WHERE id = %s", (build.generation,)
        )


def catch_up(connection: Connection[Any], schema: str, build: Build, figures: Figures, report: Report) -> int:
    """Take in what was appended since the bulk was begun: how many milestones."""
    projector = Projector(schema, build.generation)
    caught_up = 0
    report("catch_up", build.upto)
    while taken := projector.project(connection):
        caught_up += taken
        report("catch_up", build.upto + caught_up)
    with connection.transaction():
        keep_register(connection, schema, build.generation)
    figures.note(caught_up=caught_up)
    return caught_up


def keep_register(connection: Connection[Any], schema: str, generation: int) -> None:
    """See to it that the register holds what a generation knows before that is read."""
    row = connection.execute("SELECT position FROM generation WHERE id = %s", (generation,)).fetchone()
    assert row is not None, "the generation is there while it is written to"
    register.take_in(connection, schema, int(row[0]))


def note_failure(connection: Connection[Any], generation: int, error: BaseException) -> None:
    """Note why a build ended early, for whoever looks; what is loaded stays, to go on with."""
    first = str(error).strip().partition("\n")[0]
    with suppress(psycopg.Error):
        connection.execute(
            "UPDATE generation SET error = %s WHERE id = %s AND state = ANY(%s)",
            (first or type(error).__name__, generation, list(generations.UNFINISHED)),
        )
