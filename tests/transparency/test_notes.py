"""Signed notes and checkpoints: the specification's own examples, and what a strict reader refuses."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from domain.notes import (
    Checkpoint,
    Note,
    NoteRefused,
    Signature,
    VerifierKey,
    read_checkpoint,
    read_key,
    read_note,
    signer_of,
)

#: The examples of c2sp.org/signed-note and of Go's package note.
PETERS_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "\u2014 example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = VerifierKey("cairn/acme", SECRET.public_key().public_bytes_raw())


def verify(public: bytes, text: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def signed(text: str, key: VerifierKey = KEY) -> Note:
    return Note(text, (Signature(key.name, key.key_id, SECRET.sign(text.encode())),))


def test_the_note_of_gos_documentation_is_signed_by_its_key() -> None:
    note = read_note(PETERS_NOTE.encode())
    key = read_key(PETERS_KEY)
    assert signer_of(note, [key], verify) == key
    assert note.rendered == PETERS_NOTE
    assert key.text == PETERS_KEY


def test_the_checkpoint_of_the_specification_is_read_and_written_again() -> None:
    note = read_note(CHECKPOINT.encode())
    checkpoint = read_checkpoint(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.text == note.text
    assert note.rendered == CHECKPOINT


def test_a_text_that_was_changed_is_not_signed() -> None:
    note = signed("one\n")
    assert signer_of(note, [KEY], verify) == KEY
    with pytest.raises(NoteRefused, match="was changed"):
        signer_of(note._replace(text="two\n"), [KEY], verify)


def test_lines_of_unknown_keys_are_left_alone_but_are_not_enough() -> None:
    witness = Signature("witness.example", b"\x01\x02\x03\x04", b"\x04" * 72)
    note = signed("one\n")
    both = note._replace(signatures=(witness, *note.signatures))
    assert signer_of(read_note(both.rendered.encode()), [KEY], verify) == KEY
    with pytest.raises(NoteRefused, match="none of the known keys"):
        signer_of(note._replace(signatures=(witness,)), [KEY], verify)


def test_a_wrong_line_of_a_known_key_spoils_the_note_beside_a_right_one() -> None:
    note = signed("one\n")
    wrong = note.signatures[0]._replace(signature=bytes(64))
    with pytest.raises(NoteRefused, match="not right"):
        signer_of(note._replace(signatures=(*note.signatures, wrong)), [KEY], verify)


def test_a_text_may_hold_empty_lines() -> None:
    note = signed("one\n\n\ntwo\n\n")
    assert read_note(note.rendered.encode()) == note


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=60))
def test_any_note_is_read_as_it_was_written(text: str) -> None:
    note = signed(text + "\n")
    assert read_note(note.rendered.encode()) == note


@given(st.integers(0), st.integers(0, 7))
def test_no_flipped_bit_of_a_checkpoint_goes_unnoticed(byte: int, bit: int) -> None:
    content = bytearray(signed(Checkpoint("cairn/acme", 70_000, bytes(range(32))).text).rendered.encode())
    content[byte % len(content)] ^= 1 << bit

    def check() -> None:
        note = read_note(bytes(content))
        read_checkpoint(note.text)
        signer_of(note, [KEY], verify)

    with pytest.raises(NoteRefused):
        check()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n\xe2\x80\x94 name\n",
        "text\n\n\u2014 name AAAAAAAA".encode(),  # no newline at the end
        b"text\n\n- name AAAAAAAA\n",  # a hyphen
        "text\n\n\u2014 na+me AAAAAAAA\n".encode(),
        "text\n\n\u2014 na\u00a0me AAAAAAAA\n".encode(),
        "text\n\n\u2014 name AAAA\n".encode(),  # too short
        "text\n\n\u2014 name AAAAAAA\n".encode(),  # no padding
        "text\n\n\u2014 name AAAAAAB=\n".encode(),  # bits that do not count
        "text\n\n\u2014 name AAAA AAAA\n".encode(),
        "te\txt\n\n\u2014 name AAAAAAAA\n".encode(),
        "te\rxt\n\n\u2014 name AAAAAAAA\n".encode(),
        b"te\xffxt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        ("text\n\n" + "\u2014 name AAAAAAAA\n" * 101).encode(),
        b"x" * 1_000_001,
    ],
)
def test_what_is_no_note_is_refused(content: bytes) -> None:
    with pytest.raises(NoteRefused):
        read_note(content)


ROOT = b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"origin\n1\n{ROOT}",
        "origin\n1\n",
        f"\n1\n{ROOT}\n",
        f"origin\n01\n{ROOT}\n",
        f"origin\n+1\n{ROOT}\n",
        f"origin\n-1\n{ROOT}\n",
        f"origin\n1_0\n{ROOT}\n",
        f"origin\n\u0661\n{ROOT}\n",
        f"origin\n{2**63}\n{ROOT}\n",
        "origin\n1\nAAAA\n",
        f"origin\n1\n{ROOT} \n",
        f"origin\n1\n{ROOT}\n\nextension\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused):
        read_checkpoint(text)


def test_a_checkpoint_may_carry_more_lines() -> None:
    checkpoint = Checkpoint("origin", 0, bytes(32), ("one", "two"))
    assert read_checkpoint(checkpoint.text) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+AhpcQcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWA",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused):
        read_key(text)
