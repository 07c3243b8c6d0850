"""What the tests of all sources ask of a translation."""

import json
from decimal import Decimal
from typing import Any

from adapters.sources import Source
from domain.arrivals import Fetch
from domain.contract import parse_event


def translated(source: Source, payload: object) -> list[dict[str, Any]]:
    """The milestones of a payload (JSON made of it), each one accepted by the contract."""
    translation = source.translate(json.dumps(payload).encode(), "acme")
    assert translation.refused == ()
    assert translation.ignored is None
    for milestone in translation.milestones:
        parse_event(milestone)
    return [dict(milestone) for milestone in translation.milestones]


def ignored(source: Source, payload: object) -> str | None:
    """Why a payload is ignored."""
    return source.translate(json.dumps(payload).encode(), "acme").ignored


def refused(source: Source, payload: object) -> tuple[str, str]:
    """Code and pointer of the one refusal of a payload."""
    translation = source.translate(json.dumps(payload).encode(), "acme")
    ((code, pointer, message),) = translation.refused
    assert message
    return code, pointer


def needed(source: Source, payload: object) -> list[Fetch]:
    """What a payload wants to be fetched."""
    return list(source.translate(json.dumps(payload).encode(), "acme").needed)


def types(milestones: list[dict[str, Any]]) -> list[str]:
    """The types of milestones, without their version."""
    return [str(milestone["type"]).removesuffix(".v1") for milestone in milestones]


def gross(milestone: dict[str, Any]) -> str:
    """Net and tax of all lines, in a currency of two decimals."""
    lines = milestone["data"]["lines"]
    return str(sum((Decimal(row["net"]) + Decimal(row.get("tax", "0")) for row in lines), Decimal(0)))
