"""`cairn checkpoint`, and the builder beside `cairn serve`, as people run them."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from adapters.transparency.keys import verify
from domain.notes import Checkpoint, read_checkpoint, read_key, read_note, signer_of
from tests.api.running import ServerProcess, cairn, environment
from tests.feeds.server import Answer, Asked, source_server
from tests.ingest.messages import stream_of_events
from tests.transparency.test_http import BATCH


def ingest(env: dict[str, str], path: Path, number: int, tag: str) -> None:
    path.write_text("\n".join(json.dumps(one) for one in stream_of_events(number, tag=tag)) + "\n")
    cairn("ingest", path, "--source", "cloudevents", env=env)


def run(*words: str | Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return cairn("checkpoint", *words, env=env, check=False)


@pytest.fixture
def env(database_url: str, fresh_schema: str, tmp_path: Path) -> dict[str, str]:
    """A ledger on a server that is not ours, with a signing key and some milestones."""
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    cairn("migrate", env=env)
    done = run("--make-key", tmp_path / "signing.key", env=env)
    assert done.stdout.startswith("made "), done.stderr
    env["CAIRN_SIGNING_KEY"] = str(tmp_path / "signing.key")
    ingest(env, tmp_path / "a.ndjson", 20, "a")
    return env


def checked(env: dict[str, str], note: str) -> Checkpoint:
    keys = [read_key(line.split()[0]) for line in run("--keys", env=env).stdout.splitlines()]
    found = read_note(note.encode())
    assert signer_of(found, keys, verify) in keys
    return read_checkpoint(found.text)


def test_a_checkpoint_is_printed_made_anew_and_written(env: dict[str, str], tmp_path: Path) -> None:
    first = run(env=env)
    size = checked(env, first.stdout).size
    assert size >= 20
    assert run(env=env).stdout == first.stdout
    fresh = run("--fresh", env=env)
    assert checked(env, fresh.stdout).size > size, "the key's first use is in the log by now"
    done = run("--out", tmp_path / "kept", env=env)
    assert "wrote a checkpoint of" in done.stdout
    assert (tmp_path / "kept").read_text() == fresh.stdout


def test_a_ledger_that_goes_on_from_a_kept_checkpoint_says_so(env: dict[str, str], tmp_path: Path) -> None:
    run("--fresh", "--out", tmp_path / "kept", env=env)
    ingest(env, tmp_path / "b.ndjson", 5, "b")
    done = run("--against", tmp_path / "kept", env=env)
    assert done.returncode == 0, done.stderr
    assert "goes on from the checkpoint of 20" in done.stdout
    key = run("--keys", env=env).stdout.split()[0]
    assert run("--against", tmp_path / "kept", "--key", key, env=env).returncode == 0
    with source_server(lambda asked: Answer(200, (tmp_path / "kept").read_bytes())) as server:
        assert run("--against", f"{server.url}/kept", env=env).returncode == 0


def test_what_a_checkpoint_can_not_be_compared_with_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    run("--fresh", "--out", tmp_path / "kept", env=env)
    other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    (tmp_path / "changed").write_text((tmp_path / "kept").read_text().replace("\n20\n", "\n21\n"))
    (tmp_path / "text").write_text("hello\n")
    for words, said in (
        (("--against", tmp_path / "none"), "there is no checkpoint at"),
        (("--against", tmp_path / "text"), "the note has no signatures"),
        (("--against", tmp_path / "changed"), "is not right: the text was changed"),
        (("--against", tmp_path / "kept", "--key", other), "none of the known keys signed"),
        (("--against", tmp_path / "kept", "--key", "x"), "a key should be its name"),
        (("--make-key", tmp_path / "signing.key"), "is there already"),
    ):
        done = run(*words, env=env)
        assert (done.returncode, done.stdout) == (1, ""), words
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_ledger_that_was_changed_fails_every_check(
    env: dict[str, str], database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    run("--fresh", "--out", tmp_path / "kept", env=env)
    done = run("--recheck", env=env)
    assert done.stdout.startswith("20 milestones are what was hashed, and what the last checkpoint (20)")
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"UPDATE {fresh_schema}.log SET version = 90 WHERE position = 4".encode())
        done = run("--recheck", env=env)
        assert (done.returncode, done.stdout) == (1, "")
        assert "position 4 was changed" in done.stderr
        # somebody builds the tree anew
        owner.execute(f"UPDATE {fresh_schema}.tree_state SET size = 0, edge = ''".encode())
    done = run("--against", tmp_path / "kept", env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the ledger was rewritten: the checkpoint at" in done.stderr
    done = run("--fresh", env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the ledger was rewritten: the last checkpoint that is kept" in done.stderr


def test_what_the_signer_remembers_is_compared_by_every_check(
    env: dict[str, str], database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    run("--fresh", env=env)
    assert "checkpoints in all: 1, each is how this tree was" in run("--recheck", env=env).stdout
    bare = {name: value for name, value in env.items() if name != "CAIRN_SIGNING_KEY"}
    assert "no signing key is here" in run("--recheck", env=bare).stdout
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"DELETE FROM {fresh_schema}.tree_checkpoint".encode())
        owner.execute(f"DELETE FROM {fresh_schema}.tree_key".encode())
    for words in ((), ("--recheck",), ("--fresh",)):
        done = run(*words, env=env)
        assert (done.returncode, done.stdout) == (1, ""), words
        assert "checkpoints were removed or changed" in done.stderr
    done = cairn("export", "--audit", tmp_path / "books.cairn", env=env, check=False)
    assert done.returncode == 1
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"UPDATE {fresh_schema}.tree_mark SET mark = '00000000'".encode())
    done = run("--fresh", env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the ledger was given another name" in done.stderr


def test_a_bundle_is_not_made_where_an_old_checkpoint_was_changed(
    env: dict[str, str], database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    run("--fresh", env=env)
    run("--fresh", env=env)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"DELETE FROM {fresh_schema}.tree_checkpoint WHERE id = 1".encode())
    for words in (("checkpoint", "--recheck"), ("export", "--audit", tmp_path / "books.cairn")):
        done = cairn(*words, env=env, check=False)
        assert (done.returncode, done.stdout) == (1, ""), words
        assert "does not follow the one before it" in done.stderr
    assert not (tmp_path / "books.cairn").exists()


def test_a_tree_is_made_anew_by_command(env: dict[str, str], database_url: str, fresh_schema: str) -> None:
    run("--fresh", env=env)
    with psycopg.connect(database_url, autocommit=True) as owner:
        flip = f"UPDATE {fresh_schema}.tree_state SET edge = set_byte(edge, 5, 255 - get_byte(edge, 5))"
        owner.execute(flip.encode())
    assert "the tree's tile 0/0 was changed" in run("--recheck", env=env).stderr
    done = run("--rebuild-tree", env=env)
    assert "milestones was made anew, and is what was signed" in done.stdout, done.stderr
    assert run("--recheck", env=env).returncode == 0


def test_without_a_key_the_command_says_how_to_get_one(env: dict[str, str]) -> None:
    bare = {name: value for name, value in env.items() if name != "CAIRN_SIGNING_KEY"}
    done = run(env=bare)
    assert done.returncode == 1
    assert "cairn checkpoint --make-key FILE" in done.stderr


# ---- beside a server


def eventually(question: Any, wanted: Any = True, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while (found := question()) != wanted:
        assert time.monotonic() < until, found
        time.sleep(0.05)


def sealer(server: ServerProcess) -> psutil.Process:
    [found] = [
        child for child in psutil.Process(server.process.pid).children() if "api.sealing" in child.cmdline()
    ]
    return found


def test_a_server_of_its_own_signs_by_itself_and_publishes(tmp_path: Path) -> None:
    published = tmp_path / "published"
    env = environment(
        CAIRN_DATA=str(tmp_path / "data"), CAIRN_CHECKPOINT_SECONDS="1", CAIRN_PUBLISH=str(published)
    )
    with ServerProcess(env=env) as server:
        server.client.post("/v1/events", json=stream_of_events(10, tag="a"), headers=BATCH)

        def size() -> int:
            return read_checkpoint(read_note(published.read_bytes()).text).size if published.exists() else 0

        eventually(lambda: size() >= 10)
        assert (tmp_path / "data" / "signing.key").stat().st_mode & 0o777 == 0o600
        # the builder dies, is started again, and goes on
        sealer(server).send_signal(signal.SIGKILL)
        server.client.post("/v1/events", json=stream_of_events(10, tag="b"), headers=BATCH)
        eventually(lambda: size() >= 20)
        # a published checkpoint that denies the ledger stays, and is told
        forged = published.read_text().replace(f"\n{size()}\n", "\n4000\n")
        published.write_text(forged)
        server.client.post("/v1/events", json=stream_of_events(2, tag="c"), headers=BATCH)
        eventually(lambda: "denied" in server.client.get("/v1/health").json()["transparency"])
        assert published.read_text() == forged
        health = server.client.get("/v1/health").json()
        assert any("rolled back" in reason for reason in health["reasons"])

        def told() -> list[Any]:
            asked = {"act": "checkpoint.refused"}
            found: list[Any] = server.client.get("/v1/audit/trail", params=asked).json()["entries"]
            return found

        eventually(lambda: len(told()), 1)
        assert "rolled back" in told()[0]["details"]["why"]


def test_a_milestone_that_was_changed_long_ago_is_found_by_the_patrol(
    database_url: str, fresh_schema: str, tmp_path: Path
) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema, CAIRN_TOKEN="0123456789abcdef")
    cairn("migrate", env=env)
    ingest(env, tmp_path / "a.ndjson", 900, "a")
    with ServerProcess(env=env) as server:
        eventually(lambda: server.client.get("/v1/health").json()["transparency"]["size"] >= 900)
        with psycopg.connect(database_url, autocommit=True) as owner:
            owner.execute(f"UPDATE {fresh_schema}.log SET version = 90 WHERE position = 4".encode())
            eventually(lambda: "changed" in server.client.get("/v1/health").json()["transparency"])
            assert "position 4 was changed" in server.client.get("/v1/health").text
            owner.execute(f"UPDATE {fresh_schema}.log SET version = 2 WHERE position = 4".encode())
        eventually(lambda: "changed" not in server.client.get("/v1/health").json()["transparency"])
        shown = json.dumps([child.cmdline() for child in psutil.Process(server.process.pid).children()])
        assert database_url not in shown


def test_a_server_that_is_killed_leaves_a_tree_that_goes_on(tmp_path: Path) -> None:
    env = environment(CAIRN_DATA=str(tmp_path / "data"), CAIRN_CHECKPOINT_SECONDS="1")
    with ServerProcess(env=env) as server:
        server.client.post("/v1/events", json=stream_of_events(300, tag="a"), headers=BATCH)
        server.kill()
    with ServerProcess(env=env) as server:
        server.client.post("/v1/events", json=stream_of_events(300, tag="b"), headers=BATCH)
        said = read_checkpoint(read_note(server.client.get("/v1/audit/checkpoint?fresh=1").content).text)
        assert said.size >= 600
    done = run("--recheck", env=env)
    assert done.returncode == 0, done.stderr


def test_an_unwatched_address_is_asked_to_keep_it(tmp_path: Path) -> None:
    kept: list[bytes] = []

    def answer(asked: Asked) -> Answer:
        if asked.method == "PUT":
            kept.append(asked.body)
            return Answer(201)
        return Answer(200, kept[-1]) if kept else Answer(404)

    with source_server(answer) as board:
        env = environment(
            CAIRN_DATA=str(tmp_path / "data"),
            CAIRN_CHECKPOINT_SECONDS="1",
            CAIRN_PUBLISH=f"{board.url}/acme/checkpoint",
        )
        with ServerProcess(env=env) as server:
            server.client.post("/v1/events", json=stream_of_events(10, tag="a"), headers=BATCH)
            eventually(lambda: bool(kept))
        assert read_checkpoint(read_note(kept[-1]).text).size >= 10
