"""Security headers: what every answer tells browsers, unless it tells them something stricter itself.

Belongs here: the headers, and the policies of our pages. Does not belong here: Strict-Transport-Security,
which is for whoever speaks TLS, the proxy in front of us; correlation ids (api/middleware).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

#: One header as ASGI has it, its name in lower case.
Header = tuple[bytes, bytes]

#: Of answers that are no page: a browser that shows one as a document loads, runs and frames nothing.
_NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#: The console: its own files, its own routes, and no text that becomes markup or code.
CONSOLE: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
#: Abilities of a browser that no page of ours asks for.
_ABILITIES: Final = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")

_EVERYWHERE: Final[tuple[Header, ...]] = tuple(
    (name.encode(), value.encode())
    for name, value in (
        ("content-security-policy", _NOTHING),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", ", ".join(f"{one}=()" for one in _ABILITIES)),
        # positions and amounts of one firm: no cache in between may keep them
        ("cache-control", "no-store"),
    )
)


def completed(headers: Iterable[Header]) -> list[Header]:
    """The headers of an answer, and those of ours that it does not set itself."""
    said = list(headers)
    names = {name for name, _ in said}
    return [*said, *(one for one in _EVERYWHERE if one[0] not in names)]


def self_contained(style: str) -> str:
    """The policy of a page that is one file without script: only this style, as it stands in the page."""
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    return f"sandbox; {_NOTHING}; style-src 'sha256-{digest}'"
