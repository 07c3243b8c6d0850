"""Who asks: the caller of the request that is being served, and what it may do.

Belongs here: a caller as a value, and `current()`. Does not belong here: how a caller is recognised (`guard`,
`keys`, `oidc`), what a route asks for (`roles`).
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

Role: TypeAlias = Literal["append", "read", "audit", "rebuild", "administer"]
#: operator: CAIRN_TOKEN. key: an API key. oidc: a token of the issuer. open: a ledger that asks for nothing.
#: webhook: a message that proves its sender by itself. nobody: no credentials. cli: a command.
Kind: TypeAlias = Literal["operator", "key", "oidc", "open", "webhook", "nobody", "cli"]

ROLES: Final[tuple[Role, ...]] = ("append", "read", "audit", "rebuild", "administer")
#: Dimensions by which the rows that a caller may read can be limited.
SCOPES: Final = ("entity", "territory")
_NONE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})


class Caller(NamedTuple):
    """Somebody who asks. name: for people, in logs and in the audit trail; never a secret.

    sources: patterns of the sources that it may append for; None: all of them. scopes: by dimension the
    values whose rows it may read; empty: all rows. personal: whether it is shown personal data.
    key_id: the key's id, or for OIDC the token's subject. rate: requests as `100/second`, None: as many as
    come. max_body: bytes, None: as CAIRN_MAX_BODY says.
    """

    name: str
    kind: Kind
    roles: frozenset[str]
    sources: tuple[str, ...] | None = None
    scopes: Mapping[str, tuple[str, ...]] = _NONE
    personal: bool = False
    key_id: str | None = None
    rate: str | None = None
    max_body: int | None = None

    @property
    def mark(self) -> str:
        """Who it is, as it is kept with what it sends: `operator`, `key <name> <id>`, `oidc <subject>`."""
        if self.key_id is None:
            return self.kind
        return f"key {self.name} {self.key_id}" if self.kind == "key" else f"{self.kind} {self.key_id}"


#: Who presented no credentials, on a route that asks for none.
NOBODY: Final = Caller("nobody", "nobody", frozenset())
#: The sender of a message that proves itself.
WEBHOOK: Final = Caller("webhook", "webhook", frozenset())
#: The holder of CAIRN_TOKEN.
OPERATOR: Final = Caller("operator", "operator", frozenset(ROLES), personal=True)
#: Whoever asks a ledger on loopback that has no keys.
OPEN: Final = Caller("anyone on this machine", "open", frozenset(ROLES), personal=True)

#: Set by the edge around each request; threads that a request is answered on inherit it.
caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current() -> Caller:
    """The caller of the request that is being served; outside of one, the command's user as `cli:<name>`."""
    return caller.get() or _commander()


@cache
def _commander() -> Caller:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in a container
        user = "unknown"
    return Caller(f"cli:{user}", "cli", frozenset(ROLES), personal=True)
