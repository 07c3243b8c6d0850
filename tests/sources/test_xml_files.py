"""XML files that can't be read as they say, or hold nothing of what a mapping reads: refused, in words."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from adapters.sources.base import FileRefused
from adapters.sources.mapping.xml import read_xml, xml_records
from adapters.sources.payload import Unreadable

NAMES = frozenset({"Order", "Note"})


def declared(encoding: str, rest: str = "<a><Order/></a>") -> bytes:
    return f'<?xml version="1.0" encoding="{encoding}"?>{rest}'.encode()


def records(folder: Path, content: bytes, names: frozenset[str] | None = NAMES) -> list[bytes]:
    (folder / "a.xml").write_bytes(content)
    return [record.payload for record in xml_records(folder, names, children=names is None)]


@pytest.mark.parametrize("encoding", ["hex", "base64", "zlib", "rot13", "bz2", "uu", "quopri", "utf-99"])
def test_an_encoding_that_is_none_of_text_is_read_as_utf_8(tmp_path: Path, encoding: str) -> None:
    assert records(tmp_path, declared(encoding)) == [b"<Order/>"]
    with pytest.raises(Unreadable):
        read_xml(declared(encoding))


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF16_LE + "<a><Order/>".encode("utf-16-le") + b"\x00\xdc\x00\xdc",
        codecs.BOM_UTF16_LE + "<a><Order/></a>".encode("utf-16-le")[:-1],
        declared("shift_jis") + b"\x83",
        declared("ascii", "<a>\u00fc<Order/></a>"),
        declared("idna", "<a>\u00fc" + "x" * 100 + "</a>"),
        declared("utf-7", "<a>+2AA-<Order/></a>"),
        declared("undefined"),
    ],
)
@pytest.mark.parametrize("names", [NAMES, None])
def test_text_that_is_not_in_its_encoding_is_refused_with_the_file(
    tmp_path: Path, content: bytes, names: frozenset[str] | None
) -> None:
    with pytest.raises(FileRefused, match=r"a\.xml: .*UTF-8"):
        records(tmp_path, content, names)


@pytest.mark.parametrize("content", [b"<a><b/></a>", b"<a>text</a>", b"<Orders><order/></Orders>"])
def test_a_file_without_any_element_that_is_read_is_refused_and_told_which_are(
    tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(FileRefused, match=r"a\.xml: .*Note, Order"):
        records(tmp_path, content)


@pytest.mark.parametrize("content", [b"", b"<a/>", b"<?xml version='1.0'?><a b='c'>\n </a>"])
def test_an_empty_file_or_root_is_a_list_of_none(tmp_path: Path, content: bytes) -> None:
    assert records(tmp_path, content) == []


def test_one_element_that_is_read_is_enough(tmp_path: Path) -> None:
    assert records(tmp_path, b"<a>text<b/><Note/>text</a>") == [b"<Note/>"]
    assert records(tmp_path, b"<Order/>") == [b"<Order/>"]
