"""cairn mapping and cairn quarantine, as an engineer works with them from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from adapters.postgres.migrate import migrate
from tests.api.running import cairn, environment
from tests.remapping import shop


class Desk(NamedTuple):
    """An engineer's folder: mappings in use, files, and the ledger."""

    folder: Path
    env: dict[str, str]

    def says(self, *words: str | Path, check: bool = True) -> str:
        done = cairn(*words, env=self.env, check=check)
        return done.stdout

    def install(self, text: str) -> None:
        (self.folder / "mappings" / "shop.yaml").write_text(text)


@pytest.fixture
def desk(tmp_path: Path, database_url: str, fresh_schema: str) -> Desk:
    migrate(database_url, fresh_schema)
    (tmp_path / "mappings").mkdir()
    (tmp_path / "till.jsonl").write_bytes(shop.lines(shop.RECORDS))
    env = environment(
        DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema, CAIRN_MAPPINGS=str(tmp_path / "mappings")
    )
    made = Desk(tmp_path, env)
    made.install(shop.FIRST)
    made.says("ingest", tmp_path / "till.jsonl", "--source", "shop", "--instance", "acme", "--quiet")
    return made


def test_a_mapping_is_checked_tried_previewed_and_applied(desk: Desk) -> None:
    changed = desk.folder / "changed.yaml"
    changed.write_text(shop.SECOND)
    assert "shop@2#" in desk.says("mapping", "check", changed)
    # the quarantined payment, by the file that is not in use yet
    tried = json.loads(desk.says("mapping", "try", changed, "--entry", "1", "--json"))
    assert [event["type"] for event in tried["milestones"]] == ["payment.received.v1"]
    assert tried["milestones"][0]["source"] == "/billing/shop/acme"
    shown = desk.says("mapping", "preview", changed)
    assert "8 messages read by shop@2#" in shown
    assert "/data/due_on" in shown
    assert "2026-04-15" in shown
    refused = cairn(
        "mapping", "apply", changed, "--actor", "ann", "--reason", "due", "--yes", env=desk.env, check=False
    )
    assert (refused.returncode, "CAIRN_MAPPINGS" in refused.stderr) == (1, True)
    desk.install(shop.SECOND)
    said = json.loads(desk.says("mapping", "preview", "shop", "--json"))
    done = json.loads(
        desk.says(
            "mapping",
            "apply",
            "shop",
            "--actor",
            "ann",
            "--reason",
            "due",
            "--expect",
            said["digest"],
            "--json",
        )
    )
    assert done["outcomes"] == {"ignored": 1, "recorded": 5}
    assert done["digest"] == said["digest"]
    assert "nothing" in desk.says("mapping", "apply", "shop", "--actor", "ann", "--reason", "due", "--yes")


def test_all_mistakes_of_a_mapping_are_told_by_line(desk: Desk) -> None:
    wrong = desk.folder / "wrong.yaml"
    wrong.write_text(shop.SECOND.replace("due_on:", "due_onn:").replace("payment.received", "payment.got"))
    done = cairn("mapping", "check", wrong, env=desk.env, check=False)
    assert done.returncode == 1
    numbers = {line.split(":")[1] for line in done.stdout.splitlines()}
    text = wrong.read_text().splitlines()
    for word in ("due_onn", "payment.got"):
        line = next(number for number, told in enumerate(text, 1) if word in told)
        assert str(line) in numbers
    told = json.loads(cairn("mapping", "check", wrong, "--json", env=desk.env, check=False).stdout)
    assert (told["ok"], len(told["problems"]) >= 2) == (False, True)


def test_what_a_payload_is_refused_for_is_told_with_its_place(desk: Desk) -> None:
    payload = desk.folder / "one.json"
    payload.write_text('{"type": "invoice",\n "number": 7}')
    done = cairn("mapping", "try", "shop", payload, env=desk.env, check=False)
    assert done.returncode == 1
    assert "refused: " in done.stdout
    assert " at line 1" in done.stdout or " at line 2" in done.stdout
    assert '"invoice/I-1:invoice.posted"' in desk.says("mapping", "try", "shop", "--position", "1")
    ignored = desk.folder / "order.json"
    ignored.write_text('{"type": "order"}')
    assert "ignored: not_invoiced" in desk.says("mapping", "try", "shop", ignored)


def test_every_mapping_is_listed(desk: Desk) -> None:
    found = {one["name"]: one for one in json.loads(desk.says("mapping", "list", "--json"))}
    assert (found["shop"]["version"], "chargebee" in found) == ("1", True)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("moment", ["before_commit", "after_commit", "before_answer"])
def test_an_apply_that_was_killed_is_started_again_as_it_was(
    desk: Desk, moment: str, database_url: str, fresh_schema: str
) -> None:
    many = desk.folder / "many.jsonl"
    many.write_bytes(shop.lines(shop.invoice(n, pay_by="2026-04-20") for n in range(100, 2_100)))
    desk.says("ingest", many, "--source", "shop", "--instance", "acme", "--quiet")
    desk.install(shop.SECOND)
    said = json.loads(desk.says("mapping", "preview", "shop", "--json"))
    words = ("mapping", "apply", "shop", "--actor", "ann", "--reason", "due", "--yes", "--json")
    killed = cairn(*words, env={**desk.env, "CAIRN_CRASH_AT": f"{moment}:2"}, check=False)
    assert killed.returncode == -9
    desk.says(*words)
    with psycopg.connect(database_url, options=f"-c search_path={fresh_schema}") as connection:
        corrections = connection.execute(
            "SELECT count(*), count(DISTINCT identity) FROM log WHERE topic = 'milestone.corrected.v1'"
        ).fetchone()
        conflicts = connection.execute("SELECT count(*) FROM conflict").fetchone()
    assert corrections == (said["changed"]["milestones"],) * 2 == (2_002, 2_002)
    assert conflicts == (0,)
    left = json.loads(desk.says("mapping", "preview", "shop", "--json"))
    assert left["messages"]["with_effects"] == left["refused"]["messages"] == 1


def test_the_quarantine_is_counted_shown_replayed_and_dismissed(desk: Desk) -> None:
    found = json.loads(desk.says("quarantine", "summary", "--json"))
    (group,) = found["groups"]
    assert (group["reason"], group["mapping"], group["mapping_version"], group["count"]) == (
        "object_unknown", "shop", "1", 2,
    )  # fmt: skip
    shown = desk.says("quarantine", "show", "1")
    assert '⟦1: "payment"⟧' in shown
    assert "[1] object_unknown /type at line 1" in shown
    desk.install(shop.SECOND)
    assert "changed since" in desk.says("quarantine", "list", "--changed")
    told = json.loads(desk.says("quarantine", "replay", "--mapping", "shop", "--changed", "--json"))
    assert (told["entries"], told["outcomes"]) == (2, {"quarantined": 1, "recorded": 1})
    # the refund was read by the second version now, so nothing of it has changed
    assert json.loads(desk.says("quarantine", "replay", "--changed", "--json"))["entries"] == 0
    assert "dismissed: 2" in desk.says("quarantine", "dismiss", "2", "--actor", "ann", "--note", "no money")
    assert json.loads(desk.says("quarantine", "list", "--json")) == []
    assert "no money" in desk.says("quarantine", "show", "2")
    again = cairn("quarantine", "dismiss", "1", "--actor", "ann", "--note", "x", env=desk.env, check=False)
    assert (again.returncode, "needs no dismissing" in again.stderr) == (1, True)
