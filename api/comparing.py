"""`cairn reconcile` from its beginning to its end: who is asked, in which order things are done.

Belongs here: finding the source that is meant, its records, and the run. Does not belong here: comparing
(api/reconciling.py), what is recorded of it (api/attesting.py), parameters of a request or command.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.feeds import clients, inventory
from adapters.feeds.clients import NotOffered
from adapters.feeds.setup import Feed, FeedSetup
from adapters.intake import Intake
from adapters.postgres import reading as log
from adapters.sources import SOURCES, Source
from api import attesting, reading, reconciling
from api.attesting import speakers
from api.feeds import FeedUnknown
from api.freshness import NotYetProjected
from api.parameters import ParameterRefused
from api.reconciling import Wanted, speaks_as
from api.reporting import one_moment
from api.trail import said
from domain.money import format_minor
from projections import generations
from projections.completeness import totals
from projections.completeness.totals import Compared
from projections.exceptions.asking import Asking

#: Waits until reports hold a position, and all that is in the log by now.
Wait = Callable[[int], None]
#: Seconds that a server waits for its projector.
PATIENCE: Final = 60.0
_POLL_SECONDS: Final = 0.05
_STATED: Final = ("object", "count", "amount", "currency", "ids", "source")


class Target(NamedTuple):
    """What a name means: a feed, a mapping with an instance, or a source alone (then source is None)."""

    name: str
    source: Source | None
    instance: str
    setup: FeedSetup | None
    speaks: tuple[str, ...]


def act(name: str, wanted: Wanted, found: Mapping[str, Any], *, fix: bool = False) -> dict[str, str]:
    """What the audit trail says of a comparison."""
    return said(
        source=name, first=wanted.first, last=wanted.last, told_by=wanted.told_by, fix=fix,
        complete=found["complete"],
    )  # fmt: skip


def target(feeds: Mapping[str, Feed], name: str, instance: str = "main") -> Target:
    """The feed, the mapping or the source (`/role/system/instance`) of a name. Raises FeedUnknown."""
    if name in feeds:
        setup = feeds[name].setup
        speaks = tuple(speakers(setup.mapping, setup.instance))
        return Target(name, SOURCES[setup.mapping], setup.instance, setup, speaks)
    if name in SOURCES:
        return Target(name, SOURCES[name], instance, None, tuple(speakers(name, instance)))
    source = f"/{name.strip('/')}"
    if source.count("/") == 3:
        return Target(source, None, source.rpartition("/")[2], None, (source,))
    raise FeedUnknown(
        f"{name[:80]!r} is no feed, no mapping and no source such as erp/netsuite/acme", (*feeds, *SOURCES)
    )


def records_of_files(paths: Sequence[Path], meant: Target) -> Iterator[bytes]:
    """The records of an export. Raises ParameterRefused; FileNotFoundError, FileRefused as they are read."""
    source = meant.source
    if source is None:
        raise ParameterRefused(f"no mapping reads exports of {meant.name}: name a feed or a mapping", SOURCES)
    return (record.payload for path in paths for record in source.records(path))


def kinds_of(setup: FeedSetup, object_: str | None) -> tuple[str, ...]:
    """The lists that a feed's client is asked for: the one of that name, else all. Raises NotOffered."""
    assert setup.client is not None, "a client is asked"
    objects = setup.client.objects
    if setup.client.kind == "http":
        offered = tuple(name for name, one in objects.items() if one.list_ is not None and one.between)
    else:
        offered = tuple(objects) or (() if setup.poll is None else setup.poll.objects)
    if not offered:
        raise NotOffered(
            "the feed's client has no list by business dates: set `list` and `between` of `client.objects`"
        )
    return (object_,) if object_ in offered else offered


def records_of_client(setup: FeedSetup, kinds: Sequence[str], first: date, last: date) -> Iterator[bytes]:
    """The records that a source has between two business days, asked for now. Raises SourceError."""
    assert setup.client is not None, "a client is asked"
    with closing(clients.client_of(setup.client)) as client:
        for kind in kinds:
            yield from client.between(kind, first, last)


def asked_of_client(
    meant: Target, first: date, last: date, object_: str | None
) -> tuple[Wanted, Iterator[bytes]]:
    """What is compared when a feed's client is asked, and its records. Raises SourceError.

    object_: a kind of object, or the name that the client has for a list; a list alone shows nothing of the
    kinds that others would.
    """
    if meant.setup is None or meant.setup.client is None:
        raise NotOffered(
            f"{meant.name} has no `client` section: give it one, or compare with an export or totals"
        )
    lists = kinds_of(meant.setup, object_)
    is_one_list = lists == (object_,)
    told_by = f"feed {meant.name}" + (f", list {object_}" if is_one_list else "")
    wanted = Wanted(first, last, None if is_one_list else object_, told_by, meant.speaks)
    return wanted, records_of_client(meant.setup, lists, first, last)


def compare_records(
    intake: Intake,
    pool: ConnectionPool[Any],
    meant: Target,
    records: Iterator[bytes],
    wanted: Wanted,
    wait: Wait,
    *,
    fix: bool,
) -> dict[str, Any]:
    """Lay a source's records beside the ledger, mend where wanted, attest, write the run down: the answer.

    Raises what reading the records raises; NoGeneration, NotYetProjected; PersistenceError.
    """
    assert meant.source is not None, "records are read through a mapping"
    began = datetime.now(UTC)
    span = wanted.first, wanted.last
    found = inventory.take(intake, pool, meant.source, meant.instance, records, span, fix=fix)
    wait(found.last or 0)
    with pool.connection() as connection:
        compared = reconciling.sides(connection, found, wanted)
        before = attesting.spans_before(connection)
    positions = attesting.attest(intake, wanted, compared, before)
    wait(max(positions, default=0))
    kept = attesting.keep(pool, wanted, compared, began, max(positions, default=None))
    return reconciling.answer(wanted, found, compared, kept, fix=fix)


def compare_totals(
    intake: Intake,
    pool: ConnectionPool[Any],
    meant: Target,
    stated: Sequence[Mapping[str, Any]],
    wanted: Wanted,
    wait: Wait,
) -> dict[str, Any]:
    """Record totals that somebody states for a source, and compare them: the answer.

    stated: objects with `object`, `count` and as they are known `amount`, `currency`, `ids` and `source`.
    Raises ParameterRefused; NoGeneration, NotYetProjected; PersistenceError.
    """
    began = datetime.now(UTC)
    with pool.connection() as connection:
        items = [
            attesting.total_event(
                intake, _speaker(connection, meant, one), _checked(one, wanted), wanted.told_by
            )
            for one in stated
        ]
    positions = {outcome.position for outcome in intake.record(items) if outcome.position is not None}
    wait(max(positions, default=0))
    with pool.connection() as connection:
        compared = _compared(connection, positions)
    rows = []
    for one in compared:
        told = _told(one)
        run = attesting.keep_run(pool, wanted, told, began, one.total.position, is_complete=one.agrees)
        rows.append({**told, "run": run})
    return {
        "from": wanted.first.isoformat(),
        "to": wanted.last.isoformat(),
        "told_by": wanted.told_by,
        "complete": all(one.agrees for one in compared),
        "objects": rows,
    }


def _compared(connection: Connection[Any], positions: set[int]) -> list[Compared]:
    with one_moment(connection):
        live = reading.generation(connection, None)
        asking = Asking(connection, live, datetime.now(UTC).date(), live.position)
        stated = [one for one in totals.holding(asking) if one.position in positions]
        return list(totals.compared(asking, stated))


def _checked(one: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    for name in one:
        if name not in _STATED:
            raise ParameterRefused(f"a total has no field {str(name)[:80]!r}", _STATED)
    told = {name: value for name, value in one.items() if name != "source" and value not in (None, "")}
    return {**told, "from": wanted.first.isoformat(), "to": wanted.last.isoformat()}


def _speaker(connection: Connection[Any], meant: Target, one: Mapping[str, Any]) -> str:
    """In whose name a total is recorded: as stated, or the one source that is meant."""
    stated = one.get("source")
    if stated is not None:
        return f"/{str(stated).strip('/')}"
    if meant.source is None:
        return meant.name
    found = attesting.sources_known(connection)
    fitting = sorted({source for source, _ in found if speaks_as(source, meant.speaks)})
    of_kind = [source for source in fitting if (source, one.get("object")) in found]
    chosen = of_kind or fitting
    if len(chosen) != 1:
        raise ParameterRefused(
            f"say in which name {meant.name} speaks of {one.get('object')}: give the total a `source`", chosen
        )
    return chosen[0]


def _told(one: Compared) -> dict[str, Any]:
    amounts = []
    if one.currency is not None and one.their_amount is not None and one.our_amount is not None:
        ours, theirs = (format_minor(part, one.currency) for part in (one.our_amount, one.their_amount))
        amounts.append({"currency": one.currency, "ledger": ours, "source": theirs})
    return {
        "source": one.total.span.source,
        "object": one.total.span.object,
        "complete": one.agrees,
        "count": {"ledger": one.ours, "source": one.theirs},
        "amounts": amounts,
        "missing": reconciling.cut(one.missing),
        "unknown_to_source": reconciling.cut(one.unknown),
        "total": f"/v1/milestones/{one.total.position}",
    }


def until_projected(pool: ConnectionPool[Any], seconds: float = PATIENCE) -> Wait:
    """Waits for a projector that runs elsewhere to come to the head. The wait raises NotYetProjected."""

    def wait(position: int) -> None:
        until = time.monotonic() + seconds
        with pool.connection() as connection:
            wanted = max(position, log.head(connection))
        while True:
            with pool.connection() as connection:
                live = generations.live(connection)
            if live is not None and live.position >= wanted:
                return
            if time.monotonic() > until:
                raise NotYetProjected(f"the reports have not come to {wanted} yet: run it again")
            time.sleep(_POLL_SECONDS)

    return wait
