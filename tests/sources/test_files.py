"""How files are cut into records."""

import json
import tracemalloc
from pathlib import Path

import pytest

from adapters.sources import SOURCES, Record, tables
from adapters.sources.base import FileRefused
from adapters.sources.files import json_records
from adapters.sources.tables import Table, csv_records


def bodies(records: list[Record]) -> list[bytes]:
    return [record.payload for record in records]


def test_each_line_is_a_record_with_its_own_bytes_and_line_number(tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_bytes(b'{"a": 1.50}\r\n\n  \n{"b":"\xe2\x80\xa8"}\n{"c": 3}')
    found = list(json_records(file))
    assert bodies(found) == [b'{"a": 1.50}', b'{"b":"\xe2\x80\xa8"}', b'{"c": 3}']
    assert [record.where for record in found] == ["feed.jsonl:1", "feed.jsonl:4", "feed.jsonl:5"]


def test_a_line_that_is_not_json_is_a_record_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "feed.ndjson"
    file.write_bytes(b'\xef\xbb\xbf{"a":\n\xff\xfe\n')
    assert bodies(list(json_records(file))) == [b'{"a":', b"\xff\xfe"]


def test_lines_are_read_in_the_memory_of_one(tmp_path: Path) -> None:
    file = tmp_path / "long.ndjson"
    file.write_bytes((b'{"x": "' + b"y" * 490 + b'"}\n') * 20_000)
    tracemalloc.start()
    try:
        count = sum(1 for _record in json_records(file))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 500_000


def test_a_json_list_counts_as_its_elements_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "batch.json"
    file.write_bytes(b'\n[ {"n": 12345678901234567890, "x": 1.0} ,\n{"x" :"\\u00e9]"}, 3 ]\n')
    found = list(json_records(file))
    assert bodies(found) == [b'{"n": 12345678901234567890, "x": 1.0}', b'{"x" :"\\u00e9]"}', b"3"]
    assert [record.where for record in found] == ["batch.json#0", "batch.json#1", "batch.json#2"]


def test_a_json_object_counts_as_one_record_and_several_values_as_several(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(b'  {"a": 1}  ')
    (tmp_path / "two.json").write_bytes(b'{"a": 1} {"b": 2}')
    found = list(json_records(tmp_path))
    assert bodies(found) == [b'{"a": 1}', b'{"a": 1}', b'{"b": 2}']


def test_a_fixture_file_counts_as_its_resources(tmp_path: Path) -> None:
    file = tmp_path / "fixtures.json"
    file.write_bytes(b'{"resources": {"charge": {"id": 1}, "a}": {"id": 2}}, "other": {}}')
    found = list(json_records(file, members_of="resources"))
    assert bodies(found) == [b'{"id": 1}', b'{"id": 2}']
    assert [record.where for record in found] == ["fixtures.json#charge", "fixtures.json#a}"]


def test_a_file_that_is_not_json_is_one_record_whole(tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(b'[{"a": 1}, {"b": ')
    assert bodies(list(json_records(file))) == [b'[{"a": 1}, {"b": ']


def test_an_empty_list_holds_no_record(tmp_path: Path) -> None:
    (tmp_path / "none.json").write_bytes(b" [] ")
    assert list(json_records(tmp_path)) == []


def test_a_folder_is_read_by_name_without_hidden_and_unknown_files(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a/c.json", ".hidden/d.json", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"n": 1}')
    assert [record.where for record in json_records(tmp_path)] == ["a/c.json", "b.jsonl:1"]


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_nothing_to_read_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        list(SOURCES[name].records(tmp_path))
    with pytest.raises(FileNotFoundError):
        list(SOURCES[name].records(tmp_path / "missing"))


def test_a_csv_row_becomes_an_object_that_can_be_read_alone(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'\xef\xbb\xbfid,name\r\n1,"a\nb, c"\r\n\r\n2,\xc3\xa9\r\n')
    found = list(csv_records(file, lambda header: "+".join(sorted(header))))
    assert [json.loads(body) for body in bodies(found)] == [
        {"object": "id+name", "row": {"id": "1", "name": "a\nb, c"}},
        {"object": "id+name", "row": {"id": "2", "name": "é"}},
    ]
    assert [record.where for record in found] == ["rows.csv:2", "rows.csv:5"]


def test_a_csv_row_loses_no_cell(tmp_path: Path) -> None:
    file = tmp_path / "ragged.csv"
    file.write_bytes(b"id,name,at\n1,x,2\n3,y,4,5\n6\n")
    kept = [json.loads(body) for body in bodies(list(csv_records(file, lambda _header: "k")))]
    assert [list(row["row"].values()) for row in kept] == [["1", "x", "2"], ["3", "y", "4"], ["6"]]
    assert [row.get("beyond") for row in kept] == [None, ["5"], None]


def test_an_empty_csv_file_holds_no_record(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    assert list(csv_records(tmp_path, lambda _header: "k")) == []


@pytest.mark.parametrize(("limit", "most"), [("MOST_ROWS", 3), ("LONGEST", 12)])
def test_rows_that_belong_together_are_held_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(tables, limit, most)
    table = Table(group_by=("id",))
    (tmp_path / "a.csv").write_text("id,name\n" + "1,xyz\n" * 3 + "2,xyz\n" * 3)
    assert len(list(csv_records(tmp_path / "a.csv", lambda _: "k", table))) == 2
    (tmp_path / "a.csv").write_text("id,name\n" + "1,xyz\n" * 4)
    with pytest.raises(FileRefused, match=r"a\.csv:5: .*rows"):
        list(csv_records(tmp_path / "a.csv", lambda _: "k", table))
