"""The audit trail as milestones: an act or a count of refusals, and the event that the ledger keeps of it.

Belongs here: what an entry is, and its bytes. Does not belong here: who acts and when (api/trail.py).
Nothing outside of the ledger can send one: `parse_event` refuses them, and `read_held` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from domain.canonical import canonical_bytes, content_digest
from domain.contract import OWN_SOURCES, read_held
from domain.milestones import AuditRecorded
from domain.reading import MAX_TEXT

#: The stored name of an entry.
TOPIC: Final = str(AuditRecorded.__struct_config__.tag)
#: The act under which refused requests are counted.
REFUSED: Final = "request.refused"
#: The kind of object in an entry's subject.
OBJECT: Final = "audit"
#: Details that an entry holds at most.
MAX_DETAILS: Final = 50
_CUT: Final = "…"


class Entry(NamedTuple):
    """What was done, or refused. act: dotted, `key.created`. details: names and numbers, never a secret.

    kind: what the actor is, one of ACTOR_KINDS. times: how many times from first to last, RFC 3339; 1 with
    neither for an act.
    """

    act: str
    actor: str
    kind: str
    details: Mapping[str, str]
    times: int = 1
    first: str | None = None
    last: str | None = None


class Kept(NamedTuple):
    """An entry as the log takes it. body: the event, canonical JSON. digest: SHA-256 of its content."""

    body: bytes
    milestone: AuditRecorded
    digest: bytes


def source_of(schema: str) -> str:
    """The source under which the ledger of a schema records what is done to it."""
    return f"{OWN_SOURCES}{schema}"


def kept(entry: Entry, schema: str, id_: str, time: str) -> Kept:
    """An entry made ready. id_: one that no other entry has; the same again is a duplicate. time: RFC 3339.

    Texts that are too long or can't be stored are cut and mended: an act is not refused for its words.
    """
    said = {
        "act": _text(entry.act),
        "actor": _text(entry.actor),
        "kind": entry.kind,
        "details": {_text(name): _text(entry.details[name]) for name in sorted(entry.details)[:MAX_DETAILS]},
        "count": entry.times,
        "first": entry.first,
        "last": entry.last,
    }
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": source_of(schema),
        "type": TOPIC,
        "subject": f"{OBJECT}/{id_}",
        "time": time,
        "datacontenttype": "application/json",
        "data": {name: value for name, value in said.items() if value is not None},
    }
    body = canonical_bytes(event)
    milestone = read_held(body)
    assert isinstance(milestone, AuditRecorded), "its type says so"
    return Kept(body, milestone, content_digest(msgspec.json.decode(body)))


def _text(value: str) -> str:
    """A text as the log can hold it: not empty, no NUL, no half of a surrogate pair, not too long."""
    mended = value.replace("\0", "�").encode("utf-8", "replace").decode() or "-"
    return mended if len(mended) <= MAX_TEXT else mended[: MAX_TEXT - 1] + _CUT
