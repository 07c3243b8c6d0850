"""Checkpoints: what is signed, by whom, and that nothing is signed that denies what was."""

from __future__ import annotations

import logging
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from adapters.transparency import signing
from adapters.transparency.keys import Signer, SigningKeyRefused, make_key, verify
from adapters.transparency.signing import Tampered
from adapters.transparency.tiles import Tree
from domain.merkle import EMPTY_ROOT
from domain.notes import read_checkpoint, read_note, signer_of
from tests.transparency.conftest import ORIGIN, Record, grow


def test_a_checkpoint_says_what_the_tree_has_come_to(
    connection: Connection[Any], record: Record, signer: Signer
) -> None:
    record(20)
    grow(connection)
    made = signing.sign(connection, signer)
    note = read_note(made.note.encode())
    assert signer_of(note, [signer.key], verify) == signer.key
    said = read_checkpoint(note.text)
    assert (said.origin, said.size, said.root) == (ORIGIN, 20, Tree.now(connection).root())
    assert (made.size, made.root) == (said.size, said.root)
    assert signing.newest(connection) == made
    assert [(used.key, used.from_size) for used in signing.keys(connection)] == [(signer.key, 20)]


def test_an_empty_ledger_can_be_signed_too(connection: Connection[Any], signer: Signer) -> None:
    made = signing.sign(connection, signer)
    assert (made.size, made.root) == (0, EMPTY_ROOT)


def test_nothing_new_is_not_signed_again(connection: Connection[Any], record: Record, signer: Signer) -> None:
    record(3)
    grow(connection)
    first = signing.sign(connection, signer)
    assert signing.sign(connection, signer) == first
    record(1)
    grow(connection)
    assert signing.sign(connection, signer).id > first.id
    assert [one.size for one in signing.listed(connection, 0, 10)] == [3, 4]


def test_another_key_signs_from_then_on_and_both_are_listed(
    connection: Connection[Any], record: Record, signer: Signer, tmp_path: Path
) -> None:
    record(3)
    grow(connection)
    used: list[int] = []
    signing.sign(connection, signer, first_use=lambda key, size: used.append(size))
    make_key(tmp_path / "next.key")
    second = Signer(tmp_path / "next.key", ORIGIN)
    record(2)
    grow(connection)
    made = signing.sign(connection, second, first_use=lambda key, size: used.append(size))
    signing.sign(connection, second, first_use=lambda key, size: used.append(size))
    assert used == [3, 5]
    assert [(one.key, one.from_size) for one in signing.keys(connection)] == [
        (signer.key, 3),
        (second.key, 5),
    ]
    for one in signing.listed(connection, 0, 10):
        assert signer_of(read_note(one.note.encode()), [signer.key, second.key], verify)
    assert signer_of(read_note(made.note.encode()), [second.key], verify) == second.key


def test_another_key_signs_the_same_size_again(
    connection: Connection[Any], record: Record, signer: Signer, tmp_path: Path
) -> None:
    record(3)
    grow(connection)
    first = signing.sign(connection, signer)
    make_key(tmp_path / "next.key")
    second = signing.sign(connection, Signer(tmp_path / "next.key", ORIGIN))
    assert (second.size, second.root) == (first.size, first.root)
    assert second.note != first.note
    assert signing.of_size(connection, 3) == second


# ---- what was changed is not signed

CHANGES = {
    "a state": "UPDATE log SET state = state || '\\x00' WHERE position = {last}",
    "a state of the same length": "UPDATE log SET state = set_byte(state, 5, 1 + get_byte(state, 5) % 100)"
    " WHERE position = {last}",
    "a topic": "UPDATE log SET topic = 'deal.lost.v1' WHERE position = {last}",
    "a stream": "UPDATE log SET stream = stream - 1, version = 900 WHERE position = {last}",
    "a version": "UPDATE log SET version = version + 1 WHERE position = {last}",
    "an identity": "UPDATE log SET identity = gen_random_uuid() WHERE position = {last}",
    "a digest": "UPDATE log SET digest = sha256(digest) WHERE position = {last}",
    "a recorded time": "UPDATE log_commit SET recorded_at = recorded_at + interval '1 microsecond'"
    " WHERE last = {last}",
    "a received time": "UPDATE inbox SET received_at = received_at - interval '1 microsecond'"
    " WHERE id = {last}",
    "a source": "UPDATE inbox SET source = '/crm/other/x' WHERE id = {last}",
    "a content type": "UPDATE inbox SET content_type = 'text/plain' WHERE id = {last}",
    "headers": "UPDATE inbox SET headers = '{{}}' WHERE id = {last}",
    "a mapping": "UPDATE inbox SET mapping = 'other@1/x' WHERE id = {last}",
    "by which mapping it was read again": "INSERT INTO remapped (position, mapping) VALUES ({last}, 'x@1/y')",
    "a body with its digest": "UPDATE inbox SET body = 'other', digest = sha256('other') WHERE id = {last}",
    "a body alone": "UPDATE inbox SET body = 'other' WHERE id = {last}",
    "another message": "UPDATE log SET inbox = inbox - 1 WHERE position = {last}",
    "two that were swapped": "ALTER TABLE log DROP CONSTRAINT log_numbers;"
    "UPDATE log SET position = -position WHERE position > {last} - 2;"
    "UPDATE log SET position = 2 * {last} - 1 + position WHERE position < 0",
    "the last one, deleted": "DELETE FROM log WHERE position = {last}",
    "the last one, deleted with its commit": "DELETE FROM log WHERE position = {last};"
    "UPDATE log_commit SET last = last - 1 WHERE last = {last}",
    "a commit, deleted": "DELETE FROM log_commit WHERE last = {last}",
    "a message, deleted": "DELETE FROM inbox WHERE id = {last}",
    "a leaf in the tree": "UPDATE tree_state SET edge = set_byte(edge, 3, 255 - get_byte(edge, 3))",
    "a full tile of leaves": "UPDATE tree_tile"
    " SET hashes = set_byte(hashes, 8190, get_byte(hashes, 8190) # 1) WHERE level = 0",
    "a tile, deleted": "DELETE FROM tree_tile",
    "the tree's size": "UPDATE tree_state SET size = size - 1, edge = substr(edge, 1, length(edge) - 32)",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_ledger_that_was_changed_past_the_application_is_not_signed(
    connection: Connection[Any],
    owner: Connection[Any],
    record: Record,
    signer: Signer,
    change: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    record(300, each=10)
    grow(connection)
    before = signing.sign(connection, signer)
    # given somebody with every right on the database
    owner.execute(change.format(last=300).encode())
    # when the next checkpoint is due, or anything else is recorded
    with pytest.raises(Tampered) as refusal, caplog.at_level(logging.ERROR):
        signing.sign(connection, signer)
    # then nothing is signed, and everybody can see why
    assert refusal.value.is_new
    assert signing.newest(connection) == before
    assert signing.troubles(connection).refused == str(refusal.value)
    assert "no checkpoint is signed" in caplog.text
    with pytest.raises(Tampered) as again:
        signing.sign(connection, signer)
    assert not again.value.is_new


def test_what_is_put_back_is_signed_again(
    connection: Connection[Any], owner: Connection[Any], record: Record, signer: Signer
) -> None:
    record(10, each=10)
    grow(connection)
    signing.sign(connection, signer)
    owner.execute("UPDATE log SET version = version + 1 WHERE position = 10")
    with pytest.raises(Tampered):
        signing.sign(connection, signer)
    owner.execute("UPDATE log SET version = version - 1 WHERE position = 10")
    signing.sign(connection, signer)
    assert signing.troubles(connection) == signing.Troubles()


def rebuilt(owner: Connection[Any]) -> None:
    """The tree thrown away, so that it is built anew from what is in the log now."""
    owner.execute("DELETE FROM tree_tile")
    owner.execute("UPDATE tree_state SET size = 0, edge = ''")


def test_a_tree_that_was_hashed_again_after_a_change_is_not_signed(
    connection: Connection[Any], owner: Connection[Any], record: Record, signer: Signer
) -> None:
    record(300, each=10)
    grow(connection)
    signing.sign(connection, signer)
    owner.execute("UPDATE log SET version = 500 WHERE position = 2")
    rebuilt(owner)
    record(5)
    grow(connection)
    with pytest.raises(Tampered, match=r"rewritten: .* 300 milestones"):
        signing.sign(connection, signer)


def test_not_even_where_the_checkpoints_went_with_it(
    connection: Connection[Any], owner: Connection[Any], record: Record, signer: Signer
) -> None:
    record(30, each=10)
    grow(connection)
    signing.sign(connection, signer)
    owner.execute("UPDATE log SET version = 500 WHERE position = 2")
    rebuilt(owner)
    owner.execute("DELETE FROM tree_checkpoint")
    owner.execute("DELETE FROM tree_key")
    grow(connection)
    with pytest.raises(Tampered, match=rf"rewritten: .*{signer.memory.name}.* 30 milestones"):
        signing.sign(connection, signer)


def test_another_name_in_the_database_is_no_way_around(
    connection: Connection[Any], owner: Connection[Any], record: Record, signer: Signer
) -> None:
    record(30, each=10)
    grow(connection)
    signing.sign(connection, Signer(signer.path, "cairn/test/00000001", "schema test"))
    # given a history that was rewritten, everything that was signed taken away, and another mark
    owner.execute("UPDATE log_commit SET recorded_at = recorded_at - interval '1 day'")
    rebuilt(owner)
    owner.execute("DELETE FROM tree_checkpoint; DELETE FROM tree_key")
    grow(connection)
    renamed = Signer(signer.path, "cairn/test/00000002", "schema test")
    with pytest.raises(Tampered, match=r"another name: .*00000001, and the database says .*00000002"):
        signing.sign(connection, renamed)
    assert signing.newest(connection) is None
    # unless the operator says so: the memory is removed, or the name is given from outside
    assert signing.sign(connection, Signer(signer.path, "acme/books")).size == 30
    renamed.memory.unlink()
    assert signing.sign(connection, renamed).size == 30


def test_a_key_serves_several_ledgers(connection: Connection[Any], record: Record, signer: Signer) -> None:
    record(3)
    grow(connection)
    signing.sign(connection, Signer(signer.path, "cairn/a/00000001", "schema a"))
    assert Signer(signer.path, "cairn/b/00000001", "schema b").remembered() is None


def test_the_last_checkpoint_can_not_be_taken_away_while_the_tree_stays(
    connection: Connection[Any], owner: Connection[Any], record: Record, signer: Signer
) -> None:
    for _ in range(2):
        record(10)
        grow(connection)
        signing.sign(connection, signer)
    owner.execute("DELETE FROM tree_checkpoint WHERE size = 20")
    with pytest.raises(Tampered, match=r"checkpoints were removed or changed: .* is not among those"):
        signing.sign(connection, signer)


def test_a_memory_that_was_not_written_is_made_up_for(
    connection: Connection[Any], record: Record, signer: Signer
) -> None:
    record(3)
    grow(connection)
    made = signing.sign(connection, signer)
    signer.memory.unlink()
    assert signing.sign(connection, signer) == made
    assert signer.remembered() is not None


def test_a_ledger_that_was_rolled_back_to_an_older_copy_is_not_signed(
    connection: Connection[Any], owner: Connection[Any], record: Record, signer: Signer
) -> None:
    record(20, each=10)
    grow(connection)
    signing.sign(connection, signer)
    # given a copy of everything, restored after more was recorded and signed
    for table in ("log", "log_commit", "inbox", "tree_state", "tree_tile", "tree_checkpoint"):
        owner.execute(f"CREATE TABLE kept_{table} AS TABLE {table}".encode())
    record(10, each=10)
    grow(connection)
    signing.sign(connection, signer)
    for table in ("log", "log_commit", "inbox", "tree_state", "tree_tile", "tree_checkpoint"):
        owner.execute(f"DELETE FROM {table}".encode())
        owner.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_{table}".encode())
    with pytest.raises(Tampered, match=r"rolled back: .* 30 milestones, and the tree holds 20.* on purpose"):
        signing.sign(connection, signer)


def test_a_checkpoint_that_nobody_signed_is_no_way_around(
    connection: Connection[Any], owner: Connection[Any], record: Record, signer: Signer
) -> None:
    record(30, each=10)
    grow(connection)
    made = signing.sign(connection, signer)
    owner.execute("UPDATE log SET version = 500 WHERE position = 2")
    rebuilt(owner)
    grow(connection)
    forged = Tree.now(connection).root()
    note = made.note.replace(read_note(made.note.encode()).text.split("\n")[2], "A" * 43 + "=")
    owner.execute("UPDATE tree_checkpoint SET root = %s, note = %s", (forged, note))
    with pytest.raises(Tampered, match="is not as it was signed"):
        signing.sign(connection, signer)


# ---- the key's file


def test_a_key_is_made_for_its_owner_only_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "signing.key"
    make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(SigningKeyRefused, match="is there already"):
        make_key(path)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["signing.key"]


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_holds_no_key_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(content)
    with pytest.raises(SigningKeyRefused, match=r"holds no Ed25519 key .* --make-key") as refusal:
        Signer(path, ORIGIN)
    assert "MC4" not in str(refusal.value)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path = tmp_path / "signing.key"
    path.write_bytes(
        X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    with pytest.raises(SigningKeyRefused, match="holds no Ed25519 key"):
        Signer(path, ORIGIN)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyRefused, match=r"cairn checkpoint --make-key .*none\.key"):
        Signer(tmp_path / "none.key", ORIGIN)


def test_a_key_that_others_can_read_is_told(signer: Signer, caplog: pytest.LogCaptureFixture) -> None:
    signer.path.chmod(0o644)
    Signer(signer.path, ORIGIN)
    assert "chmod 600" in caplog.text


def test_the_key_shows_in_no_text(signer: Signer) -> None:
    secret = signer.path.read_text().splitlines()[1]
    assert secret not in repr(signer)
    assert signer.key.text in repr(signer)


def test_what_was_signed_last_is_kept_for_each_ledger(
    connection: Connection[Any], record: Record, signer: Signer
) -> None:
    record(3)
    grow(connection)
    made = signing.sign(connection, signer)
    remembered = signer.remembered()
    assert remembered is not None
    assert (remembered.note.rendered, remembered.chain) == (made.note, made.chain)
    assert Signer(signer.path, "another/ledger").remembered() is None


def test_a_memory_that_is_spoiled_stops_signing(
    connection: Connection[Any], record: Record, signer: Signer
) -> None:
    record(3)
    grow(connection)
    signing.sign(connection, signer)
    signer.memory.write_text("nonsense")
    with pytest.raises(SigningKeyRefused, match="restore it"):
        signing.sign(connection, signer)


def test_a_folder_that_can_not_be_written_is_told_and_does_not_stop_signing(
    connection: Connection[Any],
    record: Record,
    signer: Signer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    record(3)
    grow(connection)
    shutil.rmtree(signer.path.parent)
    assert signing.sign(connection, signer).size == 3
    record(1)
    grow(connection)
    assert signing.sign(connection, signer).size == 4
    assert caplog.text.count("publish checkpoints elsewhere") == 1
