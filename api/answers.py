"""Bodies of answers: JSON that keeps every digit, CSV, bytes that a browser must not run; outcomes."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.responses import Response

from domain.arrivals import Outcome

as_json: Final = msgspec.json.Encoder().encode
#: Answers name positions and amounts of one firm: no cache in between may keep them.
_PRIVATE: Final = {"Cache-Control": "no-store"}
#: Bytes from outside are shown as text or saved, and run in no browser.
_HARMLESS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    **_PRIVATE,
}


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A value as JSON, integers with all their digits."""
    return Response(as_json(value), status, {**_PRIVATE, **(headers or {})}, "application/json")


def csv_answer(text: str, headers: dict[str, str]) -> Response:
    """CSV, with what JSON would say around the rows in headers."""
    return Response(text, 200, {**_PRIVATE, **headers}, "text/csv; charset=utf-8; header=present")


def payload_answer(body: bytes, name: str) -> Response:
    """Bytes as they were accepted."""
    try:
        body.decode()
    except UnicodeDecodeError:
        disposition = {"Content-Disposition": f'attachment; filename="{name}.bin"'}
        return Response(body, 200, {**_HARMLESS, **disposition}, "application/octet-stream")
    return Response(body, 200, _HARMLESS, "text/plain; charset=utf-8")


def outcome_told(outcome: Outcome) -> dict[str, Any]:
    """An outcome as it is answered."""
    told: dict[str, Any] = {
        "outcome": outcome.outcome,
        "position": outcome.position,
        "reasons": [reason._asdict() for reason in outcome.reasons],
    }
    if outcome.quarantine is not None:
        told["quarantine"] = outcome.quarantine
    return told
