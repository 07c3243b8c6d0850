"""From an HTTP request to the bytes of single events: the three content modes of CloudEvents, and NDJSON.

Belongs here: media types, cutting a body into events without rewriting them, binary mode (CloudEvents HTTP
protocol binding 1.0.2, section 3.1). Does not belong here: whether an event is a good one (domain).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
JSON: Final = "application/json"
LINES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl")
ACCEPTED: Final = (STRUCTURED, BATCH, LINES[0], JSON)

_MEDIA: Final = re.compile(r"\s*([^\s;,]+/[^\s;,]+)\s*((?:;[^,]*)?)\s*", re.ASCII)
_CHARSET: Final = re.compile(r';\s*charset\s*=\s*"?([^";\s]+)"?', re.ASCII | re.IGNORECASE)
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_PREFIX: Final = "ce-"
_BOM: Final = b"\xef\xbb\xbf"


class MediaTypeUnknown(ValueError):
    """The body is of a kind that holds no events; `allowed` lists those that do."""

    def __init__(self, message: str, allowed: Sequence[str] = ACCEPTED) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class BodyEmpty(ValueError):
    """There is nothing in the body."""


class Cut(NamedTuple):
    """The events of a body, each as its own bytes. media: the media type without parameters.

    whole: why the body is one item that can't be cut, else None.
    """

    events: list[bytes]
    media: str
    whole: tuple[str, str] | None = None


def media_type(content_type: str | None) -> tuple[str, str]:
    """(type/subtype in lower case, charset in lower case or ""). Raises MediaTypeUnknown."""
    match = _MEDIA.fullmatch(content_type or "")
    if match is None:
        said = "no Content-Type" if not content_type else f"Content-Type {content_type[:80]!r} can't be read"
        raise MediaTypeUnknown(f"{said}: send one of {', '.join(ACCEPTED)}, or ce-* headers with any other")
    charset = _CHARSET.search(match[2])
    return match[1].lower(), charset[1].lower() if charset else ""


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether a request carries its event's attributes in headers: some ce-* header, no event media type."""
    if headers.get("content-type", "").lstrip().lower().startswith("application/cloudevents"):
        return False
    return any(name.startswith(_PREFIX) for name in headers)


def cut(headers: Mapping[str, str], body: bytes) -> Cut:
    """The events of a request, in order. headers: names in lower case.

    A body that is not what its media type says stays one item: reading it gives the reasons. Raises
    MediaTypeUnknown, BodyEmpty.
    """
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise MediaTypeUnknown("send the body without Content-Encoding")
    if is_binary(headers):
        return Cut([binary_event(headers, body)], "binary")
    media, charset = media_type(headers.get("content-type"))
    if media not in ACCEPTED and media not in LINES:
        raise MediaTypeUnknown(f"{media} holds no events: send one of {', '.join(ACCEPTED)}")
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise MediaTypeUnknown(f"events are JSON in UTF-8, not {charset[:40]}")
    if not body or body.isspace():
        raise BodyEmpty("the body is empty: send one event, a batch, or one event a line")
    if media in LINES:
        return Cut(_lines(body), media)
    if media == STRUCTURED or (media == JSON and body.lstrip()[:1] != b"["):
        return Cut([body], media)
    try:
        return Cut([bytes(item) for item in _ITEMS.decode(body)], media)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Cut([body], media, ("batch_not_array", "a batch is a JSON array of events"))


def _lines(body: bytes) -> list[bytes]:
    """Lines end at LF alone: other characters that look like line ends may stand in a JSON text."""
    lines = [line.rstrip(b"\r") for line in body.removeprefix(_BOM).split(b"\n")]
    found = [line for line in lines if line and not line.isspace()]
    if not found:
        raise BodyEmpty("the body holds no event: send one a line")
    return found


def binary_event(headers: Mapping[str, str], body: bytes) -> bytes:
    """A binary-mode event as the structured one that it equals, its data byte for byte inside.

    Data that is not JSON goes in as base64. The result can be read again without the headers.
    """
    attributes = {
        name.removeprefix(_PREFIX): header_text(value)
        for name, value in headers.items()
        if name.startswith(_PREFIX) and name != _PREFIX
    }
    attributes.pop("data", None)
    attributes.pop("data_base64", None)
    content_type = headers.get("content-type")
    if content_type:
        attributes["datacontenttype"] = content_type
    head = json.dumps(attributes, separators=(",", ":"))[:-1]
    comma = "," if attributes else ""
    if not body:
        return (head + "}").encode()
    if _is_json(content_type, body):
        return f'{head}{comma}"data":'.encode() + body + b"}"
    return f'{head}{comma}"data_base64":"{base64.b64encode(body).decode()}"}}'.encode()


def _is_json(content_type: str | None, body: bytes) -> bool:
    if content_type:
        media = content_type.partition(";")[0].strip().lower()
        if not media.endswith(("/json", "+json")):
            return False
    try:
        msgspec.json.decode(body)  # one whole value and nothing after it: it can stand inside of another
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def header_text(value: str) -> str:
    """A header's value as the attribute that it stands for: quoted strings, then percent-encoding undone.

    Bytes that are not UTF-8 become lone surrogates, which no reader takes for a good text.
    """
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    raw = unquote_to_bytes(text.encode("latin-1", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")
