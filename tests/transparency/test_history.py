"""Every checkpoint that is kept, its chain and its key, checked again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from adapters.transparency import history, signing
from adapters.transparency.keys import Signer, make_key
from adapters.transparency.signing import Tampered
from tests.transparency.conftest import ORIGIN, Record, grow


@pytest.fixture
def signed(connection: Connection[Any], record: Record, signer: Signer, tmp_path: Path) -> Signer:
    """Four checkpoints, of 10, 20, 30 and 40 milestones; who signed the last two."""
    make_key(tmp_path / "next.key")
    second = Signer(tmp_path / "next.key", ORIGIN)
    for one in (signer, signer, second, second):
        record(10, each=10)
        grow(connection)
        signing.sign(connection, one)
    return second


def test_what_was_signed_is_in_order(connection: Connection[Any], signed: Signer) -> None:
    assert history.check(connection, signed) == 4
    assert history.check(connection, None) == 4


def test_a_ledger_of_which_nothing_was_signed_has_nothing_wrong(
    connection: Connection[Any], signer: Signer
) -> None:
    assert history.check(connection, signer) == 0


FLIPPED = "set_byte({0}, 5, 255 - get_byte({0}, 5))"
PLANTED = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (f"UPDATE tree_checkpoint SET root = {FLIPPED.format('root')} WHERE size = 10",
         "not as it was signed"),
        ("UPDATE tree_checkpoint SET note = replace(note, E'\\n20\\n', E'\\n21\\n') WHERE size = 20",
         "the text was changed"),
        ("UPDATE tree_checkpoint SET size = 11 WHERE size = 10", "not as it was signed"),
        (f"UPDATE tree_checkpoint SET chain = {FLIPPED.format('chain')} WHERE size = 20", "does not follow"),
        ("DELETE FROM tree_checkpoint WHERE size = 10", "does not follow the one before it"),
        ("DELETE FROM tree_checkpoint WHERE size = 20", "does not follow the one before it"),
        ("DELETE FROM tree_checkpoint WHERE size = 40", "checkpoints were removed"),
        ("DELETE FROM tree_checkpoint WHERE size > 20; DELETE FROM tree_key WHERE from_size > 20",
         "checkpoints were removed"),
        ("DELETE FROM tree_checkpoint; DELETE FROM tree_key", "checkpoints were removed"),
        ("UPDATE tree_key SET from_size = 5 WHERE from_size = 30", "from size 5, but signed from 30 on"),
        (f"INSERT INTO tree_key (vkey, from_size) VALUES ('{PLANTED}', 0)", "PeterNeumann.* signed none of"),
        ("DELETE FROM tree_key WHERE from_size = 10", "none of the known keys signed"),
    ],
)  # fmt: skip
def test_whatever_was_changed_of_it_is_found(
    connection: Connection[Any], owner: Connection[Any], signed: Signer, change: str, said: str
) -> None:
    owner.execute(change.encode())
    with pytest.raises(Tampered, match=said):
        history.check(connection, signed)


def test_a_history_that_was_chained_anew_is_denied_by_the_memory(
    connection: Connection[Any], owner: Connection[Any], signed: Signer
) -> None:
    # given somebody who takes one out of the middle, and makes the chain of the others good again
    owner.execute("DELETE FROM tree_checkpoint WHERE size = 20")
    chain = signing.NO_CHAIN
    for made in signing.listed(connection, 0, 10):
        chain = signing.chained(chain, made.note)
        owner.execute("UPDATE tree_checkpoint SET chain = %s WHERE id = %s", (chain, made.id))
    assert history.check(connection, None) == 3, "nothing can be told from the rows alone"
    with pytest.raises(Tampered, match=r"checkpoints were removed or changed: .* behind the same ones"):
        history.check(connection, signed)
