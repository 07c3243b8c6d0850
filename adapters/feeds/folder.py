"""Files dropped in a folder: taken when they are complete, imported, put away.

Belongs here: which files are complete, and where they go. Does not belong here: how files are read
(adapters/sources), how they are recorded (adapters/importing.py).

A file is complete when it has not changed for `settled` seconds; a sender that renames it into the folder
once it is whole is safe at any speed. It is moved aside before it is read, so that nothing writes to it
meanwhile, and put in `done` or `failed` after. A process that dies in between finds it there and imports it
again: what was recorded is a duplicate then. The same bytes under any name are imported once.
"""

from __future__ import annotations

import errno
import logging
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
from adapters.feeds.waits import Waits
from adapters.importing import Summary
from adapters.intake import IntakeClosed, IntakeFull
from adapters.sources.base import FileRefused

_log: Final = logging.getLogger("cairn.feeds")
#: Endings that programs give to files that they have not finished.
UNFINISHED: Final = frozenset(
    {".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".swp", ".lock"}
)
_TAKING: Final = ".taking"
_BLOCK: Final = 2**20
#: What stops a round, whatever the file: it is taken up again later.
_NOT_OF_THE_FILE: Final = (psycopg.Error, PoolTimeout, PersistenceError, IntakeFull, IntakeClosed)


class Put(NamedTuple):
    """A file that was taken. outcome: `done`, `failed`, `known` where the same bytes were in before, `kept`
    where it could not even be opened or moved.
    """

    name: str
    outcome: str
    summary: Summary | None = None
    problem: str | None = None


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
        """One file that can't be opened or moved must not stop those after it."""
        taking = self._section.path / _TAKING
        try:
            return self._take(file if file.parent == taking else _move(file, taking, _short(file)))
        except OSError as error:
            problem = error.strerror or type(error).__name__
            _log.error("feed %s: a file stays where it is: %s", self._inlet.feed.name, problem)
            return Put(file.name, "kept", problem=problem)

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
        name = file.name
        feed = self._inlet.feed.name
        known = self._waits.taken(feed, digest)
        if known is not None:
            _move(file, self._done, digest.hex()[:12])
            _log.info("feed %s: a file holds the same as one before and is put away", feed)
            return Put(name, "known")
        try:
            summary = self._inlet.import_file(file)
        except (FileRefused, FileNotFoundError, UnicodeError) as error:
            return self._fail(file, digest, size, str(error))
        except (*_NOT_OF_THE_FILE, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - one file must not hold up the others
            # its message might repeat what the file holds
            kind = type(error).__name__
            told = f"{name}: reading it broke off ({kind}); mend it and drop it again, or report this"
            return self._fail(file, digest, size, told)
        self._waits.take(feed, digest, name, size, "done", as_counts(summary))
        _move(file, self._done, digest.hex()[:12])
        self._warn(name, summary)
        return Put(name, "done", summary)

    def _warn(self, name: str, summary: Summary) -> None:
        """Name a file of which something is in quarantine."""
        if summary.quarantined:
            _log.warning(
                "feed %s: %d of %d records of %r are quarantined (%s); see `cairn quarantine`",
                self._inlet.feed.name, summary.quarantined.total(), summary.records, name,
                ", ".join(f"{code}: {count}" for code, count in sorted(summary.quarantined.items())),
            )  # fmt: skip

    def _fail(self, file: Path, digest: bytes, size: int, told: str) -> Put:
        name = file.name
        problem = told.replace(str(self._section.path / _TAKING) + "/", "")
        self._waits.take(self._inlet.feed.name, digest, name, size, "failed", {"problem": problem})
        moved = _move(file, self._failed, digest.hex()[:12])
        moved.with_name(f"{moved.name}.why.txt").write_text(f"{problem}\n", encoding="utf-8")
        _log.error("feed %s: a file can't be read and is put in %s", self._inlet.feed.name, self._failed)
        return Put(name, "failed", problem=problem)


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
        target = folder / f"{mark}-{file.name}"
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
