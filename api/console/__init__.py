"""The console: one page that shows the reports, and how to get from a number to its source. Static files.

Belongs here: serving the files. What they show they ask of the same routes as everybody else.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

from api.access.routing import Guarded
from api.headers import CONSOLE

router: Final = APIRouter(route_class=Guarded, include_in_schema=False)

_FOLDER: Final = Path(__file__).parent
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: What is served, and nothing else that may lie in the folder.
_FILES: Final = (
    "index.html", "console.css", "parts.css", "cairn.svg",
    "ask.js", "bridge.js", "changes.js", "console.js", "deal.js", "drawer.js", "exceptions.js", "forms.js",
    "latency.js", "log.js", "money.js", "quarantine.js", "reports.js", "tables.js", "waterfall.js",
)  # fmt: skip
_MEDIA: Final = {name: _TYPES[Path(name).suffix] for name in _FILES}


@cache
def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


def _answer(name: str) -> Response:
    headers = {
        "Content-Security-Policy": CONSOLE,
        "Cache-Control": "no-cache",
    }
    return Response(_read(name), 200, headers, _MEDIA[name])


@router.get("/")
async def get_page() -> Response:
    """The page."""
    return _answer("index.html")


@router.get("/console/{name}")
async def get_file(request: Request) -> Response:
    """What belongs to the page."""
    name = request.path_params["name"]
    if name not in _MEDIA:
        raise HTTPException(404)
    return _answer(name)
