"""The books of a bundle folded again, in a database that is made for it and gone afterwards.

What the ledger decided is decided again from the milestones alone, loaded as the log, and folded by the rules
of this version under the policies that are asked for. Belongs here: that database. Does not belong here: what
is asked of it (`reports`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection

from adapters.bundles import forms
from adapters.bundles.forms import COMMITS, Commit
from adapters.bundles.reading import Bundle
from adapters.bundles.replay import Decided, Replay
from adapters.postgres.binary import chunked
from adapters.postgres.connections import conninfo_for
from adapters.postgres.embedded import EmbeddedServer
from adapters.postgres.migrate import migrate
from adapters.postgres.rows import key_rows, log_rows, sequence_rows
from adapters.postgres.statements import statements
from api.proving.proofs import Books
from api.proving.walking import Walk
from projections import bulk, generations
from projections.workers import do_all

_SQL: Final = statements("unit")
SCHEMA: Final = "cairn"
#: Nothing in it has to outlast anything.
_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WORKERS: Final = 2


@contextmanager
def refolded(
    bundle: Bundle, whole: int, upto: int, books: Sequence[Books], told: Callable[[str, int], None]
) -> Iterator[Connection[Any]]:
    """A connection to books folded from the first milestones of a bundle that has been checked.

    whole: how many the bundle has; upto: how many are known. books: those that are live, and others beside
    them; their numbers are kept. told: called with a stage and milestones done. Raises EmbeddedServerError
    where no database can be started here; msgspec.ValidationError, PolicyRefused for policies.
    """
    with (
        tempfile.TemporaryDirectory(prefix="cairn-verify-") as folder,
        EmbeddedServer(Path(folder), settings=_SETTINGS) as url,
    ):
        migrate(url, SCHEMA)
        conninfo = conninfo_for(url, SCHEMA, application_name="cairn verify")
        with (
            psycopg.connect(conninfo, autocommit=True) as connection,
            psycopg.connect(url, autocommit=True) as owner,
        ):
            _load(connection, bundle, whole, upto, told)
            for number, one in enumerate(books):
                told("fold", upto)
                _fold(connection, owner, conninfo, one, upto, is_live=number == 0)
            yield connection


def _load(
    connection: Connection[Any], bundle: Bundle, whole: int, upto: int, told: Callable[[str, int], None]
) -> None:
    """Bring in the log as the ledger would have it, as known by a position."""
    walk = Walk(bundle, whole, whole=False, leaf=lambda _: None)
    with Replay() as replay:
        for step in walk.steps(replay, upto):
            with connection.transaction():
                _write(connection, step.decided)
            told("load", replay.head)
    with connection.transaction():
        for line in bundle.lines(Commit, COMMITS):
            if line.first > upto:
                break
            at = _EPOCH + timedelta(microseconds=forms.microseconds(line.recorded_at, COMMITS, ""))
            connection.execute(_SQL["insert_commit"], (line.first, line.last, at))


def _write(connection: Connection[Any], decided: Decided) -> None:
    rows = decided.rows
    for name, packed in (
        ("copy_log", log_rows(decided.events)),
        ("copy_keys", key_rows(rows.keys)),
        ("copy_sequences", sequence_rows(rows.sequences)),
    ):
        with connection.cursor() as cursor, cursor.copy(_SQL[name]) as copy:
            for piece in chunked(packed):
                copy.write(piece)
    with connection.pipeline():
        for link in rows.links:
            connection.execute(_SQL["insert_link"], link)
        for crossing in rows.crossings:
            connection.execute(_SQL["insert_crossing"], crossing)
        for target, stream, position in rows.awaited:
            connection.execute(_SQL["insert_awaited"], (UUID(bytes=target), stream, position))


def _fold(
    connection: Connection[Any],
    owner: Connection[Any],
    conninfo: str,
    books: Books,
    upto: int,
    *,
    is_live: bool,
) -> None:
    """Fold the log into a generation of the same number, so that what links to it is the same."""
    owner.execute(
        f"ALTER TABLE {SCHEMA}.generation ALTER COLUMN id RESTART WITH {int(books.generation)}".encode()
    )
    policies = books.adopted
    with connection.transaction():
        made = generations.make(connection, "building", policies)
    shares = bulk.shares(connection, conninfo, made.id, upto, policies)
    loaded = do_all(bulk.load, shares, _WORKERS) if len(shares) > 1 else map(bulk.load, shares)
    for _ in loaded:
        continue
    with connection.transaction():
        generations.index(connection, made.id)
        generations.advance(connection, made.id, upto)
        if is_live:
            generations.promote(connection, made.id)
        else:
            connection.execute("UPDATE generation SET state = 'side' WHERE id = %s", (made.id,))
