"""Reading payloads: what is refused before any source looks at it, for every source alike."""

import json
from decimal import Decimal

import pytest

from adapters.sources import SOURCES, MappedSource
from adapters.sources.payload import Node, Unreadable, read_payload

READ_JSON = sorted(
    name
    for name, source in SOURCES.items()
    if not (isinstance(source, MappedSource) and b"\nreads: xml\n" in source.text)
)
UNREADABLE = {
    b"": "json_format",
    b"{": "json_format",
    b"\xff": "text_encoding",
    b'{"a": NaN}': "json_format",
    b'{"a": -Infinity}': "json_format",
    b'{"a": 1, "a": 2}': "json_repeated_name",
    b'{"a": "\\ud800"}': "text_encoding",
    b"[" * 100_000: "json_depth",
    b'{"a": ' + b"1" * 5_000 + b"}": "json_number",
    b'{"a": 1.' + b"3" * 600_000 + b"}": "json_number",
    b'{"a": "\\u0041", "b": 1.' + b"3" * 600_000 + b"}": "json_number",
    b"[]": "object_format",
    b"null": "field_missing",
    b'"text"': "object_format",
}


@pytest.mark.parametrize("name", READ_JSON)
@pytest.mark.parametrize("payload", sorted(UNREADABLE), ids=lambda p: repr(p[:12]))
def test_what_is_no_json_object_is_refused_by_every_source(name: str, payload: bytes) -> None:
    translation = SOURCES[name].translate(payload, "acme")
    assert [refusal.code for refusal in translation.refused] == [UNREADABLE[payload]]
    assert translation.milestones == ()


@pytest.mark.parametrize("name", sorted(SOURCES))
@pytest.mark.parametrize("instance", ["", "a/b", "a:b", " acme", "ä"])
def test_an_instance_that_breaks_a_source_name_is_an_error_of_the_caller(name: str, instance: str) -> None:
    with pytest.raises(ValueError, match="name the instance"):
        SOURCES[name].translate(b"{}", instance)


def test_numbers_keep_their_digits() -> None:
    node = read_payload(b'{"big": 9223372036854775809, "cents": 337.50}')
    assert node.at("big").integer() == 9223372036854775809
    assert node.at("cents").value == Decimal("337.50")


def test_a_refusal_names_the_place_and_not_the_value() -> None:
    node = read_payload(b'{"a/b": [{"mail": "someone@example.com"}]}')
    with pytest.raises(Unreadable) as raised:
        node.at("a/b").items()[0].at("mail").integer()
    assert raised.value.refusal.pointer == "/a~1b/0/mail"
    assert "someone" not in str(raised.value)


@pytest.mark.parametrize("missing", ["{}", '{"a": null}', '{"a": ""}'])
def test_what_is_not_there_is_missing_rather_than_wrong(missing: str) -> None:
    with pytest.raises(Unreadable) as raised:
        Node(json.loads(missing)).at("a").integer()
    assert raised.value.refusal.code == "field_missing"
