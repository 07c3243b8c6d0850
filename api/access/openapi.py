"""What the published interface says of access: how to present credentials, and each route's roles."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from api.access.roles import ROUTES

_SCHEME: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key (`cairn keys create`), the operator's CAIRN_TOKEN, or a token of the OIDC"
    " issuer. A ledger on loopback without any of these asks for nothing.",
}
_PROBLEM: Final = {"application/problem+json": {"schema": {"type": "object"}}}
_REFUSALS: Final = {
    "401": "Nobody can be told from what was presented (RFC 9457).",
    "403": "The caller lacks the role that is named, or may not see these rows (RFC 9457).",
    "429": "The caller asks more often than it may; Retry-After says when to go on (RFC 9457).",
}


def describe(app: FastAPI) -> None:
    """Let an application's OpenAPI document tell of access. `x-roles`: any of them will do."""
    plain = app.openapi

    def told() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            document.setdefault("components", {})["securitySchemes"] = {"bearer": _SCHEME}
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    _describe(operation, method.upper(), path)
        assert app.openapi_schema is not None, "it is kept once it is made"
        return app.openapi_schema

    app.openapi = told  # type: ignore[method-assign]


def _describe(operation: dict[str, Any], method: str, path: str) -> None:
    rule = _BY_PATH.get((method, path))
    if rule is None or not rule.roles:
        operation["security"] = []
        return
    operation["security"] = [{"bearer": []}, *([{}] if rule.proven else [])]
    operation["x-roles"] = list(rule.roles)
    for status, says in _REFUSALS.items():
        operation["responses"].setdefault(status, {"description": says, "content": _PROBLEM})


#: The table, by paths as OpenAPI writes them: without convertors.
_BY_PATH: Final = {(method, path.replace(":path}", "}")): rule for (method, path), rule in ROUTES.items()}
