"""Why a message can't be understood: reasons as values, and the exception that carries them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Reason(NamedTuple):
    """A reason code of the contract, where in the message it applies, and what to do about it.

    pointer: JSON Pointer (RFC 6901) into the message; empty for the whole of it.
    """

    code: str
    pointer: str
    message: str = ""


class Refused(ValueError):
    """The message can't be understood; it belongs in quarantine with these reasons."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("; ".join(f"{r.code} at {r.pointer or '/'}: {r.message}" for r in reasons))
        self.reasons = tuple(reasons)


def pointer(*steps: str | int) -> str:
    """A JSON Pointer from its steps, escaped."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
