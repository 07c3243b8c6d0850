"""The transparency log over HTTP: checkpoints, proofs and tiles, checked by somebody who has only the key."""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from adapters.transparency.keys import make_key, verify
from adapters.transparency.tiles import widths
from domain import leaves
from domain.merkle import check_consistency, check_inclusion, leaf_hash, root_of
from domain.notes import Checkpoint, read_checkpoint, read_key, read_note, signer_of
from tests.api.running import serving
from tests.ingest.messages import stream_of_events

BATCH = {"Content-Type": "application/cloudevents-batch+json"}


@pytest.fixture
def client(database_url: str, fresh_schema: str, tmp_path: Path) -> Iterator[httpx.Client]:
    make_key(tmp_path / "signing.key")
    with serving(
        database_url, fresh_schema, signing_key=tmp_path / "signing.key", checkpoint_seconds=0
    ) as made:
        yield made


@pytest.fixture(scope="module")
def small(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A ledger with a checkpoint of a few milestones, which no test adds to."""
    key = tmp_path_factory.mktemp("key") / "signing.key"
    make_key(key)
    schema = f"audit_{os.getpid():x}"
    try:
        with serving(server_url, schema, signing_key=key, checkpoint_seconds=0) as made:
            record(made, 10, "a")
            checkpoint(made, fresh=1)
            yield made
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def record(client: httpx.Client, number: int, tag: str) -> None:
    answer = client.post("/v1/events", json=stream_of_events(number, tag=tag), headers=BATCH)
    assert answer.status_code == 200, answer.text


def checkpoint(client: httpx.Client, **asked: Any) -> Checkpoint:
    """The checkpoint, checked with the keys of the ledger."""
    answer = client.get("/v1/audit/checkpoint", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    return checked(client, answer.content)


def checked(client: httpx.Client, note: bytes) -> Checkpoint:
    told = client.get("/v1/audit/keys").json()
    found = read_note(note)
    signer = signer_of(found, [read_key(one["key"]) for one in told["keys"]], verify)
    said = read_checkpoint(found.text)
    assert said.origin == signer.name == told["origin"]
    return said


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:cairn:problem:")


def test_a_checkpoint_and_its_proofs_are_checked_from_outside(client: httpx.Client) -> None:
    record(client, 30, "a")
    first = checkpoint(client)
    assert first.size >= 30
    record(client, 20, "b")
    assert checkpoint(client) == first, "no other until one is due or asked for"
    second = checkpoint(client, fresh=1)
    assert second.size >= 50
    # consistency
    told = client.get("/v1/audit/consistency", params={"first": first.size}).json()
    assert (told["second"], checked(client, told["checkpoint"].encode())) == (second.size, second)
    proof = [b64decode(one) for one in told["proof"]]
    check_consistency(first.size, second.size, proof, first.root, second.root)
    assert b64decode(told["first_root"]) == first.root
    # inclusion of every milestone
    for position in range(1, second.size + 1):
        told = client.get("/v1/audit/inclusion", params={"position": position}).json()
        entry = b64decode(told["entry"])
        proof = [b64decode(one) for one in told["proof"]]
        check_inclusion(leaf_hash(entry), position - 1, second.size, proof, second.root)
        assert leaves.read(entry).position == position
    # at an older size
    told = client.get("/v1/audit/inclusion", params={"position": 3, "size": first.size}).json()
    check_inclusion(
        b64decode(told["leaf_hash"]), 2, first.size, [b64decode(one) for one in told["proof"]], first.root
    )
    assert checked(client, told["checkpoint"].encode()) == first
    between = client.get("/v1/audit/inclusion", params={"position": 3, "size": 7}).json()
    assert between["checkpoint"] is None


def test_a_leaf_goes_with_what_the_milestones_page_shows(client: httpx.Client) -> None:
    record(client, 4, "a")
    told = client.get("/v1/audit/inclusion", params={"position": 2}).json()
    shown = client.get("/v1/milestones/2").json()
    body = client.get("/v1/milestones/2/payload").content
    leaf = leaves.read(b64decode(told["entry"]))
    assert told["milestone"]["recorded_at"] == shown["recorded_at"]
    assert told["milestone"]["accepted"] == leaf.accepted.hex()
    assert sha256(body).hexdigest() in str(shown)


def test_the_tiles_lead_to_the_root(client: httpx.Client) -> None:
    record(client, 600, "a")
    said = checkpoint(client, fresh=1)
    hashes: list[bytes] = []
    for number in range(said.size // 256):
        tile = client.get(f"/v1/audit/tile/0/{number:03}")
        assert (tile.status_code, len(tile.content)) == (200, 8192)
        assert tile.headers["content-type"] == "application/octet-stream"
        assert "immutable" in tile.headers["cache-control"]
        hashes += [tile.content[at : at + 32] for at in range(0, 8192, 32)]
    width = widths(said.size)[0]
    tile = client.get(f"/v1/audit/tile/0/{said.size // 256:03}.p/{width}")
    assert len(tile.content) == 32 * width
    hashes += [tile.content[at : at + 32] for at in range(0, 32 * width, 32)]
    assert root_of(hashes) == said.root
    above = client.get(f"/v1/audit/tile/1/000.p/{said.size // 256}").content
    assert above == b"".join(root_of(hashes[at : at + 256]) for at in range(0, said.size // 256 * 256, 256))


@pytest.mark.parametrize(
    "path",
    ["0/001", "0/000.p/200", "0/000.p/0", "0/000.p/256", "0/000.p/01", "0/0", "0/x000/000", "0/x000",
     "0/000/000", "8/000", "-1/000", "01/000", "a/000", "0/000.p", "0/000.p/1/", "0/٠٠٠", "0/999",
     "0/" + "x001/" * 20 + "000", "1/000", "entries/000"],
)  # fmt: skip
def test_a_tile_that_is_not_there_is_not_found(small: httpx.Client, path: str) -> None:
    assert problem(small.get(f"/v1/audit/tile/{path}")) == (404, "not-in-tree")


@pytest.mark.parametrize(
    ("path", "params", "status", "slug"),
    [
        ("inclusion", {}, 422, "parameter-refused"),
        ("inclusion", {"position": 0}, 422, "parameter-refused"),
        ("inclusion", {"position": "x"}, 422, "parameter-refused"),
        ("inclusion", {"position": 1, "sizes": 1}, 422, "parameter-refused"),
        ("inclusion", {"position": 1_000}, 404, "not-in-tree"),
        ("inclusion", {"position": 5, "size": 4}, 404, "not-in-tree"),
        ("inclusion", {"position": 1, "size": 0}, 404, "not-in-tree"),
        ("inclusion", {"position": 1, "size": 1_000}, 404, "not-in-tree"),
        ("consistency", {}, 422, "parameter-refused"),
        ("consistency", {"first": -1}, 422, "parameter-refused"),
        ("consistency", {"first": 5, "second": 4}, 404, "not-in-tree"),
        ("consistency", {"first": 5, "second": 1_000}, 404, "not-in-tree"),
        ("consistency", {"first": 1_000}, 404, "not-in-tree"),
        ("checkpoint", {"fresh": "maybe"}, 422, "parameter-refused"),
        ("checkpoints", {"limit": 0}, 422, "parameter-refused"),
        ("keys", {"x": 1}, 422, "parameter-refused"),
    ],
)
def test_a_question_that_can_not_be_answered_says_why(
    small: httpx.Client, path: str, params: dict[str, Any], status: int, slug: str
) -> None:
    assert problem(small.get(f"/v1/audit/{path}", params=params)) == (status, slug)


def test_every_checkpoint_is_listed_page_by_page(client: httpx.Client) -> None:
    made = []
    for number in range(3):
        record(client, 5, f"n{number}")
        made.append(checkpoint(client, fresh=1))
    first = client.get("/v1/audit/checkpoints", params={"limit": 2}).json()
    rest = client.get("/v1/audit/checkpoints", params={"after": first["next"]}).json()
    assert rest["next"] is None
    listed = first["checkpoints"] + rest["checkpoints"]
    assert [checked(client, one["checkpoint"].encode()) for one in listed] == made
    assert [one["size"] for one in listed] == [one.size for one in made]


def test_without_a_key_the_tree_is_there_and_nothing_is_signed(database_url: str, fresh_schema: str) -> None:
    with serving(database_url, fresh_schema) as client:
        record(client, 5, "a")
        for asked in ({}, {"fresh": 1}):
            answer = client.get("/v1/audit/checkpoint", params=asked)
            assert problem(answer) == (409, "nothing-signs")
            assert "cairn checkpoint --make-key FILE" in answer.json()["detail"]
        assert problem(client.get("/v1/audit/inclusion", params={"position": 1})) == (409, "nothing-signs")
        assert client.get("/v1/audit/keys").json()["keys"] == []


def test_a_log_that_is_switched_off_says_so(database_url: str, fresh_schema: str, tmp_path: Path) -> None:
    make_key(tmp_path / "signing.key")
    with serving(
        database_url, fresh_schema, transparency=False, signing_key=tmp_path / "signing.key"
    ) as client:
        answer = client.get("/v1/audit/checkpoint")
        assert problem(answer) == (409, "nothing-signs")
        assert "CAIRN_TRANSPARENCY=1" in answer.json()["detail"]


def test_a_key_that_is_gone_says_so(database_url: str, fresh_schema: str, tmp_path: Path) -> None:
    with serving(database_url, fresh_schema, signing_key=tmp_path / "none.key") as client:
        assert problem(client.get("/v1/audit/checkpoint")) == (409, "signing-key-refused")


def test_a_ledger_that_was_changed_is_seen_everywhere(
    client: httpx.Client, database_url: str, fresh_schema: str
) -> None:
    record(client, 10, "a")
    size = checkpoint(client, fresh=1).size
    assert client.get("/readyz").json().get("tampering") is None
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"UPDATE {fresh_schema}.log SET version = 90 WHERE position = {size}".encode())
    answer = client.get("/v1/audit/checkpoint", params={"fresh": 1})
    assert problem(answer) == (409, "ledger-changed")
    assert f"position {size} was changed" in answer.json()["detail"]
    answer = client.get("/v1/audit/inclusion", params={"position": size, "size": size})
    assert problem(answer) == (409, "ledger-changed")
    assert "tampering" in client.get("/readyz").json()
    health = client.get("/v1/health").json()
    assert health["status"] == "degraded"
    assert any("was changed" in reason for reason in health["reasons"])
    assert "cairn_tampering 1.0" in client.get("/metrics").text
    trail = client.get("/v1/audit/trail", params={"act": "checkpoint.refused"}).json()
    assert len(trail["entries"]) == 1


def test_the_first_use_of_a_key_is_in_the_audit_trail(client: httpx.Client) -> None:
    checkpoint(client, fresh=1)
    record(client, 1, "a")
    checkpoint(client, fresh=1)
    [entry] = client.get("/v1/audit/trail", params={"act": "signing_key.first_used"}).json()["entries"]
    assert entry["details"]["key"] == client.get("/v1/audit/keys").json()["keys"][0]["key"]
