"""Canonical JSON (RFC 8785) and the digest by which two messages are the same or not.

Belongs here: JSON text to values and back to canonical bytes, content digests, identities.
One difference to RFC 8785: an integer is written with all its digits (contract.md section 2).
"""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

_ESCAPES: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
} | {chr(c): f"\\u{c:04x}" for c in range(0x20) if chr(c) not in "\b\f\n\r\t"}
_TRANSLATION: Final = str.maketrans(_ESCAPES)


class NotJson(ValueError):
    """The bytes are not one JSON value in UTF-8."""


class Fraction(float):
    """A JSON number with a fraction or an exponent: the fast encoder refuses it, the exact one writes it."""


def _read_float(number: str) -> Fraction:
    value = Fraction(number)
    if math.isinf(value):
        raise NotJson(f"the number {number[:40]} is beyond what JSON readers can hold")
    return value


_DECODER: Final = msgspec.json.Decoder(float_hook=_read_float)
_FAST: Final = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS


def decode_json(text: bytes) -> tuple[Any, bool]:
    """One JSON value, and whether it is plain: sorted by bytes it would already be canonical.

    Plain means ASCII without unicode escapes, which is what nearly every milestone is; for those the fast
    encoder's order of names equals RFC 8785's. Raises NotJson.
    """
    try:
        value = _DECODER.decode(text)
    except NotJson:
        raise
    except (ValueError, RecursionError) as error:
        raise NotJson(f"not a JSON value: {error}") from None
    return value, text.isascii() and b"\\u" not in text


def es_number(value: float) -> str:
    """A double as ECMAScript writes it (RFC 8785 section 3.2.2.3)."""
    if math.isnan(value) or math.isinf(value):
        raise NotJson("NaN and infinities are not JSON")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent_text = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent_text or 0)
    if whole == "0":
        point -= len(fraction) - len(fraction.lstrip("0")) + 1
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        body = digits + "0" * (point - count)
    elif 0 < point <= 21:
        body = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        body = "0." + "0" * -point + digits
    else:
        power = point - 1
        head = digits[0] + ("." + digits[1:] if count > 1 else "")
        body = f"{head}e{'+' if power > 0 else '-'}{abs(power)}"
    return sign + body


def _write(value: Any, out: list[str]) -> None:
    if value is None:
        out.append("null")
    elif value is True:
        out.append("true")
    elif value is False:
        out.append("false")
    elif isinstance(value, str):
        out.append(f'"{value.translate(_TRANSLATION)}"')
    elif isinstance(value, int):
        out.append(str(value))
    elif isinstance(value, float):
        out.append(es_number(value))
    elif isinstance(value, dict):
        out.append("{")
        for i, name in enumerate(sorted(value, key=lambda k: k.encode("utf-16-be"))):
            if i:
                out.append(",")
            out.append(f'"{name.translate(_TRANSLATION)}":')
            _write(value[name], out)
        out.append("}")
    else:
        out.append("[")
        for i, item in enumerate(value):
            if i:
                out.append(",")
            _write(item, out)
        out.append("]")


def canonical_bytes(value: Any, *, plain: bool = False) -> bytes:
    """RFC 8785 bytes of a JSON value. `plain` (from decode_json) allows the fast way."""
    if plain:
        try:
            return orjson.dumps(value, option=_FAST)
        except TypeError:
            pass  # a fraction, or an integer beyond 64 bits: written exactly below
    out: list[str] = []
    _write(value, out)
    return "".join(out).encode()


def content_digest(event: dict[str, Any], *, plain: bool = False) -> bytes:
    """SHA-256 (32 bytes) over canonical JSON of type, subject, time, sequence and data (contract.md 2).

    An absent attribute and a null one are the same; a sequence counts as its text, so that an integer in a
    JSON event and the same integer in an HTTP header agree.
    """
    content = {
        name: event[name] for name in ("type", "subject", "time", "data") if event.get(name) is not None
    }
    sequence = event.get("sequence")
    if sequence is not None:
        content["sequence"] = str(sequence)
    return sha256(canonical_bytes(content, plain=plain)).digest()


def identity_bytes(*parts: str) -> bytes:
    """16 bytes that name a tuple of texts: the first half of SHA-256 over them, separated by NUL."""
    return sha256("\0".join(parts).encode()).digest()[:16]


def identity(*parts: str) -> UUID:
    """The same name as a UUID."""
    return UUID(bytes=identity_bytes(*parts))
