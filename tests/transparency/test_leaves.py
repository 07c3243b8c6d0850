"""The bytes of leaves: golden ones, and the law that different milestones have different leaves."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import leaves
from domain.leaves import Leaf, LeafRefused, accepted_digest, entry
from domain.merkle import leaf_hash

ACCEPTED: dict[str, Any] = {
    "inbox": 7,
    "received_at": 1_767_225_600_000_001,
    "source": "/crm/hubspot/acme",
    "content_type": "application/json",
    "headers": None,
    "mapping": "hubspot@3#0a1b/acme",
    "body_digest": sha256(b"{}").digest(),
}
ENTRY: dict[str, Any] = {
    "position": 12,
    "recorded_at": 1_767_225_600_500_000,
    "stream": 3,
    "version": 2,
    "topic": "deal.won.v1",
    "identity": bytes(range(16)),
    "digest": sha256(b"content").digest(),
    "state": b"\x91\xa1x",
    "accepted": bytes(32),
}


def test_a_leaf_has_the_bytes_that_were_promised() -> None:
    expected = (
        b"CNL\x01"
        + bytes.fromhex("000000000000000c000647484627e120000000000000000300000002")
        + bytes(range(16))
        + sha256(b"content").digest()
        + bytes(32)
        + b"\x00\x00\x00\x0bdeal.won.v1"
        + b"\x00\x00\x00\x03\x91\xa1x"
    )
    assert entry(**ENTRY) == expected
    assert leaf_hash(entry(**ENTRY)) == sha256(b"\x00" + expected).digest()


def test_what_was_accepted_is_digested_as_was_promised() -> None:
    expected = (
        b"CNA\x01"
        + bytes.fromhex("00000000000000070006474846204001")
        + sha256(b"{}").digest()
        + b"\x00\x00\x00\x11/crm/hubspot/acme"
        + b"\x00\x00\x00\x10application/json"
        + b"\xff\xff\xff\xff"
        + b"\x00\x00\x00\x13hubspot@3#0a1b/acme"
    )
    assert accepted_digest(**ACCEPTED) == sha256(expected).digest()


def test_an_empty_text_is_not_one_that_is_missing() -> None:
    assert accepted_digest(**ACCEPTED | {"headers": ""}) != accepted_digest(**ACCEPTED)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("inbox", 8), ("received_at", -1), ("source", "/crm/hubspot/b"), ("content_type", None),
        ("headers", "{}"), ("mapping", None), ("body_digest", bytes(32)),
    ],
)  # fmt: skip
def test_every_part_of_what_was_accepted_counts(part: str, other: object) -> None:
    assert accepted_digest(**ACCEPTED | {part: other}) != accepted_digest(**ACCEPTED)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
parts = st.builds(
    Leaf,
    position=st.integers(1, 2**63 - 1),
    recorded_at=st.integers(-(2**63), 2**63 - 1),
    stream=st.integers(1, 2**63 - 1),
    version=st.integers(1, 2**31 - 1),
    identity=st.binary(min_size=16, max_size=16),
    digest=st.binary(min_size=32, max_size=32),
    accepted=st.binary(min_size=32, max_size=32),
    topic=texts,
    state=st.binary(max_size=40),
)


@given(parts)
def test_a_leaf_is_read_back_part_by_part(leaf: Leaf) -> None:
    assert leaves.read(entry(**leaf._asdict())) == leaf


@given(parts, parts)
def test_different_milestones_have_different_leaves(one: Leaf, other: Leaf) -> None:
    assert (entry(**one._asdict()) == entry(**other._asdict())) == (one == other)


@given(parts, st.data())
def test_bytes_that_are_cut_or_go_on_are_no_leaf(leaf: Leaf, data: st.DataObject) -> None:
    whole = entry(**leaf._asdict())
    for wrong in (whole[: data.draw(st.integers(0, len(whole) - 1))], whole + b"\x00", b"X" + whole[1:]):
        with pytest.raises(LeafRefused):
            leaves.read(wrong)


def test_a_digest_of_another_length_is_refused() -> None:
    for part in ("identity", "digest", "accepted"):
        with pytest.raises(LeafRefused):
            entry(**ENTRY | {part: b"short"})
    with pytest.raises(LeafRefused):
        accepted_digest(**ACCEPTED | {"body_digest": b""})
