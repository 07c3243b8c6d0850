"""The HTTP application: routes, errors and the edge around them, over one house."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp

from api import console, errors
from api.access.guarding import guard_of
from api.access.openapi import describe
from api.access.routing import pattern_finder, unguarded
from api.house import House
from api.middleware import Edge
from api.routes import (
    audit,
    bridge,
    bundle,
    completeness,
    deals,
    events,
    exceptions,
    generations,
    health,
    keys,
    latency,
    mappings,
    milestones,
    operations,
    personal,
    policies,
    previews,
    quarantine,
    references,
    reports,
    restatement,
    sources,
    trail,
    waiting,
)
from projections.generations import CODE_VERSION

_SAYS: Final = """An event-sourced ledger of business milestones. Events go in at `/v1/events`; reports come
out, as of a date, as known at a moment, each row with a link to what it is made of. Errors are problem
documents (RFC 9457)."""


def build_app(house: House) -> ASGIApp:
    """The whole application, ready for a server."""
    app = FastAPI(
        title="Cairn",
        version=CODE_VERSION,
        description=_SAYS,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.house = house
    errors.install(app)
    for router in (
        events.router,
        exceptions.router,
        bridge.router,
        latency.router,
        completeness.router,
        reports.router,
        restatement.router,
        policies.router,
        generations.router,
        previews.router,
        references.router,
        deals.router,
        milestones.router,
        quarantine.router,
        personal.router,
        mappings.router,
        sources.router,
        waiting.router,
        trail.router,
        audit.router,
        bundle.router,
        keys.router,
        operations.router,
        health.router,
        console.router,
    ):
        app.include_router(router)
    if house.settings.noop:
        app.include_router(operations.empty)
    describe(app)
    if found := unguarded(app):
        raise RuntimeError(f"routes that api/access/roles.py does not name: {', '.join(found)}")
    proven = [f"/v1/sources/{feed.name}" for feed in house.feeds.values() if feed.proves_its_sender]
    guard = guard_of(house.settings, house.keys, proven)
    return Edge(app, guard=guard, metrics=house.metrics, trail=house.trail, pattern_of=pattern_finder(app))
