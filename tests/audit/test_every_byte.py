"""Every byte of a bundle counts: each that is flipped is found, and so is every length that it is cut to."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bundles.container import CONTAINER
from adapters.bundles.findings import Wrong
from adapters.bundles.forms import ABOUT
from api.proving.checking import check, sealed
from api.proving.notes import Trust
from tests.audit.conftest import Small


def is_sealed(bundle: bytes, trust: Trust) -> bool:
    """Whether the first thing that `check` does finds nothing; what it finds, `check` never lets pass."""
    try:
        return sealed(io.BytesIO(bundle), trust)[1] is None
    except Wrong:
        return False


def test_what_is_not_sealed_is_never_proved(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the tests below may ask the seal alone: nothing else of the check can make up for it."""
    broken = Wrong("about.json", "", "it was changed")
    monkeypatch.setattr("api.proving.checking.sealed", lambda file, trust: (sealed(file, trust)[0], broken))
    with pytest.raises(Wrong, match="it was changed"):
        check(io.BytesIO(small.whole), Trust((small.key,)))


def test_every_byte_that_is_flipped_is_found(small: Small) -> None:
    trust = Trust((small.key,))
    content = bytearray(small.whole)
    assert is_sealed(bytes(content), trust)
    unseen = []
    for place in range(len(content)):
        content[place] ^= 1
        if is_sealed(bytes(content), trust):
            unseen.append(place)
        content[place] ^= 1
    assert not unseen
    assert len(content) < 120_000, "small enough for every byte to be tried"


def test_every_length_that_it_is_cut_to_is_found(small: Small) -> None:
    trust = Trust((small.key,))
    for length in range(0, len(small.whole), 7):
        assert not is_sealed(small.whole[:length], trust), length
    for length in range(len(small.whole) - 1_100, len(small.whole)):
        assert not is_sealed(small.whole[:length], trust), length


@pytest.mark.parametrize("more", [b"\0", b"\n", bytes(512), bytes(9_216), b"x" * 512])
def test_nothing_may_come_after_the_end(small: Small, more: bytes) -> None:
    with pytest.raises(Wrong, match="more after the end") as found:
        check(io.BytesIO(small.whole + more))
    assert found.value.member == CONTAINER


@given(data=st.data())
def test_any_bits_that_are_flipped_are_found_and_named(small: Small, data: st.DataObject) -> None:
    content = bytearray(small.whole)
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=3, unique=True)):
        content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Wrong) as found:
        check(io.BytesIO(bytes(content)), Trust((small.key,)))
    assert found.value.member
    is_whole = found.value.member == ABOUT  # the others are read by lines, which have a place
    assert is_whole or "can't be read (" not in found.value.problem or found.value.place


@given(data=st.data())
def test_any_piece_that_is_taken_out_doubled_or_moved_is_found(small: Small, data: st.DataObject) -> None:
    whole = small.whole
    first = data.draw(st.integers(0, len(whole) - 1))
    last = data.draw(st.integers(first + 1, len(whole)))
    piece, rest = whole[first:last], whole[:first] + whole[last:]
    to = data.draw(st.integers(0, len(rest)))
    for changed in (rest, whole[:last] + piece + whole[last:], rest[:to] + piece + rest[to:]):
        if changed != whole:
            with pytest.raises(Wrong):
                check(io.BytesIO(changed), Trust((small.key,)))


@given(content=st.binary(max_size=3_000))
def test_bytes_that_are_no_bundle_are_said_to_be_none(content: bytes) -> None:
    with pytest.raises(Wrong):
        check(io.BytesIO(content))
