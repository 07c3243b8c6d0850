"""PostgreSQL's binary formats, packed for whole batches at once: COPY rows and array parameters.

Belongs here: bytes as the server's binary COPY and its array types want them. Does not belong here: which
rows (adapters/postgres/rows.py). Packing a row here costs a fraction of what a generic dumper per value does;
that difference decides the speed of appends.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from struct import Struct, pack
from typing import Any, Final

from psycopg import Connection
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

#: Signature, flags and header extension of a binary COPY, and its trailer.
COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER: Final = b"\xff\xff"
#: Length word of NULL.
NULL: Final = b"\xff\xff\xff\xff"
#: Microseconds from 1970-01-01 to 2000-01-01, from which the server counts.
EPOCH_OFFSET: Final = 946_684_800_000_000

_LENGTH: Final = Struct(">i")
_ARRAY: Final = Struct(">iiIii")
length: Final = _LENGTH.pack


def optional_text(value: str | None) -> bytes:
    """A text field of a COPY row, or NULL."""
    if value is None:
        return NULL
    encoded = value.encode()
    return length(len(encoded)) + encoded


class PackedArray:
    """An array parameter in binary form. oid: the array type's; made by the functions below."""

    __slots__ = ("packed",)
    oid = 0

    def __init__(self, packed: bytes) -> None:
        self.packed = packed


class UuidArray(PackedArray):
    """uuid[]"""

    oid = 2951


class BigintArray(PackedArray):
    """bigint[]"""

    oid = 1016


class TextArray(PackedArray):
    """text[]"""

    oid = 1009


class ByteaArray(PackedArray):
    """bytea[]"""

    oid = 1001


def _header(element_oid: int, count: int) -> bytes:
    # dimensions, has nulls, element type, length of the dimension, its lower bound
    return _ARRAY.pack(1, 0, element_oid, count, 1) if count else pack(">iiI", 0, 0, element_oid)


def uuid_array(values: Sequence[bytes]) -> UuidArray:
    """16-byte values as uuid[]."""
    prefix = _LENGTH.pack(16)
    return UuidArray(_header(2950, len(values)) + prefix.join([b"", *values]))


def bigint_array(values: Sequence[int]) -> BigintArray:
    """Integers as bigint[]."""
    interleaved = chain.from_iterable((8, value) for value in values)
    return BigintArray(_header(20, len(values)) + pack(">" + "iq" * len(values), *interleaved))


def text_array(values: Iterable[str]) -> TextArray:
    """Texts as text[]."""
    encoded = [value.encode() for value in values]
    return TextArray(_header(25, len(encoded)) + _joined(encoded))


def bytea_array(values: Sequence[bytes]) -> ByteaArray:
    """Byte strings as bytea[]."""
    return ByteaArray(_header(17, len(values)) + _joined(values))


def _joined(values: Sequence[bytes]) -> bytes:
    return b"".join([part for value in values for part in (length(len(value)), value)])


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> Buffer:
        packed: bytes = obj.packed
        return packed


def register_arrays(connection: Connection[Any]) -> None:
    """Let this connection take the array classes of this module as parameters."""
    for array in (UuidArray, BigintArray, TextArray, ByteaArray):
        dumper = type(f"{array.__name__}Dumper", (_PackedDumper,), {"oid": array.oid})
        connection.adapters.register_dumper(array, dumper)


def chunked(rows: Sequence[bytes], size: int = 512) -> Iterator[bytes]:
    """A binary COPY stream of packed rows, or of parts of rows, joined in pieces.

    The server works on a piece while the next is joined.
    """
    yield COPY_HEADER + b"".join(rows[:size])
    for start in range(size, len(rows), size):
        yield b"".join(rows[start : start + size])
    yield COPY_TRAILER
