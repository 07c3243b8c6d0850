"""cairn forget and cairn personal, as people run them; and what a crash in between leaves."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.intake import Intake
from adapters.personal.forgetting import list_beside
from adapters.personal.sealing import make_secret
from adapters.personal.tokens import tokens_in
from adapters.postgres.connections import connect
from adapters.postgres.migrate import migrate
from api.house import ledger_on
from api.personal import protection_of
from api.settings import SettingsRefused, load
from tests.api.running import cairn, environment
from tests.ingest.messages import body
from tests.personal.test_outside import ANN, BO, CY, RULES, sold, traces

Env = dict[str, str]


@pytest.fixture
def env(database_url: str, fresh_schema: str, tmp_path: Path) -> Env:
    migrate(database_url, fresh_schema)
    (tmp_path / "personal.yaml").write_text(RULES)
    make_secret(tmp_path / "secret")
    return environment(
        DATABASE_URL=database_url,
        CAIRN_SCHEMA=fresh_schema,
        CAIRN_PERSONAL=str(tmp_path / "personal.yaml"),
        CAIRN_PERSONAL_KEY=str(tmp_path / "secret"),
    )


def record(env: Env, *events: Any, **wrong: str | None) -> list[str]:
    """Record events in this process, under the same settings but for `wrong` ones: their outcomes."""
    given = {"personal": env["CAIRN_PERSONAL"], "personal_key": env["CAIRN_PERSONAL_KEY"], **wrong}
    settings = load(database_url=env["DATABASE_URL"], tenant=env["CAIRN_SCHEMA"], **given)
    ledger = ledger_on(settings.database_url or "", settings.tenant)
    with (
        connect(settings.database_url or "", settings.tenant, max_size=2) as pool,
        Intake(ledger, pool, personal=protection_of(settings, pool)) as intake,
    ):
        outcomes = intake.record([intake.prepare_event(body(event)) for event in events])
    ledger.close()
    return [outcome.outcome for outcome in outcomes]


def ingest(env: Env, folder: Path, *events: Any, check: bool = True) -> subprocess.CompletedProcess[str]:
    file = folder / "events.ndjson"
    file.write_text("\n".join(json.dumps(event) for event in events))
    return cairn("ingest", file, "--source", "cloudevents", "--quiet", env=env, check=check)


def personal(env: Env) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cairn("personal", "--json", env=env).stdout)
    return found


def values(env: Env) -> list[tuple[Any, ...]]:
    options = f"-c search_path={env['CAIRN_SCHEMA']}"
    with psycopg.connect(env["DATABASE_URL"], autocommit=True, options=options) as connection:
        return connection.execute("SELECT subject, value, sealed FROM personal_value").fetchall()


def test_a_subject_is_forgotten_by_command_and_the_trail_has_its_token_only(env: Env, tmp_path: Path) -> None:
    record(env, sold("SO-1", ANN, BO), sold("SO-2", CY, BO))
    assert len(values(env)) == 5
    refused = cairn("forget", ANN, env=env, check=False)
    assert (refused.returncode, "give --yes" in refused.stderr) == (1, True)
    told = cairn("forget", ANN, "--yes", "--reason", "case 17", env=env).stdout
    assert "3 values destroyed" in told
    assert not traces(told.encode())
    assert len(values(env)) == 2
    assert "was forgotten before" in cairn("forget", ANN, "--yes", env=env).stdout
    unknown = cairn("forget", "nobody", "--yes", env=env, check=False)
    assert (unknown.returncode, "nothing is kept" in unknown.stderr) == (1, True)
    (token,) = json.loads(cairn("personal", "--forgotten", "--json", env=env).stdout)
    assert token["subject"] in told
    assert (
        list_beside(Path(env["CAIRN_PERSONAL_KEY"]), env["CAIRN_SCHEMA"]).read_text()
        == f"{token['subject']}\n"
    )


def test_a_subject_may_be_named_on_standard_input(env: Env, tmp_path: Path) -> None:
    record(env, sold("SO-1", ANN, BO))
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "forget", "-", "--yes", "--json"],
        env=env, input=f"{ANN}\n", capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout)["values"] == 3


def test_what_a_restored_backup_brings_back_is_forgotten_again(env: Env, tmp_path: Path) -> None:
    record(env, sold("SO-1", ANN, BO), sold("SO-2", CY, BO))
    options = f"-c search_path={env['CAIRN_SCHEMA']}"
    with psycopg.connect(env["DATABASE_URL"], autocommit=True, options=options) as connection:
        connection.execute("CREATE TABLE kept_keys AS TABLE subject_key")
        connection.execute("CREATE TABLE kept_values AS TABLE personal_value")
        cairn("forget", ANN, "--yes", env=env)
        connection.execute("TRUNCATE subject_key, personal_value, personal_act")
        connection.execute("INSERT INTO subject_key TABLE kept_keys")
        connection.execute("INSERT INTO personal_value TABLE kept_values")
        connection.execute("DROP TABLE kept_keys, kept_values")
    assert len(values(env)) == 5
    assert "1 of 1 listed were back: 3 values" in cairn("forget", "--again", env=env).stdout
    assert personal(env) | {"rules": []} == {
        "rules": [], "subjects": 1, "values": 2, "sealed_payloads": 0, "forgotten": 1,
    }  # fmt: skip
    assert "0 of 1 listed were back" in cairn("forget", "--again", env=env).stdout


def test_a_forgotten_subject_is_allowed_again_by_command(env: Env, tmp_path: Path) -> None:
    record(env, sold("SO-1", ANN, BO))
    cairn("forget", ANN, "--yes", env=env)
    assert "kept again" in cairn("personal", "--allow", ANN, env=env).stdout
    assert list_beside(Path(env["CAIRN_PERSONAL_KEY"]), env["CAIRN_SCHEMA"]).read_text() == ""
    record(env, sold("SO-2", ANN, BO))
    assert len(values(env)) == 3


def test_quarantine_on_the_command_line_shows_it_where_the_secret_is_at_hand(
    env: Env, tmp_path: Path
) -> None:
    record(env, {**sold("SO-1", ANN, BO), "time": "soon"})
    assert ANN in cairn("quarantine", "show", "1", env=env).stdout
    without = {name: value for name, value in env.items() if not name.startswith("CAIRN_PERSONAL")}
    shown = cairn("quarantine", "show", "1", env=without).stdout
    assert "person:" in shown
    assert not traces(shown.encode())


def test_a_crash_between_sealing_and_recording_leaves_nothing_that_cannot_be_read(
    env: Env, tmp_path: Path
) -> None:
    killed = ingest({**env, "CAIRN_CRASH_AT": "before_commit"}, tmp_path, sold("SO-1", ANN, BO), check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(values(env)) == 3
    assert json.loads(ingest(env, tmp_path, sold("SO-1", ANN, BO)).stdout)["recorded"] == 1
    assert len(values(env)) == 3
    assert "3 values destroyed" in cairn("forget", ANN, "--yes", env=env).stdout
    assert not values(env)


MISTAKEN = [
    ({"personal_key": None}, "set CAIRN_PERSONAL_KEY"),
    ({"personal_key": "/nowhere/secret"}, "there is no such file"),
    ({"personal": "/nowhere/personal.yaml"}, "No such file"),
]


@pytest.mark.parametrize(("wrong", "says"), MISTAKEN)
def test_a_setting_that_cannot_be_used_is_refused_at_start(
    env: Env, wrong: dict[str, str | None], says: str
) -> None:
    with pytest.raises(SettingsRefused, match=says):
        record(env, sold("SO-1", ANN, BO), **wrong)


def test_another_secret_than_the_ledgers_own_is_refused(env: Env, tmp_path: Path) -> None:
    record(env, sold("SO-1", ANN, BO))
    cairn("personal", "--make-key", tmp_path / "other", env=env)
    refused = cairn("personal", env={**env, "CAIRN_PERSONAL_KEY": str(tmp_path / "other")}, check=False)
    assert (refused.returncode, "is not the one" in refused.stderr) == (1, True)
    again = cairn("personal", "--make-key", tmp_path / "other", env=env, check=False)
    assert (again.returncode, "left as it is" in again.stderr) == (1, True)


def test_beside_the_embedded_database_the_secret_is_made_once_and_is_missed_later(tmp_path: Path) -> None:
    (tmp_path / "personal.yaml").write_text(RULES)
    env = environment(CAIRN_DATA=str(tmp_path / "data"), CAIRN_PERSONAL=str(tmp_path / "personal.yaml"))
    ingest(env, tmp_path, sold("SO-1", ANN, BO))
    secret = tmp_path / "data" / "personal.key"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert personal(env)["values"] == 3
    secret.rename(tmp_path / "elsewhere")
    refused = cairn("personal", env=env, check=False)
    assert (refused.returncode, "restore it" in refused.stderr) == (1, True)
    assert not secret.exists()


def test_files_that_are_read_by_other_processes_have_the_same_tokens(
    env: Env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "import sys; from pathlib import Path; from adapters import importing;"
        " importing.WORTH_READERS = 0; from api.cli import main; sys.argv = sys.argv[1:]; main()"
    )
    file = tmp_path / "events.ndjson"
    events = [sold(f"SO-{n}", (ANN, CY)[n % 2], BO) for n in range(50)]
    file.write_text("\n".join([*map(json.dumps, events), '{"torn']))
    words = ["cairn", "ingest", str(file), "--source", "cloudevents", "--quiet"]
    apart = subprocess.run(
        [sys.executable, "-c", script, *words],
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(apart.stdout)["recorded"] == 50
    kept = values(env)
    here = json.loads(cairn(*words[1:], env=env).stdout)
    assert here["duplicate"] == 50
    assert values(env) == kept
    options = f"-c search_path={env['CAIRN_SCHEMA']}"
    with psycopg.connect(env["DATABASE_URL"], autocommit=True, options=options) as connection:
        bodies = [bytes(row[0]) for row in connection.execute("SELECT body FROM inbox ORDER BY id")]
    assert len(bodies) == 51
    assert not traces(b"".join(bodies))
    assert all(tokens_in(body) for body in bodies)
