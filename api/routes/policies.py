"""GET /v1/policies: which policies there are, which are in force, and what each sets."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response
from psycopg import Connection
from starlette.concurrency import run_in_threadpool

from api import reading
from api.access.routing import Guarded
from api.answers import json_answer
from api.reporting import one_moment
from api.routes.common import house_of, responses
from domain.instants import format_day
from domain.policies import DEFAULT_POLICIES, DEFAULT_SETTINGS, DEFAULT_VERSION, Policies, Version
from projections import alternatives, side, unreadable
from projections.generations import Generation

router: Final = APIRouter(route_class=Guarded, tags=["reports"])


@router.get(
    "/v1/policies",
    summary="The policies that were activated, those in force, and what each sets",
    openapi_extra={"responses": responses(401, 503)},
)
async def get_policies(request: Request) -> Response:
    """A report can be asked under them (`policy=`); a rebuild brings the activated ones into force.

    `books` says where its figures come from: `live`, `kept` beside those, `being_prepared`, or `none`: only
    so many are kept, those of the policies activated last. `unreadable` are those without effect, and why.
    `author` is the `actor` of the milestone, where it names one.
    """
    return json_answer(await run_in_threadpool(house_of(request).read, _policies))


def _policies(connection: Connection[Any]) -> dict[str, Any]:
    with one_moment(connection):
        live = reading.generation(connection, None)
        versions = alternatives.activated(connection, live.id, live.position)
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
                _told(version, policies, _books(connection, live, policies))
                for version, policies in _askable(live, versions)
            ],
            "unreadable": [
                {
                    "name": one.name,
                    "reason": one.reason,
                    "milestone": f"/v1/milestones/{one.fact}",
                    **_by(one.actor),
                }
                for one in unreadable.unreadable(connection, live, live.position)
            ],
        }


def _askable(live: Generation, activated: list[Version]) -> list[tuple[Version, Policies]]:
    """Every version that has a name, with what would hold under it: the default's first."""
    known = {version.stamp: version for version in (*live.policies.versions[1:], *activated)}
    others = [(version, alternatives.with_version(live.policies, version)) for version in known.values()]
    return [(DEFAULT_VERSION, DEFAULT_POLICIES), *others]


def _told(version: Version, policies: Policies, books: str) -> dict[str, Any]:
    is_default = policies is DEFAULT_POLICIES
    return {
        "name": version.stamp,
        "from": None if is_default else format_day(version.from_),
        **_by(version.author),
        "settings": msgspec.to_builtins(DEFAULT_SETTINGS) if is_default else version.settings,
        "books": books,
        "can_be_asked": books in ("live", "kept"),
    }


def _by(author: str) -> dict[str, str]:
    """Who activated a policy, where its milestone names an `actor`."""
    return {"author": author} if author else {}


def _books(connection: Connection[Any], live: Generation, policies: Policies) -> str:
    """Where the figures under some policies come from, and whether they are as far as the live ones."""
    if policies.posting_settings() == live.policies.posting_settings():
        return "live"
    found = side.find(connection, policies)
    if found is not None and found.position >= live.position:
        return "kept"
    is_wanted = found is not None or alternatives.has_books(connection, live, policies)
    return "being_prepared" if is_wanted else "none"
