"""A ledger with rules for personal data, in a schema of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from adapters.intake import Intake
from adapters.personal.marking import Marks
from adapters.personal.protection import Protection
from adapters.personal.rules import Rule, read_rules
from adapters.personal.sealing import Secret
from adapters.personal.vault import Vault, secret_of
from domain.ledger import Ledger
from tests.ingest import conftest as way_in

ask, ledger, owner, pool, schema = way_in.ask, way_in.ledger, way_in.owner, way_in.pool, way_in.schema

MASTER = bytes(range(32))
RULES = """
rules:
  - match: /crm/*/*
    fields: [/data/dimensions/owner, /actor]
    subject: value
  - match: /erp/netsuite/*
    fields: [/data/reason, /data/dimensions/owner]
    subject: /data/dimensions/owner
  - match: netsuite/acme
    fields: [/data/contact/email, /data/contact/name, /data/people/*/name]
    subject: /data/contact/email
"""


def rules_of(folder: Path, text: str = RULES, **given: Any) -> tuple[Rule, ...]:
    path = folder / "personal.yaml"
    path.write_text(text)
    return read_rules(path, **given)


@pytest.fixture
def secret(pool: ConnectionPool[Any]) -> Secret:
    with pool.connection() as connection:
        return secret_of(connection, MASTER)


@pytest.fixture
def vault(pool: ConnectionPool[Any], secret: Secret) -> Vault:
    return Vault(pool, secret)


@pytest.fixture
def guarded(
    ledger: Ledger,
    pool: ConnectionPool[Any],
    vault: Vault,
    tmp_path: Path,
) -> Iterator[Intake]:
    """The way in, under RULES."""
    marks = Marks(rules_of(tmp_path), vault.secret.pseudonyms)
    with Intake(ledger, pool, personal=Protection(marks, vault)) as opened:
        yield opened
