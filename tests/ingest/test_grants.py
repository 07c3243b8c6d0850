"""What is in the log stays: the application's role can add to it and nothing else; tenants never touch."""

from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import ConnectionPool

from adapters.postgres.migrate import migrate
from domain.ledger import Ledger
from tests.domain.events import order
from tests.ingest.conftest import Ask, open_ledger
from tests.ingest.messages import ready, said

TABLES = [
    "log", "log_commit", "inbox", "sequence_identity", "deal_key", "deal_link", "payment_crossing",
    "conflict", "quarantine", "quarantine_replay", "awaited", "self_check", "fetched", "taken_file",
    "ignored", "remapped", "source_milestone", "feed_expectation", "reconciliation",
    "tree_tile", "tree_key", "tree_checkpoint",
    "personal_secret", "personal_act",
]  # fmt: skip


def test_nothing_that_is_written_by_intake_is_missing_here(ask: Ask) -> None:
    only_added_to = ask(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        " AND has_table_privilege(oid, 'INSERT') AND NOT has_any_column_privilege(oid, 'UPDATE')"
    )
    assert {row[0] for row in only_added_to} == set(TABLES)


@pytest.mark.parametrize("table", [*TABLES, "migration"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} ADD x text",
     "CREATE TRIGGER t AFTER INSERT ON {} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
     "CREATE INDEX ON {} ((1))", "COMMENT ON TABLE {} IS 'x'", "LOCK TABLE {} IN EXCLUSIVE MODE"],
)  # fmt: skip
def test_the_application_changes_nothing_that_is_written(
    pool: "ConnectionPool[Any]", ask: Ask, table: str, statement: str
) -> None:
    ((second,),) = ask("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 2", table)
    names = [sql.Identifier(name) for name in (table, second, second)][: statement.count("{}")]
    query = sql.SQL(statement).format(*names)
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with refused, pool.connection() as connection, connection.transaction():
        connection.execute(query)


def test_of_a_key_the_application_changes_its_end_and_use_alone(ask: Ask) -> None:
    changed = ask(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'access_key'::regclass AND attnum > 0"
        " AND has_column_privilege(attrelid, attnum, 'UPDATE')"
    )
    assert {row[0] for row in changed} == {"expires_at", "revoked_at", "revoked_by", "used_at"}
    assert ask("SELECT has_table_privilege('access_key', 'DELETE')") == [(False,)]


def test_the_application_becomes_no_other_role(pool: "ConnectionPool[Any]", ask: Ask, schema: str) -> None:
    assert ask("SELECT current_user::text, current_setting('search_path')") == [(f"{schema}_app", schema)]


def test_the_application_makes_and_drops_what_it_derives(pool: "ConnectionPool[Any]") -> None:
    with pool.connection() as connection:
        connection.execute("CREATE TABLE g1_posting (a integer)")
        connection.execute("UPDATE g1_posting SET a = 1")
        connection.execute("DROP TABLE g1_posting")


@pytest.fixture
def other(database_url: str, schema: str) -> Any:
    name = f"{schema}_other"
    migrate(database_url, name)
    yield name
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def test_two_tenants_in_one_database_never_touch(
    database_url: str, schema: str, other: str, ledger: Ledger, owner: "psycopg.Connection[Any]"
) -> None:
    second = open_ledger(database_url, other)
    assert said(ledger.record(ready(ledger, order()))) == [("recorded", 1)]
    assert said(second.record(ready(second, order(net="7.00")))) == [("recorded", 1)]
    assert said(ledger.record(ready(ledger, order()))) == [("duplicate", 1)]
    second.close()
    counts = [
        owner.execute(f"SELECT count(*) FROM {name}.log".encode()).fetchone() for name in (schema, other)
    ]
    assert counts == [(1,), (1,)]


def test_one_tenants_role_sees_nothing_of_another(pool: "ConnectionPool[Any]", other: str) -> None:
    with pool.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SELECT * FROM {other}.log".encode())
