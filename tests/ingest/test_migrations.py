"""The schema comes to be once, whoever starts first, and what has run stays as it was."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from adapters.postgres.connections import SchemaNameError, checked_schema, conninfo_for, lock_of, role_of
from adapters.postgres.migrate import FOLDER, MigrationError, migrate, migrations
from tests.domain.events import order
from tests.ingest.conftest import open_ledger
from tests.ingest.messages import ready, said


def test_migrations_run_once(database_url: str, fresh_schema: str) -> None:
    names = [path.stem for path in sorted(FOLDER.glob("*.sql"))]
    assert migrate(database_url, fresh_schema) == names
    assert migrate(database_url, fresh_schema) == []


def test_processes_that_start_together_run_them_once(database_url: str, fresh_schema: str) -> None:
    code = "import sys; from adapters.postgres.migrate import migrate; print(len(migrate(*sys.argv[1:])))"
    root = Path(__file__).resolve().parents[2]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, database_url, fresh_schema],
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )
        for _ in range(3)
    ]
    assert sorted(int(process.communicate()[0]) for process in started) == [0, 0, len(migrations())]


def test_a_file_that_has_run_must_not_change(database_url: str, fresh_schema: str, tmp_path: Path) -> None:
    (tmp_path / "0001_log.sql").write_text("CREATE TABLE log (a integer);")
    migrate(database_url, fresh_schema, folder=tmp_path)
    (tmp_path / "0001_log.sql").write_text("CREATE TABLE log (b integer);")
    with pytest.raises(MigrationError, match="what has run must not change"):
        migrate(database_url, fresh_schema, folder=tmp_path)


def test_a_schema_of_a_later_version_is_left_alone(
    database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    (tmp_path / "0001_log.sql").write_text("SELECT 1;")
    (tmp_path / "0002_more.sql").write_text("SELECT 1;")
    migrate(database_url, fresh_schema, folder=tmp_path)
    (tmp_path / "0002_more.sql").unlink()
    with pytest.raises(MigrationError, match="upgrade cairn-ledger"):
        migrate(database_url, fresh_schema, folder=tmp_path)


def test_a_migration_that_fails_leaves_nothing_of_itself(
    database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    (tmp_path / "0001_log.sql").write_text("CREATE TABLE log (a integer);")
    (tmp_path / "0002_more.sql").write_text("CREATE TABLE more (a integer); SELECT 1/0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(database_url, fresh_schema, folder=tmp_path)
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT to_regclass(%s), to_regclass(%s)", (f"{fresh_schema}.log", f"{fresh_schema}.more")
        ).fetchone()
    assert found is not None
    assert found[0] is not None
    assert found[1] is None


def test_numbers_without_a_gap_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "0002_more.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match="not numbered"):
        migrations(tmp_path)


@pytest.mark.parametrize("name", ["", "public", "pg_x", "A", "a-b", "a b", "a;b", "x" * 52, "1a", "é", "a\n"])
def test_only_plain_names_can_name_a_schema(name: str) -> None:
    with pytest.raises(SchemaNameError):
        checked_schema(name)


def test_schemas_have_their_own_role_and_lock() -> None:
    assert role_of("cairn") == "cairn_app"
    assert lock_of("cairn") != lock_of("cairn2")
    assert all(0 < lock_of(name) < 2**63 for name in ("cairn", "a", "x" * 51))


def test_options_of_the_url_are_kept() -> None:
    info = conninfo_for("postgresql://h/db?options=-c%20work_mem%3D9MB", "cairn", application_name="x")
    assert "work_mem=9MB" in info
    assert "search_path=cairn" in info


@pytest.fixture
def plain_login(server_url: str, fresh_schema: str) -> Iterator[str]:
    """The URL of a login role that is no superuser, and owns nothing yet."""
    name = sql.Identifier(f"{fresh_schema}_login")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(name))
        yield psycopg.conninfo.make_conninfo(server_url, user=f"{fresh_schema}_login", password="x")
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(fresh_schema)))
        connection.execute(sql.SQL("DROP OWNED BY {}").format(name))
        connection.execute(sql.SQL("DROP ROLE {}").format(name))


def test_a_login_role_that_may_make_roles_sets_all_up(
    server_url: str, plain_login: str, fresh_schema: str
) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {fresh_schema}_login CREATEROLE")
        connection.execute(f"GRANT CREATE ON DATABASE {connection.info.dbname} TO {fresh_schema}_login")
    migrate(plain_login, fresh_schema)
    ledger = open_ledger(plain_login, fresh_schema)
    assert said(ledger.record(ready(ledger, order()))) == [("recorded", 1)]
    ledger.close()


def test_a_role_made_beforehand_is_taken(server_url: str, plain_login: str, fresh_schema: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {fresh_schema}_app NOLOGIN")
        connection.execute(f"GRANT {fresh_schema}_app TO {fresh_schema}_login")
        connection.execute(f"CREATE SCHEMA {fresh_schema} AUTHORIZATION {fresh_schema}_login")
    migrate(plain_login, fresh_schema)
    ledger = open_ledger(plain_login, fresh_schema)
    assert said(ledger.record(ready(ledger, order()))) == [("recorded", 1)]
    ledger.close()


def test_a_login_role_that_may_not_says_what_to_run(plain_login: str, fresh_schema: str) -> None:
    with pytest.raises(MigrationError, match=f'CREATE ROLE "{fresh_schema}_app" NOLOGIN; GRANT'):
        migrate(plain_login, fresh_schema)


def test_a_login_role_without_a_schema_is_told(server_url: str, plain_login: str, fresh_schema: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {fresh_schema}_login CREATEROLE")
    with pytest.raises(MigrationError, match="let it own the schema, or grant it CREATE"):
        migrate(plain_login, fresh_schema)
