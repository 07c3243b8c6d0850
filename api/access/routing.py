"""Routes that ask for a role before they do anything.

Belongs here: asking the table of roles for the route that was chosen, by the route itself, so that what is
checked is what is answered; which route a request was for that was refused before one was chosen. Does not
belong here: the table (`roles`).
"""

from __future__ import annotations

from collections.abc import Callable
from re import Pattern

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from api.access import roles
from api.access.callers import current
from api.access.roles import OPEN_ROUTES


class Guarded(APIRoute):
    """A route of ours; every router is made with it: `APIRouter(route_class=Guarded)`."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or raise Forbidden. A method that the route does not have is told as ever."""
        if scope["method"] in (self.methods or ()):
            roles.check(roles.ROUTES.get((scope["method"], self.path)), current())
        await super().handle(scope, receive, send)


def unguarded(app: FastAPI) -> list[str]:
    """The routes of an application that nothing guards, or that are in no role; there must be none."""
    found = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        for method in sorted(context.methods or ("*",)):
            is_named = isinstance(route, Guarded) and (method, context.path) in roles.ROUTES
            # the application's own, of which only these are there
            is_ours = not isinstance(route, APIRoute) and context.path in OPEN_ROUTES
            if not is_named and not is_ours:
                found.append(f"{method} {context.path}")
    return found


def pattern_finder(app: FastAPI) -> Callable[[str, str], str]:
    """(method, path) to the pattern of the route that would answer, as the application's routes stand now.

    Where none has the method, one of the path counts; `unmatched` where there is none of that either.
    """
    known: list[tuple[frozenset[str], Pattern[str], str]] = [
        (frozenset(context.methods or ()), compile_path(context.path)[0], context.path)
        for context in iter_route_contexts(app.routes)
        if context.path is not None
    ]

    def find(method: str, path: str) -> str:
        matching = [(methods, pattern) for methods, expression, pattern in known if expression.match(path)]
        of_method = (pattern for methods, pattern in matching if method in methods)
        return next(of_method, matching[0][1] if matching else "unmatched")

    return find
