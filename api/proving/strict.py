"""JSON read strictly: one text has one meaning, whoever reads it.

Most readers keep the last of two members of one name, people see the first: what is proved has to be what is
seen. Belongs here: that reading. Does not belong here: what the value should be (`proofs`, `reports`).
"""

from __future__ import annotations

import json
from typing import Any, Final


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members:
        if name in found:
            raise ValueError(f"the member {name[:80]!r} is there twice")
        found[name] = value
    return found


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


_READER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refused)


def value_of(content: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Raises ValueError where it is none, or an object names a member twice; RecursionError where it is
    nested too deep.
    """
    return _READER.decode(content.decode())
