"""XML as the same trees that JSON gives, and XML files cut into records in a stream.

DTDs and entities of a document's own are refused, nothing is fetched. Belongs here: elements to objects,
texts and lists; where a record begins and ends. Does not belong here: what the elements mean.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final
from xml.parsers import expat

from adapters.sources.base import FileRefused, Record
from adapters.sources.packed import files_below
from adapters.sources.payload import Node, Unreadable
from adapters.sources.values import LONGEST

#: Elements within elements, beyond what any record has.
DEEPEST: Final = 200
_CHUNK: Final = 65_536
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_TAG: Final = re.compile(rb"<[^\s/>]+")
_EMPTY: Final = re.compile(rb"""<[^\s/>]+(\s+[^\s=]+\s*=\s*("[^"]*"|'[^']*'))*\s*/>""")
_ENCODING: Final = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_xml(payload: bytes) -> Node:
    """The root element of an XML document, as docs/mappings.md says. Raises Unreadable."""
    building, parser = _Building(), _parser(None)
    parser.StartElementHandler = building.start
    parser.EndElementHandler = building.end
    parser.CharacterDataHandler = building.characters
    try:
        parser.Parse(payload, 1)
    except expat.ExpatError as error:
        raise _malformed(error) from None
    except (ValueError, LookupError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("text_encoding", "", "the encoding can't be read; send UTF-8") from None
    return Node(building.root)


class _Building:
    """A tree under construction. Each open element: its object, and the texts in it so far."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[dict[str, Any], list[str]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if len(self._open) >= DEEPEST:
            raise Unreadable("xml_depth", "", "the elements lie deeper than can be read")
        space, local = _parted(name)
        told: dict[str, Any] = {}
        for full, value in attributes.items():
            inner, attribute = _parted(full)
            if inner == _XSI:
                told[f"@xsi:{attribute}"] = value.rpartition(":")[2] if attribute == "type" else value
            else:
                told[f"@{attribute}"] = value
        told["#name"] = local
        if space:
            told["#ns"] = space
        self._open.append((told, []))

    def characters(self, text: str) -> None:
        """Text within the innermost element."""
        self._open[-1][1].append(text)

    def end(self, _name: str) -> None:
        """An element ends: it becomes a text where it is nothing else."""
        told, texts = self._open.pop()
        text = "".join(texts).strip()
        local = told["#name"]
        bare = len(told) == (2 if "#ns" in told else 1)
        if not self._open:
            self.root = {**told, "#text": text} if text else told
            return
        value: Any = told
        if told.get("@xsi:nil") in ("true", "1"):
            value = None
        elif bare:
            value = text
        elif text:
            told["#text"] = text
        outer = self._open[-1][0]
        if local not in outer:
            outer[local] = value
        elif isinstance(outer[local], list):
            outer[local].append(value)
        else:
            outer[local] = [outer[local], value]


def xml_records(
    path: Path, names: frozenset[str] | None, *, children: bool = False, also: frozenset[str] = frozenset()
) -> Iterator[Record]:
    """The records of XML files: elements of those names, or the root's children, or each file whole.

    A record cut out of a file is its bytes in UTF-8, with the namespaces declared around it. What can't be
    read of a file is one record: its translation says what is wrong. Raises FileRefused where its text is
    not in its encoding, or where it holds something but none of those elements.
    """
    for file in files_below(path, also | {".xml"}):
        with file.open() as (stream, at):
            if names is not None or children:
                yield from _Cut(names, children=children).records(stream, file.name, at)
                continue
            payload = stream.read(LONGEST + 1)
            if len(payload) > LONGEST:
                raise FileRefused(f"{file.name}: a document of more than {LONGEST} bytes is no record")
            if payload.strip():
                yield Record(payload, file.name, at())


class _Cut:
    """Elements cut out of a stream: no more than one record and one chunk is held."""

    def __init__(self, names: frozenset[str] | None, *, children: bool) -> None:
        self._names = names
        self._children = children
        self._parser = _parser("utf-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartNamespaceDeclHandler = self._declare
        self._held = bytearray()
        self._base = 0  # where in the stream `held` begins
        self._depth = 0
        self._began: tuple[int, int, int, bytes] | None = None  # depth, offset, line, declarations to add
        self._spaces: list[dict[str, str]] = []
        self._own: dict[str, str] = {}
        self._found: list[tuple[bytes, int]] = []
        self._has_records = False
        self._has_others = False
        if names is not None:
            self._parser.CharacterDataHandler = self._say

    def records(self, stream: BinaryIO, name: str, at: Callable[[], int]) -> Iterator[Record]:
        """The records of one file, in order. at: how far it was read, for progress. Raises FileRefused."""
        chunks = _in_utf8(stream, name)
        for chunk in chunks:
            self._held += chunk
            try:
                self._parser.Parse(chunk, 0)
            except (expat.ExpatError, Unreadable):
                yield from self._cut(name, at())
                yield self._rest(chunks, name)
                return
            yield from self._cut(name, at())
        try:
            self._parser.Parse(b"", 1)
        except (expat.ExpatError, Unreadable):
            if self._held.strip() or self._base:
                yield self._rest(chunks, name)
            return
        if self._has_others and not self._has_records:
            wanted = ", ".join(sorted(self._names or ()))
            raise FileRefused(
                f"{name}: holds no element that its mapping reads ({wanted}); send it to the feed of another"
                " mapping, or name its elements in `records`"
            )

    def _cut(self, name: str, read: int) -> Iterator[Record]:
        found, self._found = self._found, []
        for payload, line in found:
            yield Record(payload, f"{name}:{line}", read)
        keep = self._parser.CurrentByteIndex if self._began is None else self._began[1]
        if keep > self._base:
            del self._held[: keep - self._base]
            self._base = keep

    def _rest(self, chunks: Iterator[bytes], name: str) -> Record:
        rest = bytes(self._held) + b"".join(chunks)
        return Record(rest, f"{name}:{self._parser.CurrentLineNumber}")

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        self._own[prefix or ""] = uri or ""

    def _say(self, text: str) -> None:
        self._has_others = self._has_others or bool(text.strip())

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        own, self._own = self._own, {}
        wanted = self._depth == 1 if self._children else _parted(name)[1] in (self._names or ())
        if wanted and not self._has_records:
            self._has_records = True
            self._parser.CharacterDataHandler = None
        elif self._depth and self._names is not None:
            self._has_others = True
        if wanted and self._began is None:
            around = {prefix: uri for declared in self._spaces for prefix, uri in declared.items()}
            added = b"".join(_declaration(p, u) for p, u in around.items() if p not in own)
            self._began = self._depth, self._parser.CurrentByteIndex, self._parser.CurrentLineNumber, added
        self._spaces.append(own)
        self._depth += 1
        if self._depth > DEEPEST:
            raise Unreadable("xml_depth", "", "the elements lie deeper than can be read")

    def _end(self, _name: str) -> None:
        self._depth -= 1
        self._spaces.pop()
        if self._began is None or self._began[0] != self._depth:
            return
        _depth, start, line, added = self._began
        self._began = None
        at = self._parser.CurrentByteIndex - self._base
        empty = _EMPTY.match(self._held, start - self._base)
        if empty is None or empty.end() != at:
            at = self._held.index(b">", at) + 1
        payload = bytes(self._held[start - self._base : at])
        tag = _TAG.match(payload)
        assert tag is not None, "an element begins with its tag"
        self._found.append((payload[: tag.end()] + added + payload[tag.end() :], line))


def _declaration(prefix: str, uri: str) -> bytes:
    quoted = uri.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return f' xmlns{":" if prefix else ""}{prefix}="{quoted}"'.encode()


def _in_utf8(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The stream in UTF-8, whatever it says that it is in; as it stands where no such encoding is known.

    Raises FileRefused where it is not in that encoding.
    """
    first = stream.read(_CHUNK)
    encoding = next((code for bom, code in _BOMS if first.startswith(bom)), None)
    declared = _ENCODING.match(first)
    if encoding is None and declared is not None:
        encoding = declared[1].decode().lower()
    decoder = None if encoding in (None, "utf-8") else _decoder(encoding or "")
    chunk = first
    while chunk:
        yield chunk if decoder is None else _recoded(decoder, chunk, name)
        chunk = stream.read(_CHUNK)
    if decoder is not None:
        yield _recoded(decoder, b"", name)


def _decoder(encoding: str) -> codecs.IncrementalDecoder | None:
    """None where it is unknown, or decodes something else than text, as hex does."""
    try:
        "".encode(encoding)  # which refuses those that are not of text
        return codecs.getincrementaldecoder(encoding)()
    except LookupError:
        return None
    except ValueError:  # it can't encode, which is not asked for
        return codecs.getincrementaldecoder(encoding)()


def _recoded(decoder: codecs.IncrementalDecoder, chunk: bytes, name: str) -> bytes:
    """A part of the text in UTF-8; the last one is empty."""
    try:
        return decoder.decode(chunk, final=not chunk).encode()
    except (ValueError, LookupError):
        told = f"{name}: its text is not in the encoding that it declares or begins with; send it in UTF-8"
        raise FileRefused(told) from None


def _parted(name: str) -> tuple[str, str]:
    space, _, local = name.rpartition(" ")
    return space, local


def _parser(encoding: str | None) -> Any:
    parser = expat.ParserCreate(encoding, " ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _unsafe
    parser.EntityDeclHandler = _unsafe
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    return parser


def _unsafe(*_told: object) -> None:
    raise Unreadable("xml_unsafe", "", "a DTD or entities of its own are not read; send the document without")


def _malformed(error: expat.ExpatError) -> Unreadable:
    told = expat.errors.messages.get(error.code, "malformed")
    return Unreadable("xml_format", "", f"not XML: {told} in line {error.lineno}")
