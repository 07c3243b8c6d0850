"""Which role a route asks for. What is not named here is refused to everybody.

Belongs here: the table of routes. Does not belong here: who has a role (`callers`), how a refusal is answered
(api/errors.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from api.access.callers import Caller
from api.access.refusals import Forbidden


class Rule(NamedTuple):
    """What a route asks for. roles: any of them will do; empty: no credentials are needed.

    by_row: whether the route shows callers who are limited to some rows nothing of others. proven: whether
    messages that prove their sender by themselves are let in.
    """

    roles: tuple[str, ...]
    by_row: bool = False
    proven: bool = False


ANYONE: Final = Rule(())
APPEND: Final = Rule(("append",))
#: Reports and everything that they lead to.
SHOWN: Final = Rule(("read", "audit"))
BY_ROW: Final = Rule(("read", "audit"), by_row=True)
#: What those need to see who run the ledger.
RUNNING: Final = Rule(("read", "audit", "rebuild", "administer"))
#: What those need to see who mend what came in.
MENDING: Final = Rule(("read", "audit", "administer"))
#: Sets of books, before and after one is promoted.
BOOKS: Final = Rule(("read", "audit", "rebuild"))
AUDIT: Final = Rule(("audit",))
REBUILD: Final = Rule(("rebuild",))
ADMINISTER: Final = Rule(("administer",))

#: Routes that tell nothing of what the ledger holds, and ask for no credentials.
OPEN_ROUTES: Final = frozenset({"/", "/healthz", "/readyz", "/openapi.json", "/v1/schema"})
OPEN_FOLDER: Final = "/console/"

#: By method and pattern, as the routes have them.
ROUTES: Final[Mapping[tuple[str, str], Rule]] = MappingProxyType(
    {
        **{("GET", path): ANYONE for path in OPEN_ROUTES},
        ("GET", "/console/{name}"): ANYONE,
        # in
        ("POST", "/v1/events"): APPEND,
        ("POST", "/v1/sources/{name}"): Rule(("append",), proven=True),
        # reports
        ("GET", "/v1/reports/{view}"): BY_ROW,
        ("GET", "/v1/reports/{view}/explain"): BY_ROW,
        ("GET", "/v1/reports/{view}/restatement"): SHOWN,
        ("GET", "/v1/reports/bridge"): SHOWN,
        ("GET", "/v1/reports/bridge/explain"): SHOWN,
        ("GET", "/v1/reports/exceptions"): MENDING,
        ("GET", "/v1/reports/latency"): SHOWN,
        ("GET", "/v1/reports/completeness"): MENDING,
        ("GET", "/v1/laws"): BOOKS,
        ("GET", "/v1/policies"): RUNNING._replace(by_row=True),
        ("GET", "/v1/reference/customers"): SHOWN,
        ("GET", "/v1/reference/products"): SHOWN,
        # what they are made of
        ("GET", "/v1/deals/{key:path}"): SHOWN,
        ("GET", "/v1/deals/{key:path}/timeline"): SHOWN,
        ("GET", "/v1/deals/{key:path}/history"): SHOWN,
        ("GET", "/v1/milestones"): SHOWN,
        ("GET", "/v1/milestones/{position}"): SHOWN,
        ("GET", "/v1/milestones/{position}/payload"): SHOWN,
        # what came in, and what of it has to be mended
        ("GET", "/v1/quarantine"): MENDING,
        ("GET", "/v1/quarantine/summary"): MENDING,
        ("GET", "/v1/quarantine/{entry}"): MENDING,
        ("GET", "/v1/conflicts"): MENDING,
        ("POST", "/v1/quarantine/replay"): ADMINISTER,
        ("POST", "/v1/quarantine/dismiss"): ADMINISTER,
        ("POST", "/v1/quarantine/{entry}/replay"): ADMINISTER,
        ("POST", "/v1/quarantine/{entry}/dismiss"): ADMINISTER,
        ("POST", "/v1/exceptions/{exception}/{action}"): ADMINISTER,
        ("GET", "/v1/mappings"): MENDING,
        ("POST", "/v1/mappings/try"): ADMINISTER,
        ("POST", "/v1/mappings/preview"): ADMINISTER,
        ("POST", "/v1/mappings/apply"): ADMINISTER,
        ("GET", "/v1/sources"): MENDING,
        ("GET", "/v1/sources/{name}"): MENDING,
        ("GET", "/v1/sources/{name}/rejections"): MENDING,
        ("GET", "/v1/sources/{name}/waiting"): MENDING,
        ("POST", "/v1/sources/{name}/waiting/retry"): ADMINISTER,
        ("GET", "/v1/sources/{name:path}/completeness"): MENDING,
        ("POST", "/v1/sources/{name:path}/reconcile"): ADMINISTER,
        # sets of books
        ("GET", "/v1/generations"): BOOKS,
        ("GET", "/v1/generations/{id}"): BOOKS,
        ("GET", "/v1/generations/{id}/preview"): BOOKS,
        ("POST", "/v1/generations/return"): REBUILD,
        ("POST", "/v1/generations/{id}/promote"): REBUILD,
        ("DELETE", "/v1/generations/{id}"): REBUILD,
        ("POST", "/v1/rebuilds"): REBUILD,
        ("GET", "/v1/rebuilds/{id}"): BOOKS,
        # audit
        ("GET", "/v1/audit/checkpoint"): AUDIT,
        ("GET", "/v1/audit/checkpoints"): AUDIT,
        ("GET", "/v1/audit/inclusion"): AUDIT,
        ("GET", "/v1/audit/consistency"): AUDIT,
        ("GET", "/v1/audit/tile/{level}/{index:path}"): AUDIT,
        ("GET", "/v1/audit/keys"): AUDIT,
        ("GET", "/v1/audit/bundle"): AUDIT,
        ("GET", "/v1/audit/trail"): AUDIT,
        # administration
        ("GET", "/v1/keys"): ADMINISTER,
        ("POST", "/v1/keys"): ADMINISTER,
        ("POST", "/v1/keys/{name}/rotate"): ADMINISTER,
        ("DELETE", "/v1/keys/{name}"): ADMINISTER,
        ("GET", "/v1/personal"): ADMINISTER,
        ("POST", "/v1/personal/forget"): ADMINISTER,
        ("POST", "/v1/personal/allow"): ADMINISTER,
        # the server itself
        ("GET", "/v1/status"): RUNNING._replace(by_row=True),
        ("GET", "/v1/health"): RUNNING,
        ("GET", "/metrics"): RUNNING,
        ("GET", "/v1/noop"): RUNNING,
        ("POST", "/v1/noop"): APPEND,
    }
)


def is_open(path: str) -> bool:
    """Whether a path asks for no credentials."""
    return path in OPEN_ROUTES or path.startswith(OPEN_FOLDER)


def check(rule: Rule | None, caller: Caller) -> None:
    """Raises Forbidden where the caller may not use a route of this rule; None: a route without one."""
    if rule is None:
        raise Forbidden("this route is in no role: nobody may use it")
    if not rule.roles or (rule.proven and caller.kind == "webhook"):
        return
    held = [role for role in rule.roles if role in caller.roles]
    if not held:
        needed = " or ".join(rule.roles)
        raise Forbidden(f"{caller.name} may not do this: it needs the role {needed}", rule.roles)
    if caller.scopes and not rule.by_row and held == ["read"]:
        raise Forbidden(
            f"{caller.name} may read only {scopes_told(caller)}, and this can't be limited to that:"
            " ask /v1/reports/{view} and its explain links",
            ("/v1/reports/{view}", "/v1/reports/{view}/explain"),
        )


def scopes_told(caller: Caller) -> str:
    """What a caller's rows are limited to, in words."""
    return " and ".join(f"{name} {' or '.join(values)}" for name, values in caller.scopes.items())
