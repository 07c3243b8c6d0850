"""cairn export and cairn verify from outside: what is printed, exit codes, what a failed export leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from adapters.bundles import forms
from tests.api.running import ServerProcess, cairn, environment
from tests.api.samples import order
from tests.audit import ledgers
from tests.audit.conftest import Small
from tests.audit.forging import apart


class Desk(NamedTuple):
    """A ledger with an order, and the environment of commands on it."""

    env: dict[str, str]
    folder: Path


@pytest.fixture
def desk(database_url: str, fresh_schema: str, tmp_path: Path) -> Desk:
    with ledgers.desk(database_url, fresh_schema, tmp_path) as at:
        at.record(order("SO-1"))
    env = environment(
        DATABASE_URL=database_url,
        CAIRN_SCHEMA=fresh_schema,
        CAIRN_SIGNING_KEY=str(tmp_path / "signing.key"),
    )
    return Desk(env, tmp_path)


@pytest.fixture
def offline(small: Small, tmp_path: Path) -> Desk:
    """A folder with bundles, and an environment that leads to no ledger."""
    (tmp_path / "whole.cairn").write_bytes(small.whole)
    (tmp_path / "earlier.cairn").write_bytes(small.earlier)
    (tmp_path / "key.txt").write_text(small.key.text + "\n")
    (tmp_path / "later.txt").write_text(small.later)
    changed = bytearray(small.whole)
    changed[small.whole.index(b"accepted-1")] ^= 1
    (tmp_path / "changed.cairn").write_bytes(bytes(changed))
    return Desk(environment(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing"), tmp_path)


def test_a_report_of_the_command_line_proves_itself_too(desk: Desk) -> None:
    report, bundle = desk.folder / "billing.json", desk.folder / "books.cairn"
    asked = ("report", "backlog", "--at", "2026-06-30", "--by", "deal")
    report.write_text(cairn(*asked, "--proof", env=desk.env).stdout)
    cairn("export", "--audit", bundle, env=desk.env)
    done = cairn("verify", bundle, "--report", report, env=environment())
    assert "the log, folded again, gives the same bytes" in done.stdout
    refused = cairn(*asked, "--proof", "--format", "csv", env=desk.env, check=False)
    assert (refused.returncode, "a proof goes with json" in refused.stderr) == (2, True)


def test_a_bundle_is_exported_and_verified(desk: Desk) -> None:
    bundle = desk.folder / "books.cairn"
    told = cairn("export", "--audit", bundle, env=desk.env).stdout
    key = next(line for line in told.splitlines() if line.startswith("key: ")).removeprefix("key: ")
    assert bundle.stat().st_mode & 0o077 == 0
    assert [path.name for path in desk.folder.glob(".books*")] == []
    said = cairn("verify", bundle, "--key", key, env=environment()).stdout
    assert said.startswith("verified: nothing in it was rewritten")
    assert key in said
    told = cairn("trail", "--act", "bundle.exported", "--format", "json", env=desk.env).stdout
    assert json.loads(told)["entries"][0]["details"]["payloads"] == "whole"


def test_bodies_can_be_left_out(desk: Desk) -> None:
    bundle = desk.folder / "digests.cairn"
    cairn("export", "--audit", bundle, "--no-payloads", env=desk.env)
    assert b"SVC" not in apart(bundle.read_bytes())[forms.PAYLOADS]
    said = json.loads(cairn("verify", bundle, "--json", env=environment()).stdout)
    assert (said["verified"], said["payloads"], said["reread"]) == (True, "digests", 0)


def test_verify_needs_no_ledger_and_says_what_is_not_proved(offline: Desk) -> None:
    said = json.loads(cairn("verify", offline.folder / "whole.cairn", "--json", env=offline.env).stdout)
    assert said["verified"] is True
    assert said["key_given"] is False
    assert len(said["not_proved"]) == 2
    key, later = offline.folder / "key.txt", offline.folder / "later.txt"
    said = json.loads(
        cairn(
            "verify", offline.folder / "whole.cairn", "--key", key, "--checkpoint", later, "--json",
            env=offline.env,
        ).stdout
    )  # fmt: skip
    assert said["not_proved"] == []


def test_what_is_wrong_is_named_with_exit_code_1(offline: Desk) -> None:
    done = cairn("verify", offline.folder / "changed.cairn", env=offline.env, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("WRONG\n  payloads.ndjson, message 2: its body is not the one")
    assert "besides, payloads.ndjson: its content is not what the manifest lists" in done.stdout
    done = cairn("verify", offline.folder / "changed.cairn", "--json", env=offline.env, check=False)
    told = json.loads(done.stdout)
    assert (done.returncode, told["verified"]) == (1, False)
    assert (told["wrong"]["member"], told["wrong"]["place"]) == ("payloads.ndjson", "message 2")


def test_an_older_state_is_found_by_a_checkpoint(offline: Desk) -> None:
    later = offline.folder / "later.txt"
    done = cairn(
        "verify", offline.folder / "earlier.cairn", "--checkpoint", later, env=offline.env, check=False
    )
    assert done.returncode == 1
    assert "rolled back" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing.cairn"], "nothing.cairn"),
        (["whole.cairn", "--key", "no-such-file"], "--key"),
        (["whole.cairn", "--checkpoint", "nothing.txt"], "nothing.txt"),
        (["whole.cairn", "--report", "whole.cairn"], "no report with a proof"),
        (["key.txt"], "container"),
    ],
)
def test_what_cannot_be_checked_ends_in_one_line(offline: Desk, words: list[str], told: str) -> None:
    done = cairn("verify", *words, env=offline.env, cwd=offline.folder, check=False)
    assert done.returncode == 1
    assert told in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_without_a_key_that_signs_export_says_what_to_do_and_leaves_nothing(desk: Desk) -> None:
    env = {name: value for name, value in desk.env.items() if name != "CAIRN_SIGNING_KEY"}
    done = cairn("export", "--audit", desk.folder / "none.cairn", env=env, check=False)
    assert done.returncode == 1
    assert "cairn checkpoint --make-key" in done.stderr
    assert list(desk.folder.glob("*none*")) == []


def test_an_export_that_fails_leaves_the_file_that_was_there(desk: Desk, database_url: str) -> None:
    bundle = desk.folder / "books.cairn"
    bundle.write_bytes(b"the last one")
    gone = {**desk.env, "CAIRN_SIGNING_KEY": str(desk.folder / "gone.key")}
    assert cairn("export", "--audit", bundle, env=gone, check=False).returncode == 1
    assert bundle.read_bytes() == b"the last one"
    assert list(desk.folder.glob(".books*")) == []
    nowhere = desk.folder / "no" / "books.cairn"
    done = cairn("export", "--audit", nowhere, env=desk.env, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


def test_a_report_taken_home_is_the_same_in_a_database_of_its_own(desk: Desk) -> None:
    """The whole way, as in docs/audit.md: a server, two requests, and a machine without the ledger."""
    with ServerProcess(env={**desk.env, "CAIRN_TOKEN": "the-operators-token"}, command="serve") as server:
        client = server.client
        params = {"at": "2026-06-30", "by": "deal", "proof": "true", "at_least": "1"}
        report = desk.folder / "backlog.json"
        report.write_bytes(client.get("/v1/reports/backlog", params=params).content)
        bundle = desk.folder / "books.cairn"
        bundle.write_bytes(client.get("/v1/audit/bundle").content)
        key = client.get("/v1/audit/keys").json()["keys"][0]["key"]
    done = cairn("verify", bundle, "--report", report, "--key", key, env=environment())
    assert done.stdout.startswith("verified: the report follows from the log")
    assert "the same bytes" in done.stdout
    told = json.loads(report.read_bytes())
    told["rows"][0]["unbilled"] = "999.00"
    report.write_text(json.dumps(told))
    done = cairn("verify", bundle, "--report", report, "--json", env=environment(), check=False)
    assert done.returncode == 1
    said = json.loads(done.stdout)["report"]
    (difference,) = said["differences"]
    assert difference.startswith("rows, deal erp/netsuite/acme:order:SO-1 currency EUR, unbilled: ")
    assert difference.endswith("the report says '999.00', the log gives '1000.00'")
