"""Personal data beside what else the ledger does: the tree of the log, changed mappings, many writers."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from adapters.importing import import_path
from adapters.intake import Intake
from adapters.personal import forgetting
from adapters.personal.marking import Marks
from adapters.personal.protection import Protection
from adapters.personal.tokens import Token, tokens_in
from adapters.personal.vault import Vault
from adapters.transparency import building, checking
from adapters.transparency.tiles import Tree
from api.remapping import running
from api.remapping.running import Asked, By
from domain.arrivals import Plain
from domain.ledger import Ledger
from tests.ingest.conftest import Ask
from tests.personal.conftest import rules_of
from tests.personal.test_vault import ANN, event, recorded
from tests.remapping import shop

SHOP = """
rules:
  - match: shop/*
    fields: [/rep, /customer]
    subject: /rep
"""


def test_the_tree_of_the_log_is_the_same_after_forgetting_and_every_leaf_still_fits(
    guarded: Intake, pool: ConnectionPool[Any], vault: Vault
) -> None:
    recorded(guarded, *(event(number=f"SO-{n}") for n in range(20)))
    with pool.connection() as connection:
        building.build(connection)
        before = Tree.now(connection).root(20)
        forgetting.destroy(connection, [vault.secret.pseudonyms.subject(ANN)])
        forgetting.sweep(connection)
        building.build(connection)
        after = Tree.now(connection)
        assert (after.size, after.root()) == (20, before)
        assert checking.recheck(connection, 1, 20) is None


@pytest.fixture
def till(ledger: Ledger, pool: ConnectionPool[Any], vault: Vault, tmp_path: Path) -> Any:
    marks = Marks(rules_of(tmp_path, SHOP), vault.secret.pseudonyms)
    with Intake(ledger, pool, personal=Protection(marks, vault)) as opened:
        yield opened


def test_a_changed_mapping_reads_tokens_and_corrects_with_the_same_ones(
    till: Intake, pool: ConnectionPool[Any], ask: Ask, tmp_path: Path
) -> None:
    records = [{**one, "rep": ANN, "customer": "Bo"} for one in shop.RECORDS if one["type"] == "invoice"]
    path = tmp_path / "till.jsonl"
    path.write_bytes(shop.lines(records))
    import_path(till, path, shop.source(shop.FIRST), "acme")
    second = shop.source(shop.SECOND)
    done = running.apply(pool, till, Asked(second), By("ann", "mended", "shop"))
    assert done.outcomes["recorded"] >= 1
    bodies = [bytes(row[0]) for row in ask("SELECT body FROM inbox ORDER BY id")]
    assert not any(ANN.encode() in body or ANN.encode("unicode_escape") in body for body in bodies)
    first = set.union(*map(tokens_in, bodies[: len(records)]))
    corrections = [body for body in bodies if b"milestone.corrected" in body]
    assert corrections
    assert all(tokens_in(body) <= first for body in corrections)
    dimensions = [json.loads(body)["data"]["replacement"]["data"]["dimensions"] for body in corrections]
    assert {one["owner"] for one in dimensions} <= {token.text for token in first}
    again = running.preview(pool, till, Asked(second))
    assert not again.told()["changed"]["milestones"]


def test_nothing_is_kept_under_a_key_that_is_destroyed_while_others_write(
    pool: ConnectionPool[Any], vault: Vault, ask: Ask, database_url: str, schema: str
) -> None:
    names = vault.secret.pseudonyms
    subject = names.subject(ANN)
    ended = threading.Event()
    errors: list[BaseException] = []

    def write(number: int) -> None:
        own = Vault(pool, vault.secret)
        try:
            for n in range(60):
                raw = f'"{number}-{n}"'.encode()
                other = names.subject(f"other {n % 5}")
                values = [Plain(one, names.token(one, raw).value, raw) for one in (subject, other)]
                own.keep(values)
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)
        finally:
            ended.set()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    options = f"-c search_path={schema}"
    with psycopg.connect(database_url, autocommit=True, options=options) as connection:
        while not ended.is_set():
            forgetting.destroy(connection, [subject])
            forgetting.allow(connection, vault.secret, subject)
        for thread in threads:
            thread.join()
        assert not errors
        forgetting.destroy(connection, [subject])
    assert ask("SELECT count(*) FROM personal_value WHERE subject = %s", subject) == [(0,)]
    left = ask("SELECT v.subject, v.value FROM personal_value AS v JOIN subject_key AS k USING (subject)")
    assert len(left) == 180
    with pool.connection() as connection:
        tokens = [Token(bytes(row[0]), bytes(row[1])) for row in left]
        assert len(vault.opened(connection, tokens)) == 180


def test_a_steady_stream_of_the_same_people_asks_the_database_nothing(
    guarded: Intake, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(guarded, event())
    asked: list[str] = []
    monkeypatch.setattr(vault, "_keep", lambda *_: asked.append("kept"))
    monkeypatch.setattr(vault, "_looked", float("inf"))
    recorded(guarded, *(event(number=f"SO-{n}") for n in range(2, 20)))
    assert not asked
