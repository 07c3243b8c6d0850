"""Sealed values: kept before the log, opened byte for byte, gone for good once a subject is forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from adapters.intake import Intake
from adapters.personal import forgetting
from adapters.personal.marking import Marks
from adapters.personal.sealing import SecretRefused
from adapters.personal.tokens import Token, tokens_in
from adapters.personal.vault import Vault, secret_of
from adapters.postgres import reading
from tests.domain.events import order
from tests.ingest.conftest import Ask
from tests.ingest.messages import body
from tests.personal.conftest import MASTER, rules_of

ANN = "Ann-Sophie Müller"


def event(owner: str = ANN, number: str = "SO-1", **more: Any) -> bytes:
    made = order(number, f"e-{number}-{owner}")
    made["source"] = "/crm/hubspot/acme"
    made["subject"] = f"order/{number}"
    made["data"]["dimensions"] = {"owner": owner}
    made["data"].pop("keys", None)
    return body({**made, **more})


def recorded(intake: Intake, *events: bytes) -> list[int]:
    outcomes = intake.record([intake.prepare_event(one) for one in events])
    assert {outcome.outcome for outcome in outcomes} == {"recorded"}, outcomes
    return [outcome.position or 0 for outcome in outcomes]


def payload(pool: ConnectionPool[Any], vault: Vault, position: int) -> tuple[bytes, int]:
    with pool.connection() as connection:
        found = reading.milestone(connection, position)
        assert found is not None
        return vault.restored(connection, found.payload.body)


def test_a_payload_is_kept_with_tokens_and_put_back_byte_for_byte(
    guarded: Intake, pool: ConnectionPool[Any], vault: Vault, ask: Ask
) -> None:
    sent = event(actor="Bo\\Smith") + b" \n"
    (position,) = recorded(guarded, sent)
    ((kept, headers),) = ask("SELECT body, headers FROM inbox")
    assert ANN.encode() not in kept
    assert json.loads(headers) == {"cairn-personal": "tokens"}
    assert len(tokens_in(kept)) == 2
    assert payload(pool, vault, position) == (sent, 0)


def test_what_is_delivered_twice_is_a_duplicate_and_kept_once(guarded: Intake, ask: Ask) -> None:
    recorded(guarded, event())
    (again,) = guarded.record([guarded.prepare_event(event())])
    assert again.outcome == "duplicate"
    assert ask("SELECT count(*) FROM personal_value") == [(1,)]


def test_the_same_person_spelled_another_way_is_one_subject_with_two_values(
    guarded: Intake, ask: Ask
) -> None:
    recorded(guarded, event(), event(f"  {ANN.upper()} ", "SO-2"))
    assert ask("SELECT count(*) FROM subject_key") == [(1,)]
    assert ask("SELECT count(*) FROM personal_value") == [(2,)]


def test_a_forgotten_subject_is_gone_and_the_other_in_the_same_payload_stays(
    guarded: Intake, pool: ConnectionPool[Any], vault: Vault
) -> None:
    (position,) = recorded(guarded, event(actor="Bo"))
    subject = vault.secret.pseudonyms.subject(ANN)
    with pool.connection() as connection:
        assert forgetting.destroy(connection, [subject]) == 1
        assert forgetting.sweep(connection)
    shown, left = payload(pool, vault, position)
    assert left == 1
    assert b'"actor": "Bo"' in shown
    assert ANN.encode() not in shown


def test_values_of_a_forgotten_subject_are_dropped_until_it_is_allowed_again(
    guarded: Intake, pool: ConnectionPool[Any], vault: Vault, ask: Ask
) -> None:
    recorded(guarded, event())
    subject = vault.secret.pseudonyms.subject(ANN)
    with pool.connection() as connection:
        forgetting.destroy(connection, [subject])
    vault.clear()
    (second,) = recorded(guarded, event(number="SO-2"))
    assert ask("SELECT count(*) FROM personal_value") == [(0,)]
    assert payload(pool, vault, second)[1] == 1
    with pool.connection() as connection:
        assert forgetting.allow(connection, vault.secret, subject)
        assert not forgetting.allow(connection, vault.secret, subject)
    vault.clear()
    (third,) = recorded(guarded, event(number="SO-3"))
    assert payload(pool, vault, third) == (event(number="SO-3"), 0)


def test_another_process_that_remembers_a_destroyed_key_seals_nothing_under_it(
    guarded: Intake, pool: ConnectionPool[Any], vault: Vault, ask: Ask
) -> None:
    recorded(guarded, event())
    subject = vault.secret.pseudonyms.subject(ANN)
    with pool.connection() as connection:
        forgetting.destroy(connection, [subject])
    # nothing told the vault: it has the key still
    recorded(guarded, event(f"{ANN} ", "SO-2"))
    assert ask("SELECT count(*) FROM personal_value") == [(0,)]


def test_a_key_that_was_made_anew_meanwhile_is_learned(
    guarded: Intake, pool: ConnectionPool[Any], vault: Vault
) -> None:
    recorded(guarded, event())
    subject = vault.secret.pseudonyms.subject(ANN)
    with pool.connection() as connection:
        forgetting.destroy(connection, [subject])
        forgetting.allow(connection, vault.secret, subject)
    sent = event(f"{ANN} ", "SO-2")
    (position,) = recorded(guarded, sent)
    assert payload(pool, vault, position) == (sent, 0)


def test_what_cannot_be_searched_is_kept_sealed_whole_and_is_found_by_a_name_in_it(
    guarded: Intake, pool: ConnectionPool[Any], vault: Vault, ask: Ask
) -> None:
    torn = b'{"source": "/crm/hubspot/acme", "data": {"note": "of ann-sophie m\\u00fcller"'
    (outcome,) = guarded.record([guarded.prepare_event(torn)])
    assert [reason.code for reason in outcome.reasons] == ["personal_sealed"]
    ((kept,),) = ask("SELECT body FROM inbox")
    (token,) = tokens_in(kept)
    assert kept == token.json
    with pool.connection() as connection:
        assert vault.restored(connection, kept) == (torn, 0)
        subject = vault.secret.pseudonyms.subject(ANN)
        bodies = forgetting.bodies_with(connection, vault.secret, subject, ANN)
        assert bodies == [token.subject]
        assert not forgetting.bodies_with(connection, vault.secret, subject, "somebody else")
        forgetting.destroy(connection, bodies)
        assert vault.restored(connection, kept) == (token.json, 1)


@pytest.mark.parametrize(
    "torn",
    [
        '{"source": "/crm/hubspot/acme", "data": {"owner": "ANN-Sophie Müller"',
        '{"source": "/crm/hubspot/acme", "data": {"owner": "ann-sophie m\\u00fcller"',
        '{"source": "crm/hubspot/acme", "data": {"note": "paid by Ann-Sophie Müller, today"}}',
        "order;owner\nSO-1;Ann-Sophie Müller;",
        '{"source": "/crm/hubspot/acme", "data_base64": "QW5uLVNvcGhpZSBNw7xsbGVy"}',
    ],
)
def test_a_payload_sealed_whole_that_names_a_forgotten_subject_is_not_kept(
    guarded: Intake, pool: ConnectionPool[Any], vault: Vault, ask: Ask, torn: str
) -> None:
    subject = vault.secret.pseudonyms.subject(ANN)
    with pool.connection() as connection:
        forgetting.destroy(connection, [subject])
    vault.clear()
    for sent in (torn, "{torn of Bo"):
        (outcome,) = guarded.record([guarded.prepare_event(sent.encode())])
        assert [reason.code for reason in outcome.reasons] == ["personal_sealed"]
    first, second = (bytes(row[0]) for row in ask("SELECT body FROM inbox ORDER BY id"))
    with pool.connection() as connection:
        assert vault.restored(connection, first) == (first, 1)
        assert vault.restored(connection, second) == (b"{torn of Bo", 0)
        assert forgetting.allow(connection, vault.secret, subject)
        vault.clear()
        guarded.record([guarded.prepare_event(torn.encode())])
        assert vault.restored(connection, first) == (torn.encode(), 0)


def test_a_sealed_payload_that_is_read_again_stays_as_it_is(guarded: Intake) -> None:
    (outcome,) = guarded.record([guarded.prepare_event(b"{torn")])
    assert outcome.quarantine is not None
    (again,) = guarded.replay(outcome.quarantine)
    assert (again.outcome, again.reasons[0].code) == ("quarantined", "personal_sealed")


def test_another_secret_is_refused(pool: ConnectionPool[Any], vault: Vault) -> None:
    with pool.connection() as connection, pytest.raises(SecretRefused, match="restore"):
        secret_of(connection, bytes(32))


def test_two_ledgers_with_the_same_secret_have_other_tokens(
    pool: ConnectionPool[Any], vault: Vault, tmp_path: Path, owner: psycopg.Connection[Any]
) -> None:
    first = Marks(rules_of(tmp_path), vault.secret.pseudonyms).event(event())
    owner.execute("UPDATE personal_secret SET salt = '\\x00000000000000000000000000000000'")
    owner.execute("DELETE FROM personal_secret")
    with pool.connection() as connection:
        second = Marks(rules_of(tmp_path), secret_of(connection, MASTER).pseudonyms).event(event())
    assert first is not None
    assert second is not None
    assert first.body != second.body


def test_a_sealed_value_that_was_put_under_another_token_is_not_opened(
    guarded: Intake, pool: ConnectionPool[Any], vault: Vault, ask: Ask, owner: psycopg.Connection[Any]
) -> None:
    recorded(guarded, event(), event(f"{ANN} ", "SO-2"))
    owner.execute(
        "UPDATE personal_value AS a SET sealed = b.sealed FROM personal_value AS b WHERE a.value <> b.value"
    )
    tokens = [Token(bytes(row[0]), bytes(row[1])) for row in ask("SELECT subject, value FROM personal_value")]
    with pool.connection() as connection, pytest.raises(ValueError, match="not what it was"):
        vault.opened(connection, tokens)


def test_nothing_of_a_destroyed_key_is_left_in_the_tables_file(
    guarded: Intake, pool: ConnectionPool[Any], vault: Vault, ask: Ask, owner: psycopg.Connection[Any]
) -> None:
    def file() -> bytes:
        owner.execute("CHECKPOINT")
        found = owner.execute("SELECT pg_read_binary_file(pg_relation_filepath('subject_key'))").fetchone()
        assert found is not None
        return bytes(found[0])

    recorded(guarded, event(), event("Bo", "SO-2"))
    subject = vault.secret.pseudonyms.subject(ANN)
    ((wrapped,),) = ask("SELECT wrapped FROM subject_key WHERE subject = %s", subject)
    assert wrapped in file()
    with pool.connection() as connection:
        forgetting.destroy(connection, [subject])
        assert forgetting.sweep(connection)
    assert wrapped not in file()
    assert subject in file()
