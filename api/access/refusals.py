"""Why somebody is not let in. What status each becomes is told in api/errors.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: Part of every refusal that a key would mend; the console asks for one where it reads this.
SEND: Final = "send Authorization: Bearer <key>"


class Unauthorised(PermissionError):
    """Nobody can be told from what was presented, or nothing was."""


class Forbidden(PermissionError):
    """The caller is known, and may not ask this; `allowed` lists what it lacks, or what it may ask."""

    def __init__(self, message: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.allowed = allowed


class LimitReached(RuntimeError):
    """The caller asks more often than it may.

    retry_after: whole seconds until it may ask again. headers: of the answer, which tell how it stands.
    """

    def __init__(self, message: str, retry_after: int, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.headers = tuple(headers)


class IssuerUnavailable(RuntimeError):
    """The issuer of OIDC tokens has told no keys yet, and can't be asked now."""
