"""Writing a bundle from the log: member by member, a piece at a time.

Belongs here: what is read for each member, and in which order. Does not belong here: the one moment in which
it is read, signing, where the file goes (api/exporting.py), and the forms (`forms`).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from psycopg import Connection

from adapters.bundles import forms
from adapters.bundles.container import Writer
from adapters.bundles.forms import About, Checkpoint, Commit, Key, MappingText, Payload, Stored, line_of
from adapters.postgres.statements import statements
from adapters.sources import SOURCES, MappedSource, MappingRefused
from adapters.transparency.tiles import WIDTH, Tree
from domain.merkle import HASH_BYTES

_SQL: Final = statements("export", Path(__file__).parent / "sql")
#: Rows that are fetched at a time, messages, and bytes of their bodies.
_ROWS: Final = 2_000
_MESSAGES: Final = 1_000
_BYTES: Final = 32 * 2**20


class Telling(NamedTuple):
    """What the writer is given besides the log.

    readme: what a bundle is, for people. schemas: describes milestones of some types. sign: the manifest's
    text to a note. told: called with milestones and payloads done.
    """

    readme: str
    schemas: Callable[[Sequence[str]], bytes]
    sign: Callable[[str], str]
    told: Callable[[int], None] = lambda _: None


def write(file: IO[bytes], connection: Connection[Any], about: About, telling: Telling) -> None:
    """Write the first milestones of the log, as many as `about` says, to a file that can be written anywhere.

    connection: in a transaction that sees one moment.
    """
    writer = Writer(file)
    size = {"size": about.size}
    writer.whole(forms.README, telling.readme.encode())
    writer.whole(forms.ABOUT, line_of(about))
    with writer.member(forms.KEYS):
        for vkey, from_size in connection.execute(_SQL["keys"], size):
            writer.write(line_of(Key(vkey, from_size)))
    with writer.member(forms.CHECKPOINTS):
        for of, made_at, note in _streamed(connection, "checkpoints", size):
            writer.write(line_of(Checkpoint(of, _time(made_at), note)))
    with writer.member(forms.COMMITS):
        for first, last, recorded_at in _streamed(connection, "commits", size):
            writer.write(line_of(Commit(first, last, _time(recorded_at))))
    needed = _Needed()
    with writer.member(forms.MILESTONES):
        for row in _streamed(connection, "milestones", size):
            stored = Stored(*row)
            needed.take(stored)
            writer.write(line_of(stored))
            if stored.position % _ROWS == 0:
                telling.told(stored.position)
    with writer.member(forms.PAYLOADS):
        for number, payload in enumerate(_payloads(connection, needed, whole=about.payloads == forms.WHOLE)):
            writer.write(line_of(payload))
            if number % _ROWS == 0:
                telling.told(about.size + number)
    with writer.member(forms.LEAVES):
        for hashes in _leaves(connection, about.size):
            writer.write(hashes)
    with writer.member(forms.MAPPINGS):
        for line in _mappings(needed.mappings):
            writer.write(line_of(line))
    writer.whole(forms.SCHEMAS, telling.schemas(sorted(needed.topics)))
    manifest = forms.manifest_text(about.origin, writer.written)
    writer.whole(forms.MANIFEST, telling.sign(manifest).encode())
    writer.end()


class _Needed:
    """What milestones need: their messages, in the order of first use, and what is named in them."""

    def __init__(self) -> None:
        self.messages = array("q")
        self.topics: set[str] = set()
        self.mappings: set[str] = set()
        self._seen = bytearray()

    def take(self, stored: Stored) -> None:
        """Note a milestone."""
        self.topics.add(stored.topic)
        if stored.mapping is not None:
            self.mappings.add(stored.mapping.partition("/")[0])
        byte, bit = stored.inbox >> 3, 1 << (stored.inbox & 7)
        if byte >= len(self._seen):
            self._seen.extend(bytes(byte + 1 - len(self._seen) + 4_096))
        if not self._seen[byte] & bit:
            self._seen[byte] |= bit
            self.messages.append(stored.inbox)


def _payloads(connection: Connection[Any], needed: _Needed, *, whole: bool) -> Iterator[Payload]:
    """The messages in the order in which milestones need them."""
    ids = iter(needed.messages)
    while some := list(islice(ids, _MESSAGES)):
        for batch in _batches(connection, some) if whole else [some]:
            cursor = connection.cursor(binary=True)
            cursor.execute(_SQL["messages"], {"ids": batch, "whole": whole})
            found = {row[0]: _payload(*row) for row in cursor}
            for number in batch:
                payload = found[number]
                if payload.mapping is not None:
                    needed.mappings.add(payload.mapping.partition("/")[0])
                yield payload


def _batches(connection: Connection[Any], ids: list[int]) -> Iterator[list[int]]:
    """Messages whose bodies may be at hand together."""
    sizes = dict(connection.execute(_SQL["message_sizes"], {"ids": ids}).fetchall())
    batch: list[int] = []
    size = 0
    for number in ids:
        if batch and size + sizes[number] > _BYTES:
            yield batch
            batch, size = [], 0
        batch.append(number)
        size += sizes[number]
    yield batch


def _payload(
    number: int,
    received_at: datetime,
    source: str,
    digest: bytes,
    size: int,
    content_type: str | None,
    headers: str | None,
    mapping: str | None,
    body: bytes | None,
) -> Payload:
    text = None if body is None or not forms.is_text(body) else body.decode()
    raw = None if text is not None else body
    return Payload(
        number, _time(received_at), source, digest, size, content_type, headers, mapping, text, raw
    )


def _leaves(connection: Connection[Any], size: int) -> Iterator[bytes]:
    """The hashes of the leaves as the tree holds them, not as the log would give them now."""
    tree = Tree.now(connection)
    for number in range((size + WIDTH - 1) // WIDTH):
        yield tree.tile(0, number)[: (size - number * WIDTH) * HASH_BYTES]


def _mappings(stamps: set[str]) -> Iterator[MappingText]:
    """Those of the mappings that are installed here as they were when they read."""
    for stamp in sorted(stamps):
        source = SOURCES.get(stamp.partition("@")[0])
        try:
            if isinstance(source, MappedSource) and source.stamp == stamp:
                yield MappingText(stamp, source.text.decode())
        except MappingRefused:
            continue


def _streamed(connection: Connection[Any], name: str, values: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(f"export_{name}", binary=True) as cursor:
        cursor.itersize = _ROWS
        cursor.execute(_SQL[name], values)
        yield from cursor


def _time(moment: datetime) -> str:
    """A time of the database, whose connections are in UTC."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
