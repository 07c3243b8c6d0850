"""One batch's rows as binary COPY packs them: the log, the inbox, and the two look-up tables.

Belongs here: the order and types of the columns in sql/unit.sql's copy_* statements, and nothing else.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Final

from adapters.postgres.binary import EPOCH_OFFSET, length, optional_text
from domain.arrivals import Accepted
from domain.deal import Recorded

# A row begins with the number of its fields; each field is its length and its value. What is not known before
# the lock (numbers) comes first in a row, so that the rest can be packed earlier.
_LOG_HEAD: Final = Struct(">hiqiqiiiq").pack
_INBOX_HEAD: Final = Struct(">hiq").pack
_INBOX_NEXT: Final = Struct(">iqi").pack
_TWO_NUMBERS: Final = Struct(">iqiq").pack
_KEY_HEAD: Final = Struct(">hi").pack
_SEQUENCE_TAIL: Final = Struct(">iq").pack
_SEQUENCE_HEAD: Final = b"\0\x02\0\0\0\x10"
_UUID: Final = b"\0\0\0\x10"
_DIGEST: Final = b"\0\0\0\x20"

_topics: dict[str, bytes] = {}


def event_tail(topic: str, state: bytes, identity: bytes, digest: bytes) -> bytes:
    """topic, state, identity, digest"""
    name = _topics.get(topic)
    if name is None:
        name = _topics[topic] = optional_text(topic)
    return b"".join((name, length(len(state)), state, _UUID, identity, _DIGEST, digest))


@lru_cache(maxsize=4_096)
def _accepted_texts(source: str, content_type: str | None, headers: str | None, mapping: str | None) -> bytes:
    return b"".join(map(optional_text, (source, content_type, headers, mapping)))


def accepted_tail(
    received_at: int,
    digest: bytes,
    source: str,
    content_type: str | None,
    headers: str | None,
    mapping: str | None,
    body: bytes,
) -> bytes:
    """received_at, digest, source, content_type, headers, mapping, body"""
    texts = _accepted_texts(source, content_type, headers, mapping)
    return b"".join((_INBOX_NEXT(8, received_at - EPOCH_OFFSET, 32), digest, texts, length(len(body)), body))


def log_rows(events: Sequence[Recorded]) -> list[bytes]:
    """position, stream, version, inbox, topic, state, identity, digest"""
    return [
        _LOG_HEAD(8, 8, event.position, 8, event.stream, 4, event.version, 8, event.inbox)
        + (event.row or event_tail(event.topic, event.state, event.identity, event.digest))
        for event in events
    ]


def inbox_rows(rows: Sequence[tuple[int, Accepted]]) -> list[bytes]:
    """id, received_at, digest, source, content_type, headers, mapping, body; each row in two parts.

    The second holds the source bytes, which are long: they are copied once, when parts are joined.
    """
    return [
        part
        for number, accepted in rows
        for part in (_INBOX_HEAD(8, 8, number), accepted.row or _packed(accepted))
    ]


def _packed(a: Accepted) -> bytes:
    return accepted_tail(a.received_at, a.digest, a.source, a.content_type, a.headers, a.mapping, a.body)


def key_rows(rows: Sequence[tuple[str, int, int]]) -> list[bytes]:
    """key, stream, position"""
    packed = []
    for key, stream, position in rows:
        encoded = key.encode()
        packed.append(_KEY_HEAD(3, len(encoded)) + encoded + _TWO_NUMBERS(8, stream, 8, position))
    return packed


def sequence_rows(rows: Sequence[tuple[bytes, int]]) -> list[bytes]:
    """identity, position"""
    return [_SEQUENCE_HEAD + identity + _SEQUENCE_TAIL(8, position) for identity, position in rows]
