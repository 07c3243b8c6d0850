"""What the members of a bundle hold: their names and order, the lines of each, and the one way to write them.

A line is a JSON object with its members in the order of the classes below, without blanks, in UTF-8; bytes
are base64; what is None is left out. A line that is read is written again and compared, so that one value has
one line. docs/audit.md describes all this for those who write a verifier.

Belongs here: these forms. They are a promise: another form is another `FORMAT`. Does not belong here: reading
and writing whole members (`reading`, `writing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from adapters.bundles.container import Written
from adapters.bundles.findings import Wrong
from domain.instants import parse_instant

FORMAT: Final = "cairn-audit-bundle/1"

README: Final = "README.txt"
ABOUT: Final = "about.json"
KEYS: Final = "keys.ndjson"
CHECKPOINTS: Final = "checkpoints.ndjson"
COMMITS: Final = "commits.ndjson"
MILESTONES: Final = "milestones.ndjson"
PAYLOADS: Final = "payloads.ndjson"
LEAVES: Final = "leaf-hashes.bin"
MAPPINGS: Final = "mappings.ndjson"
SCHEMAS: Final = "schemas.json"
MANIFEST: Final = "manifest.txt"
#: All members, in the order in which they stand.
NAMES: Final = (
    README, ABOUT, KEYS, CHECKPOINTS, COMMITS, MILESTONES, PAYLOADS, LEAVES, MAPPINGS, SCHEMAS, MANIFEST,
)  # fmt: skip

#: Bytes of the largest member that is read whole, and of the longest line.
MOST_WHOLE: Final = 16 * 2**20
MOST_LINE: Final = 2**30

WHOLE: Final = "whole"
DIGESTS: Final = "digests"


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the bundle comes from. root: base64. rules, policies: of the live generation; null: none yet.

    payloads: `whole`, or `digests` where the bodies were left out. exported_at: RFC 3339.
    """

    format: str
    origin: str
    tenant: str
    size: int
    root: str
    code_version: str
    rules: str | None
    policies: list[Any]
    payloads: str
    exported_at: str


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that signs for the log, or did: a C2SP verifier key. size: of the tree, from which on it does."""

    key: str
    size: int


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A checkpoint that was signed, as a C2SP note. made_at: RFC 3339."""

    size: int
    made_at: str
    note: str


class MappingText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping that read some of the payloads: `name@version#digest`, and its file."""

    stamp: str
    text: str


class Commit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The positions first..last were recorded together, at this time (RFC 3339, microseconds)."""

    first: int
    last: int
    recorded_at: str


class Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A milestone as the log holds it.

    inbox: the number of the message that it came in. identity: 16 bytes of (source, id). digest: SHA-256 of
    its content. state: MessagePack. mapping: what read it from the message, where that is not the mapping by
    which the message came in.
    """

    position: int
    stream: int
    version: int
    inbox: int
    topic: str
    identity: bytes
    digest: bytes
    state: bytes
    mapping: str | None = None


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A message as it was accepted. digest, size: of its body. mapping: what read it; none: an event.

    text: the body where it is UTF-8, base64: where it is not; neither where bodies were left out.
    """

    inbox: int
    received_at: str
    source: str
    digest: bytes
    size: int
    content_type: str | None = None
    headers: str | None = None
    mapping: str | None = None
    text: str | None = None
    base64: bytes | None = None

    @property
    def body(self) -> bytes | None:
        """The bytes that were accepted; None where they were left out."""
        return self.base64 if self.text is None else self.text.encode()


#: How the manifest begins; no checkpoint has such a second line.
MANIFEST_HEAD: Final = "cairn audit bundle 1"


def manifest_text(origin: str, written: Sequence[Written]) -> str:
    """The text that the manifest signs: every other member with its digest and size."""
    listed = (f"{one.digest.hex()} {one.size} {one.name}" for one in written)
    return "\n".join((MANIFEST_HEAD, origin, *listed, ""))


_Line = TypeVar("_Line", bound=msgspec.Struct)
_encode: Final = msgspec.json.Encoder().encode
_DECODERS: Final[dict[Any, msgspec.json.Decoder[Any]]] = {
    kind: msgspec.json.Decoder(kind)
    for kind in (About, Key, Checkpoint, MappingText, Commit, Stored, Payload)
}


def line_of(value: msgspec.Struct) -> bytes:
    """The line of a value."""
    return _encode(value) + b"\n"


def value_of(kind: type[_Line], line: bytes, member: str, place: str) -> _Line:
    """The value of a line. Raises Wrong where it is not the one way to write it."""
    try:
        value: _Line = _DECODERS[kind].decode(line)
        written = line_of(value)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Wrong(member, place, f"it can't be read ({_said(error)})") from None
    if written != line:
        at = next(
            (n for n, (one, other) in enumerate(zip(line, written, strict=False)) if one != other),
            min(len(line), len(written)),
        )
        raise Wrong(member, place, f"it is not written the one way, from its byte {at} on")
    return value


def _said(error: Exception) -> str:
    return str(error).partition("\n")[0][:100]


def microseconds(text: str, member: str, place: str) -> int:
    """Microseconds since 1970 of a time. Raises Wrong."""
    found = parse_instant(text)
    if found is None or found.fraction or not text.endswith("Z"):
        raise Wrong(member, place, f"{text[:40]!r} is no time in UTC with microseconds")
    return found.microseconds


def is_text(body: bytes) -> bool:
    """Whether a body is shown as text."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
