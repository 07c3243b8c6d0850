"""Requests drawn from the published interface, and what every answer must keep to.

Belongs here: drawing requests, calling, judging. Does not belong here: the server that is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias, cast

import requests
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, openapi
from schemathesis.checks import CheckContext
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.generation.modes import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

Request: TypeAlias = "Case[Any]"
Operation: TypeAlias = "APIOperation[Any, Any, Any, Any]"
MODES: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
#: Seconds that an answer may take.
PATIENCE: Final = 30
#: What is drawn of these in place of their own: requests that wait for what will never come only cost time.
_SOON: Final = {"timeout": "0"}
#: A problem may be told in place of a page or a table.
PROBLEM: Final = "application/problem+json"


def no_fault(_context: CheckContext, response: Response, case: Request) -> None:
    """A 5xx that is not the documented answer to a state of things is a fault of ours."""
    documented = case.operation.definition.raw.get("responses", {})
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        assert response.status_code != HTTPStatus.INTERNAL_SERVER_ERROR, response.text[:500]
        assert str(response.status_code) in documented, response.text[:500]


def refusals_are_problems(_context: CheckContext, response: Response, _case: Request) -> None:
    """Every error is a problem document that says the same status as the answer (RFC 9457)."""
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return
    (media,) = response.headers["content-type"]
    if media.startswith("text/xml"):
        return  # an acknowledgement: its sender reads nothing else
    assert media.startswith(PROBLEM), media
    told = response.json()
    assert told["status"] == response.status_code, told
    assert told["type"].startswith("urn:cairn:problem:"), told


CHECKS: Final = (
    no_fault, refusals_are_problems, status_code_conformance, content_type_conformance,
    response_headers_conformance, response_schema_conformance,
)  # fmt: skip


def operations(url: str) -> dict[str, Operation]:
    """Every operation that a server publishes, by method and path."""
    config = SchemathesisConfig()
    config.projects.default.generation.update(with_security_parameters=False)
    schema = openapi.from_url(f"{url}/openapi.json", config=config)
    found = [cast("Any", result).ok() for result in schema.get_all_operations()]
    return {one.label: one for one in found}


def conforms(
    operation: Operation,
    mode: GenerationMode,
    session: requests.Session,
    known: Mapping[str, list[Any]],
    *,
    examples: int,
    number: int,
) -> None:
    """Call an operation with drawn requests; every other one names what is there (`known`, by parameter).

    number: the seed. Nothing is called where no request breaks the interface (negative mode, no parameters).
    Raises what schemathesis or a check finds first, with the request.
    """

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def call(case: Request, data: st.DataObject) -> None:
        for name, values in known.items():
            if name in (case.path_parameters or {}) and data.draw(st.booleans(), label=f"known {name}"):
                case.path_parameters[name] = data.draw(st.sampled_from(values), label=name)
        for name, value in _SOON.items():
            if name in (case.query or {}):
                case.query[name] = value
        if "at_least" in (case.query or {}):
            case.query.update(_SOON)
        response = case.call(session=session, timeout=PATIENCE)
        case.validate_response(response, checks=list(CHECKS))

    try:
        call()
    except Unsatisfiable:
        if mode.is_positive:
            raise
