"""What routes share: the house behind a request, the calendar's today, documentation of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from starlette.requests import Request

from api.house import House
from api.parameters import Parameter

_PROBLEM: Final = {
    "description": "A problem document (RFC 9457).",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "allowed": {"type": "array", "items": {"type": "string"}},
                },
            }
        }
    },
}

#: Parameters of lists that are read page by page.
PAGE: Final = {
    "limit": Parameter("Entries a page; default 100.", {"type": "integer", "minimum": 1, "maximum": 1_000}),
    "cursor": Parameter("`next` of the page before.", {"type": "string"}),
}


def name_in_path(description: str) -> dict[str, Any]:
    """The OpenAPI parameter `name` of a path, a text."""
    return {
        "name": "name", "in": "path", "required": True, "schema": {"type": "string"},
        "description": description,
    }  # fmt: skip


#: Of paths that name a feed.
FEED_NAME: Final = name_in_path("The feed's name in CAIRN_SOURCES.")


def house_of(request: Request) -> House:
    """The house that serves a request."""
    house: House = request.app.state.house
    return house


def today() -> date:
    """The calendar's date in UTC."""
    return datetime.now(UTC).date()


def sent(request: Request) -> list[tuple[str, str]]:
    """The query parameters as they were sent, repeated ones too."""
    return request.query_params.multi_items()


def documented(parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
    """Query parameters as OpenAPI has them."""
    return [
        {"name": name, "in": "query", "required": False, "description": given.says, "schema": given.schema}
        for name, given in parameters.items()
    ]


def responses(
    *statuses: int, schema: dict[str, Any] | None = None, also: Iterable[str] = ()
) -> dict[str, Any]:
    """The answers of a route: 200 with a schema, and problems. also: other media types of the 200."""
    media = {"application/json": {"schema": schema or {"type": "object"}}}
    media |= {name: {"schema": {"type": "string"}} for name in also}
    told: dict[str, Any] = {"200": {"description": "The answer.", "content": media}}
    return told | {str(status): _PROBLEM for status in statuses}
