"""Exporting: a bundle of everything up to a checkpoint, as one file that is whole or not there.

Belongs here: the one moment that a bundle is of, its signature, and where the file goes. Does not belong
here: what the members hold (adapters/bundles), who may have one (api/routes, api/cli).
"""

from __future__ import annotations

import os
import tempfile
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import msgspec
from psycopg import Connection

from adapters.bundles import forms, writing
from adapters.bundles.forms import About
from adapters.transparency import history
from adapters.transparency.keys import Signer
from adapters.transparency.signing import Made
from api.checkpoints import Means, fresh, signer_of
from api.describing import README, schemas
from api.reading import text_of
from domain.notes import VerifierKey
from projections import generations
from projections.generations import CODE_VERSION

#: Seconds that a log which nothing has hashed yet may take to be.
PATIENCE: Final = 3_600.0


#: Called with the rows that are written.
Told = Callable[[int], None]


class ExportUnderWay(RuntimeError):
    """Another bundle is being written."""


class Exported(NamedTuple):
    """A bundle that was written. size: of the tree: the milestones in it. length: of the file, in bytes.

    key: that signed it.
    """

    size: int
    root: bytes
    length: int
    key: VerifierKey


def _silent(_done: int) -> None:
    return None


def export(
    connection: Connection[Any], means: Means, path: Path, *, payloads: bool = True, told: Told = _silent
) -> Exported:
    """Write a bundle of all that is recorded now; a file that is there is replaced once the new one is whole.

    The arguments and errors are those of `write`; OSError.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w+b") as file:
            done = write(connection, means, file, payloads=payloads, told=told)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    _sync(path.parent)
    return done


def write(
    connection: Connection[Any], means: Means, file: IO[bytes], *, payloads: bool = True, told: Told = _silent
) -> Exported:
    """Write a bundle of all that is recorded now to a file that can be written anywhere.

    connection: of its own, in autocommit. means: with PATIENCE. payloads: whether bodies go in, or their
    digests only. told: called with milestones and payloads done. Raises what `fresh` raises.
    """
    made = fresh(connection, means)
    signer = signer_of(means.plan, connection)
    history.check(connection, signer)  # a bundle holds all that were signed
    _write(file, connection, signer, means.plan.schema, made, payloads=payloads, told=told)
    return Exported(made.size, made.root, file.tell(), signer.key)


def _write(
    file: IO[bytes],
    connection: Connection[Any],
    signer: Signer,
    tenant: str,
    made: Made,
    *,
    payloads: bool,
    told: Told,
) -> None:
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        live = generations.live(connection)
        about = About(
            forms.FORMAT,
            signer.origin,
            tenant,
            made.size,
            b64encode(made.root).decode(),
            CODE_VERSION,
            None if live is None else live.rules,
            [] if live is None else msgspec.json.decode(live.policies.to_json()),
            forms.WHOLE if payloads else forms.DIGESTS,
            text_of(datetime.now(UTC)),
        )
        telling = writing.Telling(README, schemas, lambda text: signer.sign(text).rendered, told)
        writing.write(file, connection, about, telling)


def _sync(folder: Path) -> None:
    """Make a rename in the folder outlast a loss of power."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
