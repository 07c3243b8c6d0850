"""Where a reason points: from a JSON Pointer to lines and columns of the bytes as they came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.marking import AROUND, WHOLE, places


def marked(body: bytes, pointer: str, code: str = "text_format") -> tuple[str | None, dict[str, Any] | None]:
    """What is marked, and where."""
    found = places(body, [{"code": code, "pointer": pointer, "message": ""}])
    pieces = [piece["text"] for piece in found["shown"] if piece.get("reasons")]
    return ("".join(pieces) if pieces else None), found["places"][0]


JSON = (
    b'{"id": "a",\n "a/b": [1, {"~": "\xc3\xa9t\xc3\xa9"}, [true, null]],\n "row": {"Net Amount": "1,50"}\n}'
)


@pytest.mark.parametrize(
    ("pointer", "text", "line", "column"),
    [
        ("/id", '"a"', 1, 8),
        ("/a~1b/0", "1", 2, 10),
        ("/a~1b/1/~0", '"été"', 2, 19),
        ("/a~1b/2", "[true, null]", 2, 27),
        ("/row/Net Amount", '"1,50"', 3, 24),
        ("/row/net_amount", '"1,50"', 3, 24),
    ],
)
def test_a_json_value_is_marked(pointer: str, text: str, line: int, column: int) -> None:
    found, place = marked(JSON, pointer)
    assert place is not None
    assert (found, place["line"], place["column"], place["exact"]) == (text, line, column, True)
    assert JSON[place["byte"] : place["end_byte"]].decode() == text


@pytest.mark.parametrize(
    ("pointer", "line", "column"), [("/row/Currency", 3, 9), ("/a~1b/7", 2, 9), ("/nothing", 1, 1)]
)
def test_what_is_missing_is_marked_where_it_would_stand(pointer: str, line: int, column: int) -> None:
    _, place = marked(JSON, pointer)
    assert place is not None
    assert (place["line"], place["column"], place["exact"]) == (line, column, False)


XML = b"""<?xml version="1.0"?>
<s:Envelope xmlns:s="urn:s"><s:Body>
 <line><net cur="EUR">1.00</net></line>
 <line><net cur="EUX">2.00</net><note/></line>
</s:Body></s:Envelope>"""


@pytest.mark.parametrize(
    ("pointer", "text", "line", "is_exact"),
    [
        ("/Body/line/0/net", '<net cur="EUR">1.00</net>', 3, True),
        ("/Body/line/1/net/@cur", '<net cur="EUX">', 4, True),
        ("/Body/line/1/net/#text", '<net cur="EUX">2.00</net>', 4, True),
        ("/Body/line/1/note", "<note/>", 4, True),
        ("/Body/line/0/sku", "<line>", 3, False),
    ],
)
def test_an_xml_element_is_marked(pointer: str, text: str, line: int, is_exact: bool) -> None:
    found, place = marked(XML, pointer)
    assert place is not None
    assert (place["line"], place["exact"]) == (line, is_exact)
    assert found is not None
    assert found.startswith(text.removesuffix("2.00</net>"))


@pytest.mark.parametrize(
    ("body", "byte"), [(b'{"a": 1,}', 8), (b'{"a": "\xff"}', 7), (b"{} {}", 3), (b"", None)]
)
def test_the_byte_at_which_it_stops_being_json_is_marked(body: bytes, byte: int | None) -> None:
    _, place = marked(body, "", "not_json")
    if byte is None:
        assert place is None or place["byte"] == 0
    else:
        assert place is not None
        assert abs(place["byte"] - byte) <= 1


def test_of_a_long_payload_the_surroundings_of_the_place_are_shown() -> None:
    rows = [{"n": number, "text": "x" * 50} for number in range(2_000)]
    body = json.dumps({"rows": rows}).encode()
    found = places(body, [{"code": "a", "pointer": "/rows/1000/n", "message": ""}])
    pieces = found["shown"]
    assert [piece["text"] for piece in pieces if piece.get("reasons")] == ["1000"]
    assert sum(len(piece.get("text", "")) for piece in pieces) <= 2 * AROUND + 10 < WHOLE
    assert sum(len(piece["text"]) if "text" in piece else piece["left_out"] for piece in pieces) == len(body)


def test_a_document_with_a_dtd_is_shown_unmarked() -> None:
    body = b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    assert marked(body, "/x") == (None, None)


@pytest.mark.parametrize("encoding", [b"idna", b"rot13", b"hex", b"undefined", b"utf-99"])
@pytest.mark.parametrize("pointer", ["", "/x"])
def test_a_document_in_no_encoding_that_is_known_is_shown_unmarked(encoding: bytes, pointer: str) -> None:
    body = b'<?xml version="1.0" encoding="%s"?><a><x/></a>' % encoding
    found = places(body, [{"code": "text_encoding", "pointer": pointer, "message": ""}])
    assert "".join(piece["text"] for piece in found["shown"]) == body.decode()
    assert found["places"] == [None]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def pointers(value: Any, at: str = "") -> list[tuple[str, Any]]:
    found = [(at, value)]
    if isinstance(value, dict):
        for name, inner in value.items():
            found += pointers(inner, f"{at}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            found += pointers(inner, f"{at}/{number}")
    return found


@given(value=JSON_VALUES, indent=st.sampled_from([None, 1]), is_ascii=st.booleans())
def test_whatever_is_pointed_at_is_what_is_marked(value: Any, indent: int | None, is_ascii: bool) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode()
    for pointer, inner in pointers(value)[1:]:
        text, place = marked(body, pointer)
        assert place is not None
        assert place["exact"]
        assert json.loads(body[place["byte"] : place["end_byte"]]) == inner
        assert text is not None


@given(body=st.binary(max_size=80), pointer=st.text(max_size=8).map(lambda text: f"/{text}"))
def test_any_bytes_are_shown_whole_and_never_stumbled_over(body: bytes, pointer: str) -> None:
    for code in ("not_json", "text_format"):
        for place in (pointer, ""):
            found = places(body, [{"code": code, "pointer": place, "message": ""}])
            shown = "".join(piece["text"] for piece in found["shown"])
            assert len(shown) <= len(body)
