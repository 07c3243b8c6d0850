"""Files as they lie: packed, large, broken, hostile."""

import gzip
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources import files, packed, values
from adapters.sources.base import FileRefused, Record
from adapters.sources.files import json_records
from adapters.sources.remarks import listening
from adapters.sources.tables import csv_records
from adapters.sources.values import ValueStream


def bodies(records: list[Record]) -> list[bytes]:
    return [record.payload for record in records]


def test_gzip_is_read_as_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n{"b": 2}\n'))
    (tmp_path / "b.JSON.GZ").write_bytes(gzip.compress(b'[{"c": 3}]'))
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(b"id\n1\n"))
    found = list(json_records(tmp_path))
    assert bodies(found) == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']
    assert [record.where for record in found] == ["a.jsonl.gz:1", "a.jsonl.gz:2", "b.JSON.GZ#0"]
    assert [json.loads(body)["row"] for body in bodies(list(csv_records(tmp_path, lambda _: "k")))] == [
        {"id": "1"}
    ]


def test_a_zip_is_read_member_by_member(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b/two.jsonl", '{"b": 2}\n')
        archive.writestr("one.json", '[{"a": 1}]')
        archive.writestr("rows.csv", "id\n1\n")
        archive.writestr("inner.zip", b"PK")
    assert [record.where for record in json_records(tmp_path / "export.zip")] == [
        "export.zip/b/two.jsonl:1", "export.zip/one.json#0",
    ]  # fmt: skip
    assert [record.where for record in csv_records(tmp_path, lambda _: "k")] == ["export.zip/rows.csv:2"]


def test_two_members_of_one_name_are_both_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "id\n1\n")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.csv", "id\n2\n")
    found = list(csv_records(tmp_path / "a.zip", lambda _: "k"))
    assert [json.loads(one.payload)["row"]["id"] for one in found] == ["1", "2"]
    assert [one.where for one in found] == ["a.zip/a.csv:2", "a.zip/a.csv (2):2"]


def test_members_that_are_not_read_are_named_and_those_without_ending_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a.csv", "b.CSV", "export", "c.txt", "d.csv.gz", "../e.csv", "x/.y/f.csv"):
            archive.writestr(name, "id\n1\n")
    heard: list[str] = []
    with listening(heard):
        found = list(csv_records(tmp_path / "a.zip", lambda _: "k"))
    assert [one.where.split("/")[-1] for one in found] == ["a.csv:2", "b.CSV:2", "export:2"]
    assert heard == ["a.zip: 4 of 7 files in it are not read: c.txt, d.csv.gz, ../e.csv, x/.y/f.csv"]


@pytest.mark.parametrize("cut", [1, 8, 20])
def test_a_packed_file_that_ends_early_says_so_after_what_it_holds(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"a": 1}\n' * 50_000)[:-cut])
    found: list[Record] = []
    with pytest.raises(FileRefused, match="broken or ends early"):
        found.extend(json_records(file))


@pytest.mark.parametrize("name", ["a.zip", "a.jsonl.gz"])
def test_what_is_no_archive_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not an archive")
    with pytest.raises(FileRefused, match=name):
        list(json_records(tmp_path / name))


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "FREE_BYTES", 100_000)
    content = (b'{"a": "' + b"x" * 5_000 + b'"}\n') * 5_000
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(content))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.jsonl", content)
    for name in ("a.jsonl.gz", "b.zip"):
        tracemalloc.start()
        try:
            with pytest.raises(FileRefused, match="unpacks to more"):
                for _record in json_records(tmp_path / name):
                    pass
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 20_000_000


def test_an_archive_of_very_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MOST_MEMBERS", 2)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for n in range(3):
            archive.writestr(f"{n}.json", "{}")
    with pytest.raises(FileRefused, match="in parts"):
        list(json_records(tmp_path / "a.zip"))


def test_a_line_without_end_is_refused_before_it_fills_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LONGEST", 1_000)
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n{"a": "' + b"x" * 2_000)
    with pytest.raises(FileRefused, match=r"a\.jsonl:2"):
        list(json_records(tmp_path / "a.jsonl"))


def test_a_csv_whose_quote_never_ends_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'id,name\n1,"' + b"x" * 300_000)
    with pytest.raises(FileRefused, match=r"a\.csv"):
        list(csv_records(tmp_path / "a.csv", lambda _: "k"))


@pytest.mark.parametrize("wrapped", [False, True], ids=["list", "members"])
def test_a_large_json_file_is_read_in_the_memory_of_some_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: bool
) -> None:
    monkeypatch.setattr(files, "WHOLE", 100_000)
    rows = [b'{"n": %d, "x": "%s"}' % (n, b"y" * 480) for n in range(20_000)]
    file = tmp_path / "large.json"
    if wrapped:
        members = b",\n".join(b'"k%d": %s' % (n, row) for n, row in enumerate(rows))
        file.write_bytes(b'{"about": [1, {"x": "]"}], "resources": {' + members + b"}}")
    else:
        file.write_bytes(b"\xef\xbb\xbf [" + b",\n ".join(rows) + b"]\n")
    members_of = "resources" if wrapped else None
    tracemalloc.start()
    try:
        for n, record in enumerate(json_records(file, members_of=members_of)):
            assert record.payload == rows[n]
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n == 19_999
    assert peak < 12_000_000


def test_how_far_files_were_read_is_told_in_bytes_on_disk(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n' * 10_000)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n' * 10_000))
    reads = [record.read for record in json_records(tmp_path)]
    assert reads == sorted(reads)
    assert (tmp_path / "a.jsonl").stat().st_size < reads[-1] <= packed.size_below(tmp_path)


# ---- values in pieces


class Pieces:
    """A stream that gives so many bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self.content, self.size = content, size

    def read(self, _size: int) -> bytes:
        given, self.content = self.content[: self.size], self.content[self.size :]
        return given


def cut(content: bytes, piece: int) -> list[bytes]:
    return [value for _, value in ValueStream(Pieces(content, piece), "f", piece=piece).top()]  # type: ignore[arg-type]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)
BLANKS = st.sampled_from(["", " ", "\n\t", "  \r\n"])


@given(st.lists(JSON, max_size=6), st.integers(1, 12), BLANKS, st.booleans())
def test_a_list_in_any_pieces_is_cut_where_its_elements_are(
    elements: list[object], piece: int, blank: str, ascii_only: bool
) -> None:
    written = [json.dumps(one, ensure_ascii=ascii_only).encode() for one in elements]
    content = (
        blank.encode() + b"[" + (blank.encode() + b"," + blank.encode()).join(written) + b"]" + blank.encode()
    )
    assert cut(content, piece) == written


@given(st.lists(JSON.filter(lambda one: not isinstance(one, list)), max_size=5), st.integers(1, 12))
def test_values_one_after_the_other_are_cut(elements: list[object], piece: int) -> None:
    written = [json.dumps(one).encode() for one in elements]
    assert cut(b"\n".join(written), piece) == written


@pytest.mark.parametrize(
    "content",
    [b'[{"a": 1}, {"b": ', b'[{"a": 1} {"b": 2}]', b"[1, 2] 3", b"[1, nope]", b"[", b"[1,", b'["\xff"]'],
)
def test_a_list_that_is_no_json_gives_what_is_before_and_says_so(content: bytes) -> None:
    with pytest.raises(FileRefused, match="f: "):
        cut(content, 3)


def test_a_value_that_is_too_long_is_refused() -> None:
    stream = ValueStream(Pieces(b'["' + b"x" * 10_000, 100), "f", longest=1_000, piece=100)  # type: ignore[arg-type]
    with pytest.raises(FileRefused, match="longer than 1000"):
        list(stream.top())
    assert values.LONGEST == 64 * 2**20
