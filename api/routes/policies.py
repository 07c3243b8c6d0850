"""GET /v1/policies: which policies there are, which are in force, and what each sets."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response
from psycopg import Connection
from starlette.concurrency import run_in_threadpool

from api import reading
from api.answers import json_answer
from api.reporting import one_moment
from api.routes.common import house_of, responses
from domain.instants import format_day
from domain.policies import DEFAULT_POLICY, DEFAULT_SETTINGS, Policies, Version
from projections import alternatives, generations
from projections.generations import Generation

router: Final = APIRouter(tags=["reports"])


@router.get(
    "/v1/policies",
    summary="The policies that were activated, those in force, and what each sets",
    openapi_extra={"responses": responses(401, 503)},
)
async def get_policies(request: Request) -> Response:
    """A report can be asked under any of them (`policy=`); a rebuild brings the activated ones into force."""
    return json_answer(await run_in_threadpool(house_of(request).read, _policies))


def _policies(connection: Connection[Any]) -> dict[str, Any]:
    with one_moment(connection):
        live = reading.generation(connection, None)
        versions = alternatives.activated(connection, live.id, live.position)
        sides = generations.sides(connection)
        known = {version.stamp: version for version in (*live.policies.versions[1:], *versions)}
        return {
            "known": {"position": live.position, "time": reading.recorded_at(connection, live.position)},
            "generation": live.id,
            "in_force": live.policies.stamps,
            "settings": [
                {"from": None if first else format_day(period.since), **msgspec.to_builtins(period.settings)}
                for first, period in zip(
                    [True, *[False] * len(live.policies.periods[1:])], live.policies.periods, strict=True
                )
            ],
            "policies": [
                {
                    "name": DEFAULT_POLICY,
                    "from": None,
                    "author": "",
                    "settings": msgspec.to_builtins(DEFAULT_SETTINGS),
                    "can_be_asked": _can_be_asked(Policies(), live, sides),
                },
                *(_told(version, live, sides) for version in known.values()),
            ],
        }


def _told(version: Version, live: Generation, sides: list[Generation]) -> dict[str, Any]:
    return {
        "name": version.stamp,
        "from": format_day(version.from_),
        "author": version.author,
        "settings": version.settings,
        "can_be_asked": _can_be_asked(alternatives.with_version(live.policies, version), live, sides),
    }


def _can_be_asked(policies: Policies, live: Generation, sides: list[Generation]) -> bool:
    """Whether the books under some policies are there and as far as the live ones."""
    posting = policies.posting_settings()
    if posting == live.policies.posting_settings():
        return True
    return any(
        side.policies.posting_settings() == posting and side.position >= live.position for side in sides
    )
