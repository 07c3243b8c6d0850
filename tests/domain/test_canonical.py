"""Canonical JSON and content digests: RFC 8785's vectors, ECMAScript's numbers, and integers in full."""

import json
import math
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.canonical import (
    NotJson,
    canonical_bytes,
    content_digest,
    decode_json,
    es_number,
    identity,
    identity_bytes,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "conformance" / "jcs"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared samples are not beside the project")
@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_the_published_vectors_are_met_byte_for_byte(name: str) -> None:
    value, plain = decode_json((SHARED / "input" / f"{name}.json").read_bytes())
    expected = bytes.fromhex("".join((SHARED / "outhex" / f"{name}.txt").read_text().split()))
    assert canonical_bytes(value, plain=plain) == expected
    assert canonical_bytes(value) == expected


# RFC 8785, appendix B: the bits of a double, and what is written
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "becbf647612f3696": "-0.0000033333333333333333",
}


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_numbers_are_written_as_ecmascript_does(bits: str, text: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert es_number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_written_number_reads_as_the_same_double(value: float) -> None:
    assert float(es_number(value)) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_written(value: float) -> None:
    with pytest.raises(NotJson):
        es_number(value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(alphabet=st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(_JSON)
def test_the_fast_way_and_the_exact_way_agree(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    decoded, plain = decode_json(text)
    assert canonical_bytes(decoded, plain=plain) == canonical_bytes(value)


@given(_JSON)
def test_canonical_bytes_read_as_the_same_value(value: Any) -> None:
    assert json.loads(canonical_bytes(value)) == value


def test_an_integer_is_written_with_all_its_digits() -> None:
    value, plain = decode_json(b'{"n": 9007199254740993, "m": 123456789012345678901234567890}')
    assert canonical_bytes(value, plain=plain) == b'{"m":123456789012345678901234567890,"n":9007199254740993}'


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"nul", b"\xff", b'"\\ud800"', '"\ud800"'.encode("utf-8", "surrogatepass"), b"NaN",
        b"1e400", b"[" * 100_000, b"9" * 5_000, b"{}{}", b"'a'", b"\xef\xbb\xbf{}",
    ],
)  # fmt: skip
def test_what_is_not_one_json_value_in_utf_8_is_said_so(body: bytes) -> None:
    with pytest.raises(NotJson):
        decode_json(body)


EVENT = {
    "type": "order.submitted.v1",
    "subject": "order/SO-1",
    "time": "2026-03-01T10:00:00Z",
    "sequence": "4",
    "data": {"order": "SO-1"},
}


def test_the_digest_is_of_type_subject_time_sequence_and_data() -> None:
    text = (
        '{"data":{"order":"SO-1"},"sequence":"4","subject":"order/SO-1",'
        '"time":"2026-03-01T10:00:00Z","type":"order.submitted.v1"}'
    )
    assert content_digest(EVENT) == sha256(text.encode()).digest()
    assert content_digest(EVENT | {"id": "x", "source": "/a/b/c", "actor": "kim"}) == content_digest(EVENT)


@pytest.mark.parametrize("name", ["type", "subject", "time", "sequence"])
def test_each_part_of_the_content_changes_the_digest(name: str) -> None:
    assert content_digest(EVENT | {name: "other"}) != content_digest(EVENT)


def test_the_order_of_members_and_blanks_do_not_change_the_digest() -> None:
    scattered, plain = decode_json(json.dumps(dict(reversed(EVENT.items())), indent=3).encode())
    assert content_digest(scattered, plain=plain) == content_digest(EVENT)


def test_an_escaped_letter_is_the_letter() -> None:
    value, plain = decode_json(b'{"type":"a","data":{"x":"\\u0041\\n"}}')
    assert content_digest(value, plain=plain) == content_digest({"type": "a", "data": {"x": "A\n"}})


def test_an_identity_is_half_a_sha_256_of_texts_apart() -> None:
    assert identity_bytes("/a", "b") == sha256(b"/a\0b").digest()[:16]
    assert identity("/a", "b").bytes == identity_bytes("/a", "b")
    assert identity_bytes("ab", "c") != identity_bytes("a", "bc")
