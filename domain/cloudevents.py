"""CloudEvents 1.0: what makes a JSON object an event at all, whatever it speaks of.

Belongs here: the context attributes and their types (CloudEvents specification 1.0.2, sections 2 and 3;
JSON event format). Does not belong here: the catalogue of milestones (domain/contract.py).
"""

from __future__ import annotations

import re
from typing import Any, Final

from domain.instants import parse_instant
from domain.refusals import Reason, pointer

_ATTRIBUTE: Final = re.compile(r"[a-z0-9]+", re.ASCII)
_MEDIA_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+(\s*;.*)?", re.ASCII)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_CORE: Final = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}
)
_USUAL: Final = _CORE | {"data", "sequence", "correlationid", "causationid", "traceparent", "actor"}

_PLAIN: Final = frozenset({"specversion", "id", "source", "type", "subject", "time", "data", "sequence"})
_REQUIRED: Final = ("specversion", "id", "source", "type")


def envelope_reasons(event: Any) -> list[Reason]:
    """Everything that keeps a JSON value from being a CloudEvent 1.0; empty where it is one."""
    if not isinstance(event, dict):
        return [Reason("event_not_object", "", "an event is a JSON object")]
    if _is_usual(event):
        return []
    reasons: list[Reason] = []
    for name in _REQUIRED:
        value = event.get(name)
        if value is None:
            reasons.append(Reason(f"{name}_missing", pointer(name), f"give the event its {name!r}"))
        elif not isinstance(value, str) or not value:
            reasons.append(_bad(name, "must be a text that is not empty"))
    version = event.get("specversion")
    if isinstance(version, str) and version and version != "1.0":
        reasons.append(Reason("specversion_unknown", "/specversion", "send CloudEvents 1.0"))
    _check_optional(event, reasons)
    if "data" in event and event.get("data_base64") is not None:
        reasons.append(Reason("data_twice", "/data_base64", "send data or data_base64, not both"))
    if not _USUAL.issuperset(event):
        _check_extensions(event, reasons)
    elif event.get("sequence") is not None:
        _check_extension("sequence", event["sequence"], reasons)
    return reasons


def _is_usual(event: dict[str, Any]) -> bool:
    """Whether it is beyond doubt an event: what nearly every milestone looks like, told in one glance."""
    get = event.get
    id_, source, type_, subject, time = get("id"), get("source"), get("type"), get("subject"), get("time")
    return (
        get("specversion") == "1.0"
        and type(id_) is type(source) is type(type_) is type(subject) is type(time) is str
        and bool(id_ and source and type_ and subject)
        and _PLAIN.issuperset(event)
        and parse_instant(time) is not None
        and type(get("sequence", "")) is str
    )


def _bad(name: str, message: str) -> Reason:
    return Reason("attribute_format", pointer(name), f"{name}: {message}")


def _check_optional(event: dict[str, Any], reasons: list[Reason]) -> None:
    time = event.get("time")
    if time is not None and (not isinstance(time, str) or parse_instant(time) is None):
        reasons.append(
            Reason("time_format", "/time", "give an RFC 3339 date-time with seconds and an offset")
        )
    for name in ("subject", "dataschema"):
        value = event.get(name)
        if value is not None and (not isinstance(value, str) or not value):
            reasons.append(_bad(name, "must be a text that is not empty, or be left out"))
    media = event.get("datacontenttype")
    if media is not None and (not isinstance(media, str) or _MEDIA_TYPE.fullmatch(media) is None):
        reasons.append(_bad("datacontenttype", "must be a media type such as application/json"))


def _check_extensions(event: dict[str, Any], reasons: list[Reason]) -> None:
    for name, value in event.items():
        if name in _CORE or name == "data":
            continue
        if name == "data_base64":
            if value is not None and (
                not isinstance(value, str) or len(value) % 4 or _BASE64.fullmatch(value) is None
            ):
                reasons.append(_bad(name, "must be base64 text"))
            continue
        if _ATTRIBUTE.fullmatch(name) is None:
            reasons.append(
                Reason("attribute_name", pointer(name), "attribute names are lower-case letters and digits")
            )
        _check_extension(name, value, reasons)


def _check_extension(name: str, value: Any, reasons: list[Reason]) -> None:
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if -(2**31) <= value < 2**31 or name == "sequence":
            return
        reasons.append(_bad(name, "integers of extension attributes have 32 bits; send a text"))
    else:
        reasons.append(_bad(name, "extension attributes are texts, integers or booleans"))
