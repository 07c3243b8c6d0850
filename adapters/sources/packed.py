"""Files as they lie on disk: plain, gzip or zip, each read in a stream; and which of a folder are read.

Belongs here: which files and members there are, opening them, and the limits that keep a hostile archive from
filling memory. Does not belong here: what a record is (files.py).

An archive is never unpacked to disk, and archives in archives are not looked into.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, NamedTuple, cast

from adapters.sources.base import FileRefused
from adapters.sources.remarks import remark

GZIP: Final = ".gz"
ZIP: Final = ".zip"
#: An archive may unpack to this many bytes whatever its size, and beyond that to so many times its size.
FREE_BYTES: Final = 256 * 2**20
MOST_RATIO: Final = 300
MOST_MEMBERS: Final = 10_000
_BLOCK: Final = 2**20
#: Members of an archive that a remark names.
_MOST_NAMED: Final = 20
_BROKEN: Final = (
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
)


class Opened(NamedTuple):
    """A file that is being read. at: how many bytes of it, as it lies on disk, were read by now."""

    stream: BinaryIO
    at: Callable[[], int]


class File(NamedTuple):
    """One file of records, or one member of an archive.

    name: for people, `exports.zip/orders.csv`. suffix: what it is once unpacked, `.csv`. member: its entry in
    a zip archive, not its name, which two may have. before: bytes on disk of the files that come before it.
    """

    path: Path
    name: str
    suffix: str
    member: zipfile.ZipInfo | None = None
    before: int = 0

    @contextmanager
    def open(self) -> Iterator[Opened]:
        """Read it, unpacked. Reading raises FileRefused where it is broken or unpacks to too much."""
        with ExitStack() as open_:
            raw = open_.enter_context(self.path.open("rb"))
            if self.member is not None:
                archive = open_.enter_context(_archive(raw, self.name))
                packed = self.member.compress_size
                inner = open_.enter_context(_member(archive, self.member, self.name))
            elif self.path.suffix.lower() == GZIP:
                packed = self.path.stat().st_size
                unzipped = open_.enter_context(gzip.GzipFile(fileobj=raw))
                inner = cast("IO[bytes]", unzipped)
            else:
                yield Opened(raw, lambda: self.before + raw.tell())
                return
            unpacked = _Unpacked(inner, self.name, max(FREE_BYTES, MOST_RATIO * packed))
            yield Opened(io.BufferedReader(unpacked, _BLOCK), lambda: self.before + raw.tell())


class _Unpacked(io.RawIOBase):
    """The bytes of a packed file, no more than may be; what is wrong with it becomes FileRefused."""

    def __init__(self, inner: IO[bytes], name: str, most: int) -> None:
        self._inner = inner
        self._name = name
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            found = self._inner.read(len(buffer))
        except _BROKEN as error:
            raise FileRefused(
                f"{self._name}: the archive is broken or ends early ({type(error).__name__}): get it again"
            ) from None
        self._left -= len(found)
        if self._left < 0:
            raise FileRefused(
                f"{self._name}: unpacks to more than {MOST_RATIO} times its size, as no export does; if it is"
                " right, unpack it first"
            )
        buffer[: len(found)] = found
        return len(found)


def _archive(raw: BinaryIO, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(raw)
    except (*_BROKEN, ValueError, OSError) as error:
        raise FileRefused(f"{name}: can't be read as a zip archive ({type(error).__name__})") from None


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> IO[bytes]:
    try:
        return archive.open(member)
    except _BROKEN as error:
        raise FileRefused(
            f"{name}: this member can't be unpacked ({type(error).__name__}); pack it again without password"
        ) from None


def kind_of(path: Path) -> str:
    """The suffix of what a file holds: `.csv` for `orders.CSV.gz`."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix == GZIP else suffix


def files_below(path: Path, suffixes: frozenset[str]) -> Iterator[File]:
    """The file itself, or the files of those suffixes below a folder, by name; members of archives by theirs.

    A file that is named is read whatever its suffix, unless it is an archive. Hidden files and folders are
    left out. A member without a suffix is read as it would be alone; those that are not read are remarked.
    Raises FileNotFoundError where there is nothing to read, FileRefused for a broken archive.
    """
    if path.is_file():
        yield from _files_of(path, path.name, suffixes, 0)
        return
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")
    found = [
        (file, file.relative_to(path))
        for file in path.rglob("*")
        if (kind_of(file) in suffixes or file.suffix.lower() == ZIP) and file.is_file()
    ]
    visible = sorted(
        (name.as_posix(), file) for file, name in found if not any(p.startswith(".") for p in name.parts)
    )
    if not visible:
        raise FileNotFoundError(f"{path}: holds no file of a known kind ({' '.join(sorted(suffixes))})")
    before = 0
    for name, file in visible:
        yield from _files_of(file, name, suffixes, before)
        before += file.stat().st_size


def _files_of(path: Path, name: str, suffixes: frozenset[str], before: int) -> Iterator[File]:
    name = shown(name)
    if path.suffix.lower() != ZIP:
        yield File(path, name, kind_of(path), before=before)
        return
    with path.open("rb") as raw, _archive(raw, name) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MOST_MEMBERS:
        raise FileRefused(f"{name}: holds more than {MOST_MEMBERS} files: pack it in parts")
    members = [entry for entry in entries if _is_read(entry, suffixes)]
    skipped = [shown(entry.filename) for entry in entries if not _is_read(entry, suffixes)]
    if skipped:
        more = f" and {len(skipped) - _MOST_NAMED} more" if len(skipped) > _MOST_NAMED else ""
        named = ", ".join(skipped[:_MOST_NAMED])
        remark(f"{name}: {len(skipped)} of {len(entries)} files in it are not read: {named}{more}")
    if not members:
        raise FileNotFoundError(f"{path}: holds no file of a known kind ({' '.join(sorted(suffixes))})")
    times: Counter[str] = Counter()
    for member in members:
        times[member.filename] += 1
        again = f" ({times[member.filename]})" if times[member.filename] > 1 else ""
        yield File(
            path, f"{name}/{member.filename}{again}", Path(member.filename).suffix.lower(), member, before
        )


def _is_read(entry: zipfile.ZipInfo, suffixes: frozenset[str]) -> bool:
    name = Path(entry.filename)
    is_hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts)
    return not is_hidden and name.suffix.lower() in suffixes | {""}


def shown(name: str) -> str:
    """A file's name as text that can be written anywhere; bytes of it that are not UTF-8 as `\\xff`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def size_below(path: Path) -> int:
    """Bytes on disk of a file, or of the visible files below a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
