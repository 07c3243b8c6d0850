"""What holds for every mapping, whatever it is fed; and for the way in that mapped sources take."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.preparing import stamp
from adapters.sources import BUILT_IN, SOURCES, MappedSource, MappingRefused, load_mapping, use_mappings
from adapters.sources.payload import Unreadable, read_json, read_payload
from domain.canonical import content_digest
from domain.contract import parse_event
from domain.provenance import provenance
from tests.sources.mapped import source
from tests.sources.test_mapping_milestones import DOC, INVOICE, doc

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["2026-01-01", "open", "void", "EUR", "10.00", "\x00", 10**400, "1e9", 0, "01"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*DOC, "sku", "net", "tax", "stream", "data", "object", "content", "row", "a"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)

EVERYTHING = """\
mapping: shop
version: 1
role: erp
reads: json
formats: {number: {as: any, thousands: ","}, time: {pattern: "YYYY-MM-DD"}, day: utc}
kind: {first: [state, {const: doc}], table: {"*": doc}}
objects:
  doc:
    currency: {first: [currency, {const: EUR}]}
    let:
      named: {template: "{id}-{order}"}
      lower: {lower: {trim: buyer}}
      part: {split: {join: [id, order], with: /}, on: /, part: 1}
      all: {agreed: [id, order], several: none}
    milestones:
      - type: credit_memo.posted
        each: {expand: {lists: [lines, {members: data}]}, into: lines}
        where: {any: [{path: net, zero: no}, {path: sku, matches: "[a-z]+"}, {some: $object.lines}]}
        subject: [credit_memo, {first: [$named, $lower, $part, $all, $number, $key]}]
        edition: {micros: {date: $object.made, clock: net}}
        time: {first: [$object.made, {date: $object.dated, clock: net}]}
        effective_on: {add_months: [{add_days: [$object.dated, $object.net]}, =1]}
        data:
          credit_memo: {strip_zeros: {upper: $object.id}}
          reason: {path: why, table: {x: return, "*": rebill}, default: concession}
          lines:
            each: {history_of: $object.data, value: ., at: made}
            sku: {match: {lookup: $object.lines, take: sku}, with: ".*"}
            net: {sum: [{product: [net, tax]}, {total: $object.lines, of: net?}], minus: {abs: tax?}}
    otherwise: nothing
"""


@settings(max_examples=400)
@given(record=json_values)
def test_any_json_is_told_ignored_or_refused_and_twice_the_same(record: Any) -> None:
    payload = json.dumps(record).encode()
    for mapped in (doc(INVOICE), EVERY, SOURCES["chargebee"], SOURCES["salesforce"]):
        first, second = (mapped.translate(payload, "acme") for _ in range(2))
        assert first == second
        for milestone in first.milestones:
            parse_event(milestone)
        for refusal in first.refused:
            assert refusal.pointer == "" or refusal.pointer.startswith("/")


EVERY = source(EVERYTHING)


@settings(max_examples=300)
@given(payload=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_told_ignored_or_refused(payload: bytes) -> None:
    for mapped in (EVERY, XML):
        translation = mapped.translate(payload, "acme")
        assert translation.refused or translation.ignored


XML = source(
    EVERYTHING.replace("reads: json", "reads: xml").replace("kind: {first: [state,", "kind: {first: [q,")
)


@settings(max_examples=300)
@given(change=st.tuples(st.sampled_from(sorted(DOC)), json_values))
def test_a_damaged_record_is_refused_or_still_makes_sound_milestones(change: tuple[str, Any]) -> None:
    payload = json.dumps({**DOC, change[0]: change[1]}).encode()
    for milestone in doc(INVOICE).translate(payload, "acme").milestones:
        parse_event(milestone)
        assert content_digest(milestone, plain=True) == content_digest(milestone)


def read_exactly(payload: bytes) -> object:
    """The value, or the refusal, by the exact reader: a reader of fractions keeps the fast one out."""

    def fraction(text: str) -> Decimal:
        return Decimal(text)

    try:
        return read_json(payload, fraction)
    except Unreadable as unreadable:
        return unreadable.refusal


def read_fast(payload: bytes) -> object:
    """The value, or the refusal, as sources read it."""
    try:
        return read_json(payload)
    except Unreadable as unreadable:
        return unreadable.refusal


@given(record=json_values, indent=st.sampled_from([None, 1]), ascii_=st.booleans())
def test_the_fast_reader_reads_what_the_exact_one_reads(
    record: Any, *, indent: int | None, ascii_: bool
) -> None:
    text = json.dumps(record, indent=indent, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")
    assert repr(read_fast(text)) == repr(read_exactly(text))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":1,"a":1}',
        b'{"a" :1, "a":1}',
        b'{"a"\t:1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"x":"\\":","a":1,"a":2}',
        b'[{"a":1},{"b":1,"b":1}]',
        b'{"a":[[{"b":1,"c":2,"b":3}]]}',
    ],
)
def test_a_name_that_stands_twice_never_slips_through(payload: bytes) -> None:
    with pytest.raises(Unreadable) as raised:
        read_json(payload)
    assert raised.value.refusal.code == "json_repeated_name"


def test_a_text_that_looks_like_a_name_does_no_harm() -> None:
    assert read_payload(b'{"a":"\\":","b":[{"c":"x\\":y"}]}').at("b").items()[0].at("c").value == 'x":y'


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_mapping_that_comes_with_the_ledger_is_sound(path: Path) -> None:
    mapped = load_mapping(path)
    assert mapped.name == path.stem
    kept = provenance(stamp(mapped, "acme"))
    assert (kept.name, kept.version, kept.instance) == (mapped.name, str(mapped.mapping.version), "acme")
    assert kept.digest == mapped.mapping.digest[:16]


def test_mappings_are_read_when_they_are_first_needed() -> None:
    code = (
        "import sys; from adapters.sources import SOURCES; "
        "assert 'mapping' not in vars(SOURCES['chargebee']); print(SOURCES['chargebee'].stamp)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.startswith("chargebee@")


def test_a_folder_of_mappings_adds_and_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SOURCES:
        monkeypatch.setitem(SOURCES, name, SOURCES[name])
    monkeypatch.setitem(SOURCES, "shop", SOURCES["stripe"])
    (tmp_path / "shop.yaml").write_text(EVERYTHING)
    (tmp_path / "stripe.yaml").write_text(EVERYTHING.replace("mapping: shop", "mapping: stripe"))
    (tmp_path / "notes.txt").write_text("x")
    assert use_mappings(tmp_path) == ["shop", "stripe"]
    assert isinstance(SOURCES["stripe"], MappedSource)
    (tmp_path / "stripe.yaml").write_text(EVERYTHING)
    with pytest.raises(MappingRefused, match="give both one name"):
        use_mappings(tmp_path)
    with pytest.raises(NotADirectoryError):
        use_mappings(tmp_path / "missing")
