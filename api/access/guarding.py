"""The guard of a server, put together from its settings."""

from __future__ import annotations

from collections.abc import Collection

from api.access.guard import Guard
from api.access.limiting import Limits
from api.access.oidc import Issuer
from api.access.ring import KeyRing
from api.settings import Settings


def guard_of(settings: Settings, ring: KeyRing, proven: Collection[str]) -> Guard:
    """The guard that these settings ask for. proven: as Guard has it."""
    token = settings.token
    return Guard(
        None if token is None else token.get_secret_value(),
        proven,
        ring=ring,
        issuer=_issuer(settings),
        limits=Limits(settings.rate),
        may_be_open=settings.may_be_open,
    )


def _issuer(settings: Settings) -> Issuer | None:
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    return Issuer(
        settings.oidc_issuer,
        settings.oidc_audience,
        jwks=settings.oidc_jwks,
        claim=settings.oidc_claim,
    )
