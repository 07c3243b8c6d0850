"""The published interface, tried with drawn requests: every answer is a documented one, and none is a fault.

A short mode with one seed; `./scripts/fuzz --minutes 60` goes on with others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple

import pytest
import requests
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.modes import GenerationMode

from adapters.postgres import tenants
from scripts.fuzzing.conforming import MODES, conforms, operations
from tests.api.running import TOKEN
from tests.tenants.tried import KEY, ROUTES
from tests.tenants.worlds import fill, world

_numbers = count(1)
SEED = 20_260_101
#: Requests of each kind to each operation; the whole takes less than a minute.
EXAMPLES = 10
#: Each begins a process, or takes everything away.
DEAR = {"POST /v1/rebuilds": 2, "GET /v1/generations/{id}/preview": 4}
#: What there is in the ledger that is asked.
KNOWN: Mapping[str, list[Any]] = {
    "position": [1, 2, 3], "entry": [1, 2], "id": [1, 2], "key": [KEY], "name": ["till", "drop"],
    "view": ["bookings", "billing", "arr"],
}  # fmt: skip


class Asked(NamedTuple):
    """A served ledger with something in it, and a session that it lets in."""

    operations: dict[str, Any]
    session: requests.Session


@pytest.fixture(scope="module")
def asked(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    schema = f"fuzz_{os.getpid():x}_{next(_numbers):x}"
    try:
        with (
            world(server_url, schema, tmp_path_factory.mktemp("fuzz")) as served,
            requests.Session() as session,
        ):
            fill(served)
            session.headers["Authorization"] = f"Bearer {TOKEN}"
            yield Asked(operations(str(served.client.base_url)), session)
    finally:
        if schema in tenants.names(server_url):
            tenants.drop(server_url, schema, force=True)


def test_every_operation_is_tried(asked: Asked) -> None:
    assert {tuple(label.split(" ", 1)) for label in asked.operations} == set(ROUTES)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", [f"{method} {path}" for method, path in ROUTES])
def test_answers_are_as_documented(asked: Asked, label: str, mode: GenerationMode) -> None:
    if label not in asked.operations:
        pytest.fail(f"{label} is not published any more")
    examples = DEAR.get(label, EXAMPLES)
    conforms(asked.operations[label], mode, asked.session, KNOWN, examples=examples, number=SEED)


def test_a_fault_is_found(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this the others could not fail."""

    def fail(*_: Any) -> None:
        raise ZeroDivisionError("planted")

    health = asked.operations["GET /v1/health"]
    for planted, named in ((fail, "no_fault"), (lambda *_: ["not an object"], "not of type")):
        with monkeypatch.context() as patched:
            patched.setattr("api.health.health", planted)
            with pytest.raises(FailureGroup) as found:
                conforms(health, MODES[0], asked.session, KNOWN, examples=1, number=SEED)
        assert named in " ".join(map(str, found.value.exceptions))
