"""Bundles that the tests of this folder share: one small story, exported once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from adapters.sources import SOURCES
from adapters.transparency.keys import Signer
from domain.notes import VerifierKey
from tests.api.samples import order
from tests.audit.ledgers import Desk, desk, tell
from tests.remapping import shop


@pytest.fixture(scope="session")
def shop_mapping() -> Iterator[None]:
    """The shop's mapping in its first version, installed."""
    SOURCES["shop"] = shop.source(shop.FIRST)
    yield
    SOURCES.pop("shop", None)


class Small:
    """The story as a bundle: whole, without payloads, and earlier; with its key and a later checkpoint."""

    def __init__(self, whole: bytes, digests: bytes, earlier: bytes, signer: Signer, later: str) -> None:
        self.whole = whole
        self.digests = digests
        self.earlier = earlier
        self.signer = signer
        self.key: VerifierKey = signer.key
        self.later = later


@pytest.fixture(scope="session")
def small(server_url: str, tmp_path_factory: pytest.TempPathFactory, shop_mapping: None) -> Iterator[Small]:
    """The story."""
    schema = f"audit_{os.getpid():x}"
    try:
        with desk(server_url, schema, tmp_path_factory.mktemp("audit")) as at:
            tell(at)
            earlier = at.export()
            at.record(order("SO-LATER"))
            whole, digests = at.export(), at.export(payloads=False)
            assert at.key is not None
            signer = Signer(at.folder / "signing.key", at.key.name)
            yield Small(whole, digests, earlier, signer, at.checkpoint())
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


@pytest.fixture
def at(database_url: str, fresh_schema: str, tmp_path: Path, shop_mapping: None) -> Iterator[Desk]:
    """A ledger that a test has alone, empty."""
    with desk(database_url, fresh_schema, tmp_path) as found:
        yield found
