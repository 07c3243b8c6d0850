"""Checkpoints kept elsewhere: what denies the ledger is never overwritten, and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from adapters.transparency import publishing, signing
from adapters.transparency.keys import Signer, make_key
from adapters.transparency.publishing import PublishFailed, fetch, publish
from adapters.transparency.signing import Made, Tampered
from adapters.transparency.tiles import Tree
from tests.feeds.server import Answer, Asked, source_server
from tests.transparency.conftest import Record, grow


@pytest.fixture
def sign(connection: Connection[Any], record: Record, signer: Signer) -> Any:
    def more(number: int) -> Made:
        record(number)
        grow(connection)
        return signing.sign(connection, signer)

    return more


class Board:
    """A web server's one resource."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.status = 200

    def answer(self, asked: Asked) -> Answer:
        if self.status != 200:
            return Answer(self.status)
        if asked.method == "PUT":
            self.content = asked.body
            return Answer(204)
        return Answer(404) if self.content is None else Answer(200, self.content)


@contextmanager
def board() -> Iterator[tuple[Board, str]]:
    made = Board()
    with source_server(made.answer) as server:
        yield made, f"{server.url}/log/checkpoint"


@pytest.fixture(params=["file", "address"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield str(tmp_path / "published")
        return
    with board() as (_, url):
        yield url


def test_what_is_published_is_the_checkpoint_to_the_byte(
    connection: Connection[Any], sign: Any, place: str
) -> None:
    made = sign(5)
    assert fetch(place) is None
    assert publish(place, made.note, Tree.now(connection))
    assert fetch(place) == made.note.encode()
    assert not publish(place, made.note, Tree.now(connection))
    later = sign(3)
    assert publish(place, later.note, Tree.now(connection))
    assert fetch(place) == later.note.encode()


def test_a_ledger_that_is_behind_what_is_published_was_rolled_back(
    connection: Connection[Any], owner: Connection[Any], sign: Any, place: str
) -> None:
    old = sign(5)
    state = owner.execute("SELECT size, edge FROM tree_state").fetchone()
    assert state is not None
    published = sign(3).note
    publish(place, published, Tree.now(connection))
    owner.execute("UPDATE tree_state SET size = %s, edge = %s", state)
    with pytest.raises(
        Tampered, match=r"rolled back: the checkpoint that is published at .* of 8 .* holds 5"
    ):
        publish(place, old.note, Tree.now(connection))
    assert fetch(place) == published.encode()


def test_a_ledger_with_another_past_than_is_published_was_rewritten(
    connection: Connection[Any], owner: Connection[Any], sign: Any, place: str, tmp_path: Path
) -> None:
    published = sign(5).note
    publish(place, published, Tree.now(connection))
    # given a forger who holds every right on the database, and a key of their own
    owner.execute("UPDATE log SET version = 77 WHERE position = 2")
    owner.execute("UPDATE tree_state SET size = 0, edge = ''")
    owner.execute("DELETE FROM tree_checkpoint")
    grow(connection)
    make_key(tmp_path / "forged.key")
    forged = signing.sign(connection, Signer(tmp_path / "forged.key", "cairn/test/0a1b2c3d"))
    with pytest.raises(Tampered, match=r"rewritten: .* of 5 milestones"):
        publish(place, forged.note, Tree.now(connection))
    assert fetch(place) == published.encode()


def test_a_place_that_holds_something_else_is_left_alone(
    connection: Connection[Any], sign: Any, tmp_path: Path
) -> None:
    made = sign(2)
    place = tmp_path / "notes.txt"
    place.write_text("shopping list\n")
    with pytest.raises(PublishFailed, match="something else than a checkpoint"):
        publish(str(place), made.note, Tree.now(connection))
    assert place.read_text() == "shopping list\n"


def test_a_place_of_another_log_is_left_alone(
    connection: Connection[Any], sign: Any, tmp_path: Path, signer: Signer
) -> None:
    made = sign(2)
    place = tmp_path / "published"
    other = made.note.replace("cairn/test/0a1b2c3d", "cairn/other/0a1b2c3d")
    place.write_text(other)
    # then it counts as a denial: the database, from which the name comes, may have been given another one
    with pytest.raises(Tampered, match=r"of another log, cairn/other/0a1b2c3d, .* name another place if"):
        publish(str(place), made.note, Tree.now(connection))
    assert place.read_text() == other


def test_an_older_checkpoint_does_not_replace_a_later_one(
    connection: Connection[Any], sign: Any, place: str
) -> None:
    old = sign(2)
    later = sign(2)
    publish(place, later.note, Tree.now(connection))
    with pytest.raises(PublishFailed, match="a later checkpoint already"):
        publish(place, old.note, Tree.now(connection))
    assert fetch(place) == later.note.encode()


def test_a_place_that_does_not_work_is_named_without_its_secrets(
    connection: Connection[Any], sign: Any, tmp_path: Path
) -> None:
    made = sign(2)
    with board() as (behind, url):
        behind.status = 503
        secret = url.replace("http://", "http://user:hunter2@") + "?key=hunter2"
        with pytest.raises(PublishFailed, match="answers 503") as refusal:
            publish(secret, made.note, Tree.now(connection))
        assert "hunter2" not in str(refusal.value)
    with pytest.raises(PublishFailed, match="can't be read") as gone:
        publish(secret, made.note, Tree.now(connection))
    assert "hunter2" not in str(gone.value)
    with pytest.raises(PublishFailed, match="can't be written"):
        publish(str(tmp_path / "no" / "folder"), made.note, Tree.now(connection))
    with pytest.raises(PublishFailed, match="can't be read"):
        publish(str(tmp_path), made.note, Tree.now(connection))


def test_an_endless_answer_is_not_read_to_its_end(tmp_path: Path) -> None:
    with board() as (behind, url):
        behind.content = b"x" * 5_000_000
        found = fetch(url)
        assert found is not None
        assert len(found) < 2_000_000
    (tmp_path / "long").write_bytes(b"x" * 5_000_000)
    found = fetch(str(tmp_path / "long"))
    assert found is not None
    assert len(found) < 2_000_000


def test_an_address_is_shown_without_what_it_may_hide() -> None:
    assert publishing.shown("https://u:p@log.example:8443/a/b?t=s#x") == "https://log.example:8443/a/b"
    assert publishing.shown("/var/lib/cairn/checkpoint") == "/var/lib/cairn/checkpoint"
