"""What is tried on one tenant while the other one must stay as it is: every route, and every command.

Belongs here: a plausible call of each. A test fails where a route or a command is missing here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tests.api.samples import order
from tests.remapping import shop
from tests.tenants.worlds import World

KEY: Final = "erp/netsuite/acme:order:SO-1"
_WHO: Final = {"actor": "ann", "note": "tried"}


class Call(NamedTuple):
    """A request. status: what it is answered with. path: may hold what `of` finds in the tenant first.

    records: a question that leaves a mark of its own in the log that is asked.
    """

    path: str
    status: int = 200
    params: dict[str, Any] | None = None
    json: Any = None
    of: Callable[[World], dict[str, Any]] | None = None
    records: bool = False


def _exception(tenant: World) -> dict[str, Any]:
    rows = tenant.client.get("/v1/reports/exceptions").json()["rows"]
    return {"exception": rows[0]["id"]}


def _kept(tenant: World) -> dict[str, Any]:
    """A generation that is not live, and can be dropped."""
    return {"id": _in_state(tenant, "ready")}


def _in_state(tenant: World, *states: str) -> int:
    found = tenant.client.get("/v1/generations").json()["generations"]
    return next(int(one["generation"]) for one in found if one["state"] in states)


#: By method and path as the interface is published, in the order in which they are tried.
ROUTES: Final[dict[tuple[str, str], Call]] = {
    ("GET", "/healthz"): Call("/healthz"),
    ("GET", "/readyz"): Call("/readyz"),
    ("GET", "/metrics"): Call("/metrics"),
    ("GET", "/v1/status"): Call("/v1/status"),
    ("GET", "/v1/health"): Call("/v1/health"),
    ("GET", "/v1/schema"): Call("/v1/schema"),
    ("POST", "/v1/events"): Call("/v1/events", json=[order("SO-9"), "x", order("SO-2", net="8.00")]),
    ("GET", "/v1/milestones"): Call("/v1/milestones"),
    ("GET", "/v1/milestones/{position}"): Call("/v1/milestones/1"),
    ("GET", "/v1/milestones/{position}/payload"): Call("/v1/milestones/1/payload"),
    ("GET", "/v1/deals/{key}"): Call(f"/v1/deals/{KEY}"),
    ("GET", "/v1/deals/{key}/timeline"): Call(f"/v1/deals/{KEY}/timeline"),
    ("GET", "/v1/deals/{key}/history"): Call(f"/v1/deals/{KEY}/history"),
    ("GET", "/v1/reports/{view}"): Call("/v1/reports/bookings", params={"by": "deal"}),
    ("GET", "/v1/reports/{view}/explain"): Call("/v1/reports/billing/explain", params={"deal": KEY}),
    ("GET", "/v1/reports/{view}/restatement"): Call(
        "/v1/reports/billing/restatement", params={"from_known": 1}
    ),
    ("GET", "/v1/reports/bridge"): Call("/v1/reports/bridge"),
    ("GET", "/v1/reports/bridge/explain"): Call(
        "/v1/reports/bridge/explain",
        params={"deal": KEY, "currency": "EUR", "step": "won_ordered", "reason": "orphan_order"},
    ),
    ("GET", "/v1/reports/latency"): Call("/v1/reports/latency"),
    ("GET", "/v1/reports/completeness"): Call("/v1/reports/completeness"),
    ("GET", "/v1/reports/exceptions"): Call("/v1/reports/exceptions"),
    ("POST", "/v1/exceptions/{exception}/{action}"): Call(
        "/v1/exceptions/{exception}/acknowledge", json=_WHO, of=_exception
    ),
    ("GET", "/v1/laws"): Call("/v1/laws"),
    ("GET", "/v1/policies"): Call("/v1/policies"),
    ("GET", "/v1/reference/customers"): Call("/v1/reference/customers"),
    ("GET", "/v1/reference/products"): Call("/v1/reference/products"),
    ("GET", "/v1/quarantine"): Call("/v1/quarantine"),
    ("GET", "/v1/quarantine/summary"): Call("/v1/quarantine/summary"),
    ("GET", "/v1/quarantine/{entry}"): Call("/v1/quarantine/1"),
    ("GET", "/v1/conflicts"): Call("/v1/conflicts"),
    ("POST", "/v1/quarantine/{entry}/replay"): Call("/v1/quarantine/1/replay"),
    ("POST", "/v1/quarantine/replay"): Call("/v1/quarantine/replay", json={}),
    ("POST", "/v1/quarantine/{entry}/dismiss"): Call("/v1/quarantine/1/dismiss", json=_WHO),
    ("POST", "/v1/quarantine/dismiss"): Call("/v1/quarantine/dismiss", json={**_WHO, "mapping": "shop"}),
    ("GET", "/v1/mappings"): Call("/v1/mappings"),
    ("POST", "/v1/mappings/try"): Call(
        "/v1/mappings/try", json={"file": shop.SECOND, "payload": '{"type": "order", "number": "O-9"}'}
    ),
    ("POST", "/v1/mappings/preview"): Call("/v1/mappings/preview", json={"file": shop.SECOND}),
    ("POST", "/v1/mappings/apply"): Call(
        "/v1/mappings/apply", json={"mapping": "shop", "actor": "ann", "reason": "tried"}
    ),
    ("GET", "/v1/sources"): Call("/v1/sources"),
    ("GET", "/v1/sources/{name}"): Call("/v1/sources/till"),
    ("POST", "/v1/sources/{name}"): Call("/v1/sources/till", json=shop.invoice(77)),
    ("GET", "/v1/sources/{name}/rejections"): Call("/v1/sources/till/rejections"),
    ("GET", "/v1/sources/{name}/waiting"): Call("/v1/sources/drop/waiting"),
    ("POST", "/v1/sources/{name}/waiting/retry"): Call("/v1/sources/drop/waiting/retry"),
    ("GET", "/v1/sources/{name}/completeness"): Call("/v1/sources/till/completeness"),
    ("POST", "/v1/sources/{name}/reconcile"): Call(
        "/v1/sources/till/reconcile",
        json={
            "from": "2026-03-01",
            "to": "2026-03-31",
            "totals": [{"object": "invoice", "count": 12}],
        },
    ),
    ("GET", "/v1/audit/trail"): Call("/v1/audit/trail"),
    ("GET", "/v1/audit/checkpoint"): Call("/v1/audit/checkpoint", params={"fresh": 1}, records=True),
    ("GET", "/v1/audit/checkpoints"): Call("/v1/audit/checkpoints"),
    ("GET", "/v1/audit/inclusion"): Call("/v1/audit/inclusion", params={"position": 1}),
    ("GET", "/v1/audit/consistency"): Call("/v1/audit/consistency", params={"first": 1}),
    ("GET", "/v1/audit/keys"): Call("/v1/audit/keys"),
    ("GET", "/v1/audit/tile/{level}/{index}"): Call("/v1/audit/tile/0/000.p/1"),
    ("GET", "/v1/audit/bundle"): Call("/v1/audit/bundle", records=True),
    ("POST", "/v1/keys"): Call("/v1/keys", status=201, json={"name": "tried", "roles": ["read"]}),
    ("GET", "/v1/keys"): Call("/v1/keys"),
    ("POST", "/v1/keys/{name}/rotate"): Call("/v1/keys/tried/rotate", status=201, json={}),
    ("DELETE", "/v1/keys/{name}"): Call("/v1/keys/tried"),
    ("GET", "/v1/personal"): Call("/v1/personal"),
    ("POST", "/v1/personal/forget"): Call("/v1/personal/forget", json={"subject": "kim", "reason": "asked"}),
    ("POST", "/v1/personal/allow"): Call("/v1/personal/allow", json={"subject": "kim", "reason": "asked"}),
    ("GET", "/v1/generations"): Call("/v1/generations"),
    ("GET", "/v1/generations/{id}"): Call("/v1/generations/1"),
    ("GET", "/v1/generations/{id}/preview"): Call("/v1/generations/{id}/preview", of=_kept),
    ("POST", "/v1/generations/{id}/promote"): Call("/v1/generations/{id}/promote", of=_kept),
    ("POST", "/v1/generations/return"): Call("/v1/generations/return"),
    ("DELETE", "/v1/generations/{id}"): Call(
        "/v1/generations/{id}", status=204, of=lambda tenant: {"id": _in_state(tenant, "ready", "retired")}
    ),
    ("POST", "/v1/rebuilds"): Call("/v1/rebuilds", status=202, json={"keep": True}),
    ("GET", "/v1/rebuilds/{id}"): Call("/v1/rebuilds/1", status=404),
}


class Run(NamedTuple):
    """A command. words: may hold what `of` finds in the tenant first. code: its exit code."""

    words: tuple[str, ...]
    code: int = 0
    of: Callable[[World], dict[str, Any]] | None = None


def _folder(tenant: World) -> dict[str, Any]:
    return {"folder": tenant.folder}


def _file(tenant: World) -> dict[str, Any]:
    path = tenant.folder / "more.jsonl"
    path.write_bytes(shop.lines([shop.invoice(90), shop.order(9)]))
    return {"file": path}


def _dropped_file(tenant: World) -> dict[str, Any]:
    (tenant.folder / "drop" / "till.jsonl").write_bytes(shop.lines([shop.invoice(91)]))
    return {}


#: By the words of a command; those that stay are run as processes (STAYING).
COMMANDS: Final[dict[str, Run]] = {
    "migrate": Run(("migrate",)),
    "status": Run(("status", "--json")),
    "schema": Run(("schema",)),
    "ingest": Run(("ingest", "{file}", "--source", "shop", "--instance", "acme", "--quiet"), of=_file),
    "poll": Run(("poll", "drop", "--once"), of=_dropped_file),
    "report": Run(("report", "bookings", "--by", "deal")),
    "deal": Run(("deal", KEY)),
    "history": Run(("history", KEY)),
    "refold": Run(("refold", KEY)),
    "check": Run(("check", "--workers", "1")),
    "restatement": Run(("restatement", "billing", "--from-known", "1")),
    "reference": Run(("reference", "customers")),
    "bridge": Run(("bridge",)),
    "latency": Run(("latency",)),
    "completeness": Run(("completeness",)),
    "reconcile": Run(
        ("reconcile", "till", "--from", "2026-03-01", "--to", "2026-03-31", "--export", "{file}"), 1, _file
    ),
    "exceptions": Run(("exceptions",)),
    "exceptions ack": Run(("exceptions", "ack", "{exception}", "--actor", "ann"), of=_exception),
    "exceptions assign": Run(
        ("exceptions", "assign", "{exception}", "--actor", "ann", "--to", "bo"), of=_exception
    ),
    "exceptions resolve": Run(("exceptions", "resolve", "{exception}", "--actor", "ann"), of=_exception),
    "sources": Run(("sources",)),
    "sources check": Run(("sources", "check")),
    "sources rejections": Run(("sources", "rejections", "till")),
    "sources waiting": Run(("sources", "waiting", "drop", "--retry")),
    "quarantine list": Run(("quarantine", "list", "--status", "all")),
    "quarantine summary": Run(("quarantine", "summary")),
    "quarantine show": Run(("quarantine", "show", "1")),
    "quarantine replay": Run(("quarantine", "replay", "1")),
    "quarantine dismiss": Run(("quarantine", "dismiss", "2", "--actor", "ann", "--note", "tried")),
    "mapping list": Run(("mapping", "list")),
    "mapping check": Run(("mapping", "check", "{folder}/mappings/shop.yaml"), of=_folder),
    "mapping try": Run(("mapping", "try", "shop", "--position", "3")),
    "mapping preview": Run(("mapping", "preview", "shop")),
    "mapping apply": Run(("mapping", "apply", "shop", "--actor", "ann", "--reason", "tried", "--yes")),
    "rebuild": Run(("rebuild", "--keep", "--whole")),
    "generations": Run(("generations",)),
    "preview": Run(
        ("preview", "{id}", "--html", "{folder}/preview.html"), of=lambda t: {**_kept(t), **_folder(t)}
    ),
    "generations promote": Run(("generations", "promote", "{id}"), of=_kept),
    "generations return": Run(("generations", "return")),
    "generations drop": Run(
        ("generations", "drop", "{id}"), of=lambda tenant: {"id": _in_state(tenant, "ready", "retired")}
    ),
    "trail": Run(("trail",)),
    "checkpoint": Run(("checkpoint", "--fresh")),
    "export": Run(("export", "--audit", "{folder}/books.cairn"), of=_folder),
    "verify": Run(("verify", "{folder}/books.cairn"), of=_folder),
    "keys create": Run(("keys", "create", "hand", "--role", "append", "--source", "*")),
    "keys list": Run(("keys", "list")),
    "keys rotate": Run(("keys", "rotate", "hand")),
    "keys revoke": Run(("keys", "revoke", "hand")),
    "personal": Run(("personal", "--json")),
    "forget": Run(("forget", "lee", "--reason", "asked", "--yes")),
    "tenant create": Run(("tenant", "create", "{schema}_3"), of=lambda tenant: {"schema": tenant.schema}),
    "tenant list": Run(("tenant", "list")),
    # last: nothing can be tried on it any more
    "tenant drop": Run(
        ("tenant", "drop", "{schema}", "--yes-drop", "{schema}", "--force"),
        of=lambda tenant: {"schema": tenant.schema},
    ),
}
#: Commands that run until they are stopped.
STAYING: Final = ("serve", "api", "project")
