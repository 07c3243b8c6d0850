"""Stored names and bytes are promises: golden bytes of every type, and raising old versions to today's."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.contract import CATALOGUE, SENT, parse_event, read_held
from domain.ledger import MilestoneMapper
from domain.milestones import Milestone, OrderSubmitted
from domain.stored import CODEC, Codec, UnknownStored
from domain.trail import TOPIC, Entry, kept
from tests.domain.samples import SAMPLES

GOLDEN = Path(__file__).with_name("golden.json")
EARLY, LATE = "2026-03-01T09:00:00.000000Z", "2026-03-01T09:00:59.250000Z"


def test_there_is_a_sample_and_golden_bytes_of_every_type() -> None:
    golden = json.loads(GOLDEN.read_text())
    assert set(SAMPLES) == set(SENT)
    assert set(golden) == set(CATALOGUE)


@pytest.mark.parametrize("name", sorted(SENT))
def test_the_bytes_of_a_type_stay_as_they_were(name: str) -> None:
    """Never change golden.json for a type that has been stored: make a new version, with an upcaster."""
    golden = bytes.fromhex(json.loads(GOLDEN.read_text())[name])
    milestone = parse_event(SAMPLES[name])
    assert CODEC.encode(milestone) == golden
    assert CODEC.decode(name, golden) == milestone


def test_the_bytes_of_the_audit_trail_stay_as_they_were() -> None:
    """What no sender may send has golden bytes as well."""
    golden = bytes.fromhex(json.loads(GOLDEN.read_text())[TOPIC])
    entry = Entry(
        "key.created", "operator", "operator", {"name": "hubspot", "role": "append"}, 3, EARLY, LATE
    )
    made = kept(entry, "acme", "3f0a", EARLY)
    assert CODEC.encode(made.milestone) == golden
    assert CODEC.decode(TOPIC, golden) == made.milestone == read_held(made.body)


def test_stored_bytes_begin_with_the_stored_name_and_never_name_a_module() -> None:
    for name, made in SAMPLES.items():
        state = CODEC.encode(parse_event(made))
        assert msgspec.msgpack.decode(state)[0] == name
        assert b"domain." not in state


class Submitted2(OrderSubmitted, array_like=True, frozen=True, tag="order.submitted.v2"):
    """An invented next version: who submitted it."""

    channel: str


def _with_channel(items: list[Any]) -> list[Any]:
    return [*items, "unknown"]


def test_an_old_version_is_raised_to_todays_before_it_is_read() -> None:
    old = CODEC.encode(parse_event(SAMPLES["order.submitted.v1"]))
    codec = Codec(
        {"order.submitted.v2": Submitted2}, {"order.submitted.v1": ("order.submitted.v2", _with_channel)}
    )
    raised = codec.decode("order.submitted.v1", old)
    assert isinstance(raised, Submitted2)
    assert (raised.order, raised.channel, raised.name) == ("SO-1", "unknown", "order.submitted.v2")


def test_versions_are_raised_step_by_step() -> None:
    class Submitted3(Submitted2, array_like=True, frozen=True, tag="order.submitted.v3"):
        priority: int

    codec = Codec(
        {"order.submitted.v3": Submitted3},
        {
            "order.submitted.v1": ("order.submitted.v2", _with_channel),
            "order.submitted.v2": ("order.submitted.v3", lambda items: [*items, 5]),
        },
    )
    raised = codec.decode("order.submitted.v1", CODEC.encode(parse_event(SAMPLES["order.submitted.v1"])))
    assert isinstance(raised, Submitted3)
    assert (raised.channel, raised.priority) == ("unknown", 5)


def test_a_name_that_is_not_known_says_to_upgrade() -> None:
    with pytest.raises(UnknownStored, match="upgrade cairn-ledger"):
        CODEC.decode("order.teleported.v1", b"\x91\xa1x")


class Reversing:
    """A compressor and a cipher in one: turns the bytes round."""

    def __init__(self, mark: bytes) -> None:
        self.mark = mark

    def compress(self, data: bytes) -> bytes:
        return self.mark + data[::-1]

    def decompress(self, data: bytes) -> bytes:
        assert data.startswith(self.mark)
        return data[len(self.mark) :][::-1]

    encrypt, decrypt = compress, decompress


@pytest.mark.parametrize("name", sorted(SENT))
def test_compression_and_encryption_wrap_what_is_stored(name: str) -> None:
    compressor: Any = Reversing(b"c")
    cipher: Any = Reversing(b"e")
    transcoder: Any = None
    mapper = MilestoneMapper(transcoder, compressor, cipher)
    milestone: Milestone = parse_event(SAMPLES[name])
    state = mapper.encode(milestone)
    assert state.startswith(b"e")
    assert CODEC.encode(milestone) == cipher.decrypt(state)[1:][::-1]
    assert mapper.decode(name, state) == milestone
