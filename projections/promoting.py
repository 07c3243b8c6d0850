"""Which generation is live: promoting one that is ready, returning to the one before, dropping others.

What becomes live is brought to the head first, and in one transaction the live one is held still, what is
left is taken in, and the states change. Reads go on from whichever they began with. Does not belong here:
building.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg
from psycopg import Connection

from projections import aside, digests, generations, moments
from projections.building import keep_register, under_way
from projections.projector import Projector, projected_channel


class GenerationRefused(RuntimeError):
    """A generation can't become live, or can't be dropped, as it is."""


class Promoted(NamedTuple):
    """The live generation, the one before it, and how many milestones were taken in to get there."""

    generation: int
    before: int | None
    caught_up: int


def promote(connection: Connection[Any], schema: str, id_: int) -> Promoted:
    """Make a generation that is ready, or was live once, the live one. Nothing to do where it is.

    The connection is in autocommit. Raises GenerationUnknown, GenerationRefused.
    """
    one = generations.one_told(connection, schema, id_)
    if one.state == "live":
        return Promoted(id_, None, 0)
    if one.state == "side":
        raise _is_side(id_)
    if one.state in generations.UNFINISHED:
        raise GenerationRefused(
            f"generation {id_} is not built yet: wait for its build, or go on with it by `cairn rebuild`"
        )
    _check(connection, id_)
    caught_up = Projector(schema, id_).catch_up(connection)
    moments.reach("before_swap")
    before, rest = swap(connection, schema, id_)
    moments.reach("after_swap")
    clean_up(connection, schema)
    return Promoted(id_, before, caught_up + rest)


def return_(connection: Connection[Any], schema: str) -> Promoted:
    """Make the generation that was live before the live one live again. Raises GenerationRefused."""
    found = generations.before(connection)
    if found is None:
        raise GenerationRefused("there is nothing to return to: no generation is kept that was live before")
    return promote(connection, schema, found.id)


def swap(connection: Connection[Any], schema: str, id_: int) -> tuple[int | None, int]:
    """Hold the live generation still, take in the rest, change the states: one transaction.

    The number of the generation that was live, and how many milestones were taken in. Raises
    GenerationRefused, with nothing changed.
    """
    caught_up = 0
    with connection.transaction():
        # one at a time, and not while the very first generation is made
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{schema}.first",))
        live = generations.live(connection)
        if live is not None:
            if live.id == id_:
                return None, 0
            generations.lock(connection, schema, live.id)
        projector = Projector(schema, id_)
        while taken := projector.project(connection):
            caught_up += taken
        _check(connection, id_)
        keep_register(connection, schema, id_)
        generations.promote(connection, id_)
        moments.reach("before_swap_commit")
        connection.execute("SELECT pg_notify(%s, '')", (projected_channel(schema),))
    return None if live is None else live.id, caught_up


def hindrance(connection: Connection[Any], schema: str, id_: int) -> str | None:
    """Why a generation that is kept can't become live as things are, and what to do; None where it can."""
    try:
        if generations.one_told(connection, schema, id_).state == "side":
            raise _is_side(id_)
        _check(connection, id_)
    except (GenerationRefused, generations.GenerationUnknown) as error:
        return str(error)
    return None


def _is_side(id_: int) -> GenerationRefused:
    return GenerationRefused(
        f"generation {id_} is kept for questions under policies that are not adopted: `cairn rebuild`"
        " adopts all that are activated"
    )


def _check(connection: Connection[Any], id_: int) -> None:
    """Raises GenerationRefused where a generation lacks what this version of the code can't take into it."""
    row = connection.execute(
        f"SELECT {generations.COLUMNS}, (SELECT coalesce(max(position), 0) FROM log),"
        " EXISTS (SELECT FROM log WHERE log.position > generation.position AND topic <> ALL(%s))"
        " FROM generation WHERE id = %s",
        (sorted(aside.TOPICS), id_),
    ).fetchone()
    if row is None:
        raise generations.GenerationUnknown(f"generation {id_} has been dropped meanwhile")
    found, head, lacks_some = generations.made(row), int(row[-2]), bool(row[-1])
    if found.rules != generations.rules_digest() and lacks_some:
        raise GenerationRefused(
            f"generation {id_} was made by code version {found.code_version} with other rules"
            f" ({found.rules}) than this version has ({generations.CODE_VERSION},"
            f" {generations.rules_digest()}), and stands at {found.position} of {head}: only the version that"
            f" made it can bring it to the head. {_remedy(id_)}"
        )


def _remedy(id_: int) -> str:
    if digests.is_outdated():
        return (
            "The rules on disk have been changed since this process began: restart the server, or say"
            f" `cairn generations promote {id_}`"
        )
    return "Do it with that version, or run `cairn rebuild`"


def clean_up(connection: Connection[Any], schema: str) -> None:
    """Drop generations that were live once and are not kept any more."""
    moments.reach("before_clean_up")
    generations.clear_retired(connection, schema)
    moments.reach("after_clean_up")


def drop(connection: Connection[Any], schema: str, id_: int) -> None:
    """Drop a generation that is ready, was live once, or whose build was broken off.

    Raises GenerationUnknown; GenerationRefused; BuildUnderWay where it is being built.
    """
    one = generations.one_told(connection, schema, id_)
    if one.state == "live":
        raise GenerationRefused(
            f"generation {id_} is live: promote another one, or return, before it is dropped"
        )
    if one.state == "side":
        raise GenerationRefused(
            f"generation {id_} is kept for questions under policies that are not adopted: void those that are"
            " not wanted, and it goes"
        )
    if one.state in generations.UNFINISHED and one.is_held:
        raise under_way(connection, schema)
    try:
        if not generations.drop(connection, schema, id_):
            raise GenerationRefused(f"generation {id_} has become live meanwhile")
    except psycopg.errors.LockNotAvailable:
        raise GenerationRefused(
            f"generation {id_} is being read or written to: try again in a while"
        ) from None
