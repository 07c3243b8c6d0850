"""Files dropped in a folder: taken when they are complete, imported, put away.

Belongs here: which files are complete, and where they go. Does not belong here: how files are read
(adapters/sources), how they are recorded (adapters/importing.py).

A file is complete when it has not changed for `settled` seconds; a sender that renames it into the folder
once it is whole is safe at any speed. It is moved aside before it is read, so that nothing writes to it
meanwhile, and put in `done` or `failed` after. A process that dies in between finds it there and imports it
again: what was recorded is a duplicate then. The same bytes under any name are imported once, unless
something of them went to quarantine or the mapping has changed: how a file is cut into records can only be
mended by reading it again.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg_pool import PoolTimeout

from adapters.feeds.inlet import Inlet
from adapters.feeds.sections import FolderSection
from adapters.feeds.waits import Taken, Waits
from adapters.importing import Summary
from adapters.intake import IntakeClosed, IntakeFull
from adapters.preparing import stamp
from adapters.sources.base import FileRefused
from adapters.sources.packed import shown

_log: Final = logging.getLogger("cairn.feeds")
#: Endings that programs give to files that they have not finished.
UNFINISHED: Final = frozenset(
    {".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".swp", ".lock"}
)
_TAKING: Final = ".taking"
_BLOCK: Final = 2**20
#: Bytes that a name of a file may have.
_LONGEST_NAME: Final = 255
#: What stops a round, whatever the file: it is taken up again later.
_NOT_OF_THE_FILE: Final = (psycopg.Error, PoolTimeout, PersistenceError, IntakeFull, IntakeClosed)


class Put(NamedTuple):
    """A file that was taken. outcome: `done`, `failed`, `known` where the same bytes were in before, `kept`
    where it could not even be opened or moved. name: as text that can be written anywhere. warnings: what
    somebody should look at.
    """

    name: str
    outcome: str
    summary: Summary | None = None
    problem: str | None = None
    warnings: tuple[str, ...] = ()


class _Seen(NamedTuple):
    size: int
    changed: int
    at: float


class Folder:
    """The folder of one feed. clock: seconds since 1970-01-01 UTC, as the file system counts them."""

    def __init__(
        self,
        inlet: Inlet,
        section: FolderSection,
        waits: Waits,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inlet = inlet
        self._section = section
        self._waits = waits
        self._clock = clock
        self._monotonic = monotonic
        self._seen: dict[Path, _Seen] = {}
        self._done = section.done or section.path / "done"
        self._failed = section.failed or section.path / "failed"

    def round(self) -> Iterator[Put]:
        """Take every file that is complete, by name, those first that a process left behind.

        Raises FileNotFoundError without the folder, PersistenceError where the log can't be written: the file
        is taken up in the next round then.
        """
        if not self._section.path.is_dir():
            raise FileNotFoundError(f"{self._section.path}: no such folder; make it, or mend `folder.path`")
        taking = self._section.path / _TAKING
        for left in sorted(taking.iterdir()) if taking.is_dir() else []:
            yield self._tried(left)
        for file in self._complete():
            taking.mkdir(exist_ok=True)
            yield self._tried(file)

    def _tried(self, file: Path) -> Put:
        """Whatever is wrong with one file must not stop those after it."""
        taking = self._section.path / _TAKING
        held = file
        try:
            if file.parent != taking:
                held = _move(file, taking, _short(file))
            return self._take(held)
        except psycopg.DataError as error:
            return self._broke_off(held, error)
        except OSError as error:
            problem = error.strerror or type(error).__name__
            _log.error("feed %s: a file stays where it is: %s", self._inlet.feed.name, problem)
            return Put(shown(file.name), "kept", problem=problem)
        except _NOT_OF_THE_FILE:
            raise
        except Exception as error:  # noqa: BLE001 - one file must not hold up the others
            return self._broke_off(held, error)

    def _broke_off(self, file: Path, error: Exception) -> Put:
        """What nobody foresaw: the file is put in `failed`, where nothing of it can be in the way."""
        name, told = shown(file.name), _unforeseen(file, error)
        try:
            self._put_aside(file, "unread", told)
        except OSError as again:
            told = f"{told}; it can't be put aside either ({again.strerror or type(again).__name__})"
            return Put(name, "kept", problem=told)
        return Put(name, "failed", problem=told)

    def _complete(self) -> list[Path]:
        found = {}
        for file in self._section.path.iterdir():
            if file.name.startswith(".") or file.suffix.lower() in UNFINISHED or file.name.endswith("~"):
                continue
            # a link could lead anywhere
            if file.is_symlink() or not file.is_file():
                continue
            found[file] = self._look(file)
        self._seen = found
        return sorted(file for file, seen in found.items() if self._is_settled(seen))

    def _look(self, file: Path) -> _Seen:
        status = file.stat()
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        before = self._seen.get(file)
        if before is not None and (before.size, before.changed) == (status.st_size, changed):
            return before
        return _Seen(status.st_size, changed, self._monotonic())

    def _is_settled(self, seen: _Seen) -> bool:
        watched = self._monotonic() - seen.at
        age = self._clock() - seen.changed / 1e9
        return max(watched, age) >= self._section.settled

    def _take(self, file: Path) -> Put:
        digest, size = _digest(file)
        name = shown(file.name)
        feed = self._inlet.feed.name
        read_by = stamp(self._inlet.source, self._inlet.feed.setup.instance)
        known = self._waits.taken(feed, digest)
        if known is not None and _was_read_well(known, read_by):
            _move(file, self._done, digest.hex()[:12])
            told = f"holds the same as {known.name} of {known.taken_at:%Y-%m-%d}, and is not read again"
            _log.warning("feed %s: %r %s", feed, name, told)
            return Put(name, "known", warnings=(told,))
        try:
            summary = self._inlet.import_file(file)
        except (FileRefused, FileNotFoundError) as error:
            return self._fail(file, digest, size, str(error))
        except (*_NOT_OF_THE_FILE, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - one file must not hold up the others
            return self._fail(file, digest, size, _unforeseen(file, error))
        self._waits.take(feed, digest, name, size, "done", as_counts(summary) | {"read_by": read_by})
        _move(file, self._done, digest.hex()[:12])
        warnings = tuple(_warnings(name, summary))
        for warning in warnings:
            _log.warning("feed %s: %s", feed, warning)
        return Put(name, "done", summary, warnings=warnings)

    def _fail(self, file: Path, digest: bytes, size: int, told: str) -> Put:
        name = shown(file.name)
        problem = shown(told.replace(str(self._section.path / _TAKING) + "/", ""))
        self._waits.take(self._inlet.feed.name, digest, name, size, "failed", {"problem": problem})
        self._put_aside(file, digest.hex()[:12], problem)
        return Put(name, "failed", problem=problem)

    def _put_aside(self, file: Path, mark: str, problem: str) -> None:
        """Move a file to `failed`, with the reason beside it. Raises OSError."""
        moved = _move(file, self._failed, mark)
        _log.error("feed %s: a file can't be read and is put in %s", self._inlet.feed.name, self._failed)
        why = moved.with_name(f"{moved.name}.why.txt")
        if len(os.fsencode(why.name)) > _LONGEST_NAME:
            why = moved.with_name(f"{mark}.why.txt")
        why.write_text(f"{problem}\n", encoding="utf-8", errors="backslashreplace")


def _unforeseen(file: Path, error: Exception) -> str:
    """What is said of an error; its own message might repeat what the file holds."""
    kind = type(error).__name__
    return f"{shown(file.name)}: reading it broke off ({kind}); mend it and drop it again, or report this"


def _was_read_well(known: Taken, read_by: str) -> bool:
    """Whether reading the same bytes again could bring nothing that is not in."""
    return not known.summary.get("quarantined") and known.summary.get("read_by") == read_by


def _warnings(name: str, summary: Summary) -> Iterator[str]:
    """What somebody should look at: what is in quarantine, and what was remarked."""
    if summary.quarantined:
        codes = ", ".join(f"{code}: {count}" for code, count in sorted(summary.quarantined.items()))
        yield (
            f"{summary.quarantined.total():,} of {summary.records:,} records of {name!r} are quarantined"
            f" ({codes}); see `cairn quarantine`"
        )
    yield from summary.remarks


def as_counts(summary: Summary) -> dict[str, Any]:
    """A summary as numbers that can be kept."""
    return {
        "records": summary.records,
        "recorded": summary.recorded,
        "duplicate": summary.duplicate,
        "conflict": summary.conflict,
        "waiting": summary.waiting,
        "ignored": dict(summary.ignored),
        "quarantined": dict(summary.quarantined),
    }


def _digest(file: Path) -> tuple[bytes, int]:
    """SHA-256 and size in bytes."""
    found, size = sha256(), 0
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            found.update(block)
            size += len(block)
    return found.digest(), size


def _short(file: Path) -> str:
    return sha256(str(file.stat().st_ino).encode()).hexdigest()[:12]


def _move(file: Path, folder: Path, mark: str) -> Path:
    """Move a file into a folder; where its name is taken there, with a mark in it."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / file.name
    if target.exists():
        name = f"{mark}-{file.name}"
        target = folder / (name if len(os.fsencode(name)) <= _LONGEST_NAME else f"{mark}{file.suffix}")
    try:
        return file.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    # another file system: whole under its name, or not there
    copying = folder / f".{mark}-{file.name}"
    shutil.copy2(file, copying)
    copying.replace(target)
    file.unlink()
    return target
