"""What can be granted to a caller: roles, sources to append for, rows to read. For keys and OIDC alike.

Belongs here: which grants make sense together, and the patterns of sources. Does not belong here: where
grants are kept (adapters/postgres/keys.py), what a role opens (`roles`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from adapters.postgres.keys import Grants, KeyRefused
from api.access.callers import ROLES, SCOPES, Caller, Kind
from api.access.limiting import RateRefused, rate_of

#: Every source.
ALL_SOURCES: Final = "*"
_SOURCE_ROLES: Final = ("crm", "cpq", "erp", "billing", "psp", "bank", "mdm", "wms", "psa", "ledger")
_SEGMENT: Final = r"[^/\s\x00-\x1f]+"
_PATTERN: Final = re.compile(rf"/({'|'.join(_SOURCE_ROLES)}|\*)/{_SEGMENT}/{_SEGMENT}")
#: Values of one dimension, and patterns of sources, that one caller can have; characters of each.
_MOST: Final = 100
_LONGEST: Final = 200
#: Roles that rows can be limited for: the others see, or can give themselves, all of them.
_LIMITABLE: Final = frozenset({"read", "append"})


def checked(grants: Grants) -> Grants:
    """The same grants, each once. Raises KeyRefused, which says what does not fit together."""
    given = grants._replace(
        roles=tuple(role for role in ROLES if role in grants.roles),
        sources=_each_once(grants.sources),
        entities=_each_once(grants.entities),
        territories=_each_once(grants.territories),
    )
    for role in grants.roles:
        if role not in ROLES:
            raise KeyRefused(f"there is no role {role[:40]!r}: one of {', '.join(ROLES)}")
    if not given.roles:
        raise KeyRefused(f"give at least one role: {', '.join(ROLES)}")
    _check_sources(given)
    _check_scopes(given)
    if given.rate is not None:
        try:
            rate_of(given.rate)
        except RateRefused as error:
            raise KeyRefused(str(error)) from None
    if given.max_body is not None and not 1_024 <= given.max_body <= 2**30:
        raise KeyRefused("a body's limit must lie between 1KiB and 1GiB")
    return given


def _each_once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _check_sources(given: Grants) -> None:
    appends = "append" in given.roles
    if appends and not given.sources:
        raise KeyRefused("append needs the sources that it is for, e.g. /crm/hubspot/*; * for all of them")
    if given.sources and not appends:
        raise KeyRefused("sources have a meaning with the role append only")
    if len(given.sources) > _MOST:
        raise KeyRefused(f"at most {_MOST} patterns of sources")
    for pattern in given.sources:
        if pattern != ALL_SOURCES and (len(pattern) > _LONGEST or _PATTERN.fullmatch(pattern) is None):
            raise KeyRefused(
                f"{pattern[:80]!r} is no pattern of sources: /role/system/instance, * within each of them,"
                f" the role one of {', '.join(_SOURCE_ROLES)}, e.g. /crm/hubspot/*; * alone for all of them"
            )


def _check_scopes(given: Grants) -> None:
    scoped = given.entities + given.territories
    if scoped and "read" not in given.roles:
        raise KeyRefused("an entity or a territory has a meaning with the role read only")
    if scoped and not _LIMITABLE.issuperset(given.roles):
        too_much = " and ".join(role for role in given.roles if role not in _LIMITABLE)
        raise KeyRefused(
            f"rows can't be limited for the role {too_much}: leave out the role, or entity and territory"
        )
    if len(given.entities) > _MOST or len(given.territories) > _MOST:
        raise KeyRefused(f"at most {_MOST} values of an entity or a territory")
    if any(not value.strip() or len(value) > _LONGEST or "\0" in value for value in scoped):
        raise KeyRefused(f"an entity or a territory is a text of 1 to {_LONGEST} characters")


def caller_with(grants: Grants, name: str, kind: Kind, key_id: str) -> Caller:
    """A caller who has been granted this."""
    values = dict(zip(SCOPES, (grants.entities, grants.territories), strict=True))
    return Caller(
        name,
        kind,
        frozenset(grants.roles),
        None if ALL_SOURCES in grants.sources else grants.sources,
        {dimension: given for dimension, given in values.items() if given},
        grants.personal,
        key_id,
        grants.rate,
        grants.max_body,
    )


@lru_cache(maxsize=4_096)
def covers(sources: tuple[str, ...], source: str) -> bool:
    """Whether one of the patterns stands for this source. `*` stands for any text without a slash."""
    return any(_compiled(pattern).fullmatch(source) is not None for pattern in sources)


@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("[^/]*".join(re.escape(part) for part in pattern.split("*")))
