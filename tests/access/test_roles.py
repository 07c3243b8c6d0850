"""Which role opens which route: every pair of them is asked for over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from api.access.callers import ROLES
from api.access.roles import ROUTES, Rule, check
from api.access.routing import Guarded, unguarded
from tests.access.conftest import Gate

#: What stands for the parameters of paths.
PLACES = {
    "{name}": "nobody", "{name:path}": "nobody", "{view}": "backlog", "{key:path}": "crm/x/y:opportunity:1",
    "{position}": "1", "{entry}": "999", "{exception}": "none", "{action}": "resolve", "{id}": "999",
    "{level}": "0", "{index:path}": "000",
}  # fmt: skip
NOOP = {("GET", "/v1/noop"), ("POST", "/v1/noop")}
ASKED = sorted((method, path) for method, path in ROUTES if (method, path) not in NOOP)


def written(path: str) -> str:
    for place, value in PLACES.items():
        path = path.replace(place, value)
    assert "{" not in path, "say what stands for it"
    return "/console/console.js" if path.startswith("/console/") else path


@pytest.fixture(scope="module")
def callers(gate: Gate) -> Iterator[dict[str, httpx.Client]]:
    """A client for each role, one without a key and one with a wrong one."""
    extra = {"append": {"sources": ["*"]}}
    found: dict[str, httpx.Client]
    found = {role: gate.caller(f"only-{role}", role, **extra.get(role, {})) for role in ROLES}
    found |= {"nobody": gate.presenting(None), "wrong": gate.presenting("cairn_x_1234567890_wrong")}
    yield found
    for client in found.values():
        client.close()


def asked(client: httpx.Client, method: str, path: str) -> httpx.Response:
    """One request whose body no route takes, so that whoever is let in changes nothing."""
    body = {"content": b'{"no such field": 1}', "headers": {"Content-Type": "application/json"}}
    return client.request(method, written(path), **(body if method == "POST" else {}))  # type: ignore[arg-type]


@pytest.mark.parametrize(("method", "path"), ASKED)
@pytest.mark.parametrize("role", ROLES)
def test_a_route_answers_those_who_have_its_role_and_names_it_to_others(
    callers: dict[str, httpx.Client], method: str, path: str, role: str
) -> None:
    rule = ROUTES[method, path]
    answer = asked(callers[role], method, path)
    assert answer.status_code < 500, answer.text
    assert answer.status_code != 401
    if not rule.roles or role in rule.roles:
        assert answer.status_code != 403, answer.text
        return
    assert answer.status_code == 403
    told = answer.json()
    assert told["type"] == "urn:cairn:problem:forbidden"
    assert told["allowed"] == list(rule.roles)
    for needed in rule.roles:
        assert needed in told["detail"]


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_a_route_that_needs_a_role_answers_nobody_else(
    gate: Gate, callers: dict[str, httpx.Client], method: str, path: str
) -> None:
    if not ROUTES[method, path].roles:
        assert asked(callers["nobody"], method, path).status_code < 400
        return
    for name in ("nobody", "wrong"):
        answer = asked(callers[name], method, path)
        # wrong ones are counted by address, and there are many of them here
        assert answer.status_code == 401 or (name == "wrong" and answer.status_code == 429), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        if answer.status_code == 401:
            # what the console takes for a reason to ask for a key
            assert "send Authorization: Bearer <key>" in answer.json()["detail"]
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_the_operator_may_do_everything(gate: Gate, method: str, path: str) -> None:
    answer = asked(gate.operator, method, path)
    assert answer.status_code not in (401, 403)
    assert answer.status_code < 500


def test_what_is_published_says_which_roles_a_route_needs(gate: Gate) -> None:
    document = gate.operator.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    told = {
        (method.upper(), path): operation.get("x-roles", [])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert told
    named = {(method, path.replace(":path}", "}")): rule for (method, path), rule in ROUTES.items()}
    assert told == {route: list(named[route].roles) for route in told}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            needs = bool(named[method.upper(), path].roles)
            assert (operation["security"] != []) is needs
            assert {"401", "403", "429"} <= operation["responses"].keys() or not needs


def test_other_paths_and_methods_tell_nothing_without_a_key(gate: Gate) -> None:
    with gate.presenting(None) as nobody:
        for path in ("/v1/none", "/v1", "/console", "/healthz/x", "/v1/schema/"):
            assert nobody.get(path).status_code == 401
        for path in ("/console/none", "/console/", "/console/../v1/status", "/console/%2e%2e/v1/status"):
            assert nobody.get(path).status_code in (401, 404)
    with gate.caller("lost", "read") as reader:
        assert reader.get("/v1/none").status_code == 404
        assert reader.put("/v1/events").status_code == 405
        assert reader.delete("/v1/keys").status_code == 405


@pytest.mark.parametrize(
    "sent",
    ["", "Bearer", "Basic {}", "{}", "Bearer {} x", "Bearer\t{}", "Token {}", "Bearer {}\u00e9"],
)
def test_a_header_that_is_not_a_bearer_key_is_refused(gates: Any, gate: Gate, sent: str) -> None:
    text = gate.key(f"header-{abs(hash(sent))}", "read")
    header = sent.format(text).encode("latin-1")
    answer = httpx.get(f"{gate.url}/v1/status", headers={b"Authorization": header})
    assert answer.status_code in (401, 429)
    assert text not in answer.text


def test_the_scheme_is_read_in_any_case(gate: Gate) -> None:
    text = gate.key("cased", "read")
    for scheme in ("bearer", "BEARER", "Bearer"):
        assert (
            httpx.get(f"{gate.url}/v1/status", headers={"Authorization": f"{scheme} {text}"}).status_code
            == 200
        )


def test_a_route_that_is_in_no_role_is_refused_to_everybody_and_stops_the_server() -> None:
    router = APIRouter(route_class=Guarded)
    plain = APIRouter()

    @router.get("/v1/forgotten")
    async def forgotten() -> None: ...

    @plain.get("/v1/status")
    async def unguarded_one() -> None: ...

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(router)
    app.include_router(plain)
    assert unguarded(app) == ["GET /v1/forgotten", "GET /v1/status"]


def test_every_rule_names_roles_that_there_are() -> None:
    for rule in ROUTES.values():
        assert isinstance(rule, Rule)
        assert set(rule.roles) <= set(ROLES)


def test_who_holds_no_role_is_refused_by_a_rule_and_by_none() -> None:
    from api.access.callers import NOBODY, OPERATOR
    from api.access.refusals import Forbidden

    for caller in (NOBODY, OPERATOR):
        with pytest.raises(Forbidden, match="in no role"):
            check(None, caller)
    with pytest.raises(Forbidden, match="needs the role audit"):
        check(Rule(("audit",)), NOBODY)
