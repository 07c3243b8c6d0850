"""CSV files with mistakes in them: no row goes away without a word, and no document loses a line."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources import SOURCES
from adapters.sources.base import FileRefused
from adapters.sources.headers import Vocabulary, nearest
from adapters.sources.remarks import listening
from adapters.sources.rows import csv_rows
from adapters.sources.tables import Table, csv_records

PLAIN = SOURCES["plain_csv"]
HEADER = "type,effective_on,invoice,customer,currency,due_on,line,sku,net,tax,kind,description\n"


def row(number: str, last: str = "x", line: str = "1") -> str:
    return f"invoice.posted,2026-02-01,{number},C-1,EUR,2026-03-01,{line},SUB,100.00,20.00,one_time,{last}\n"


def read(tmp_path: Path, text: str | bytes, table: Table | None = None) -> list[dict[str, Any]]:
    file = tmp_path / "a.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = csv_records(file, lambda _: "k", table or Table())
    return [json.loads(record.payload) | {"at": record.where} for record in found]


def outcomes(tmp_path: Path, text: str) -> list[str]:
    """The invoice that each record posts, or why it is refused."""
    file = tmp_path / "a.csv"
    file.write_text(text)
    told = [PLAIN.translate(record.payload, "acme") for record in PLAIN.records(file)]
    return [one.refused[0].code if one.refused else str(one.milestones[0]["subject"]) for one in told]


# ---- quotes


def test_text_after_a_closing_quote_breaks_its_row_alone(tmp_path: Path) -> None:
    text = HEADER + row("B1", '"19" rack') + row("B2") + row("B3", '"19" rack') + row("B4")
    assert outcomes(tmp_path, text) == ["row_ragged", "invoice/B2", "row_ragged", "invoice/B4"]
    (first, *_) = read(tmp_path, text)
    assert first["beyond"] == [row("B1", '"19" rack').rstrip()]
    assert first["at"] == "a.csv:2"
    (refusal,) = PLAIN.translate(next(PLAIN.records(tmp_path / "a.csv")).payload, "acme").refused
    assert refusal.message == first["unread"][0]["why"]
    assert (first["unread"][0]["line"], first["unread"][0]["column"]) == (2, 81)
    assert "write a quote within a text twice" in first["unread"][0]["why"]


def test_a_quote_within_a_cell_without_quotes_is_text(tmp_path: Path) -> None:
    assert outcomes(tmp_path, HEADER + row("A1", '5" pipe') + row("A2")) == ["invoice/A1", "invoice/A2"]


def test_a_text_over_lines_is_a_text(tmp_path: Path) -> None:
    assert outcomes(tmp_path, HEADER + row("A1", '"a, b\nc ""d"""') + row("A2")) == [
        "invoice/A1", "invoice/A2",
    ]  # fmt: skip


def test_two_stray_quotes_refuse_the_file_from_the_line_of_the_first(tmp_path: Path) -> None:
    odd = row("F1").replace("C-1", '"C-1')
    found: list[Any] = []
    (tmp_path / "a.csv").write_text(HEADER + row("F0") + odd + row("F2") + odd + row("F4"))
    with pytest.raises(FileRefused, match=r"a\.csv:3: a quote opens here \(column 30\).* on line 5"):
        found.extend(PLAIN.records(tmp_path / "a.csv"))


def test_a_quote_that_is_not_closed_says_where_it_opens(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=r"a\.csv:2: a quote opens here \(column 77\).*18 lines on"):
        outcomes(tmp_path, HEADER + row("C1", '"open') + row("C2") * 18)


def test_a_text_that_has_taken_in_rows_is_none(tmp_path: Path) -> None:
    text = HEADER + row("C0") + row("C1", '"open') + row("C2") + row("C3", '5"') + row("C4")
    assert outcomes(tmp_path, text) == ["invoice/C0", "row_ragged"], "C4 may begin with what was taken in"
    found = read(tmp_path, text)
    assert [one.get("unread", [{}])[0].get("line") for one in found] == [None, 3, None]
    assert found[1]["beyond"][0].count("invoice.posted") == 3


def test_a_broken_row_takes_its_document_with_it_and_no_other(tmp_path: Path) -> None:
    text = (
        HEADER
        + row("A0")
        + row("A1")
        + row("A1", '"19" rack', line="2")
        + row("A1", line="3")
        + row("A2", '"19" rack')
        + row("A2", line="2")
        + row("A3")
        + row("A4", '"19" rack')
    )
    assert outcomes(tmp_path, text) == [
        "invoice/A0", "row_ragged", "row_ragged", "invoice/A3", "row_ragged",
    ]  # fmt: skip


def test_a_row_broken_before_its_number_takes_both_its_neighbours(tmp_path: Path) -> None:
    broken = row("A2").replace("2026-02-01", '"2026" -02-01')
    assert outcomes(tmp_path, HEADER + row("A0") + row("A1") + broken + row("A3") + row("A4")) == [
        "invoice/A0", "row_ragged", "row_ragged", "invoice/A4",
    ]  # fmt: skip


@given(
    st.lists(
        st.lists(st.text(st.sampled_from('ab",\n\r '), max_size=5), min_size=2, max_size=4), max_size=8
    ).map(lambda rows: [["k", "l", "m", "n"][:3], *rows])
)
def test_whatever_a_writer_quotes_is_read_as_it_was_written(rows: list[list[str]]) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in cells) for cells in rows]
    lines = "".join(line + "\n" for line in quoted).splitlines(keepends=True)
    assert [one.cells for one in csv_rows(lines, ",", "a.csv")] == [list(cells) for cells in rows]


@given(st.lists(st.text(st.sampled_from('ab",'), min_size=1, max_size=12), max_size=12))
def test_no_line_goes_away_without_a_word(lines: list[str]) -> None:
    text = ["h,i\n", *(line + "\n" for line in lines)]
    told = 0
    with suppress(FileRefused):
        for one in csv_rows(text, ",", "a.csv"):
            taken = "".join(one.cells) if one.broken is None else one.broken.text
            told += 1 + taken.count("\n")
        assert told == 1 + sum(1 for line in lines if line)


# ---- headers and first bytes


def test_a_wrong_delimiter_refuses_the_file_whole(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=r"plain_csv reads, such as type: found `type;effective_on.*';'"):
        outcomes(tmp_path, (HEADER + row("A1")).replace(",", ";"))
    with pytest.raises(FileRefused, match="remove it"):
        outcomes(tmp_path, "sep=,\n" + HEADER + row("A1"))


def test_a_column_without_which_nothing_can_be_read_is_needed(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="lacks 'type'"):
        outcomes(tmp_path, HEADER.replace("type,", "typus,") + row("A1"))


def test_a_column_that_stands_twice_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=r"two columns .* 'due_on'"):
        outcomes(tmp_path, HEADER.replace("customer", "Due On") + row("A1"))


def test_a_slip_of_a_column_is_refused_and_another_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="nobody reads the column 'due_onn': is 'due_on' meant"):
        outcomes(tmp_path, HEADER.replace("due_on", "due_onn") + row("A1"))
    heard: list[str] = []
    with listening(heard):
        told = outcomes(tmp_path, HEADER.replace("description", "Our Memo") + row("A1"))
    assert told == ["invoice/A1"]
    assert heard == ["a.csv: columns that nobody reads: Our Memo"]


@pytest.mark.parametrize(
    ("name", "near"),
    [("curency", "currency"), ("efective_onn", "effective_on"), ("lines", "line"), ("knid", "kind"),
     ("state", None), ("region", None), ("date", None), ("memo", None)],
)  # fmt: skip
def test_a_slip_is_a_letter_and_no_other_word(name: str, near: str | None) -> None:
    known = {"currency", "effective_on", "line", "kind", "stage", "reason", "rate"}
    assert nearest(name, known) == near


def test_nothing_is_known_of_columns_without_a_vocabulary() -> None:
    assert Vocabulary().reads("any")
    assert not Vocabulary(text="invoice_id").reads("invoice")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04\x14\x00", "Excel workbook or a zip"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel"),
        (b"\x1f\x8b\x08", "gzip"),
        ("id,name\n1,x\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
    ],
)
def test_what_is_no_csv_says_what_it_looks_like(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(FileRefused, match=says):
        read(tmp_path, content)


def test_utf_16_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-16-le"):
        mark = b"" if encoding == "utf-16" else b"\xff\xfe"
        (one,) = read(tmp_path, mark + "id,name\n1,ä\n".encode(encoding))
        assert one["row"] == {"id": "1", "name": "ä"}


def test_bytes_of_another_encoding_are_told(tmp_path: Path) -> None:
    heard: list[str] = []
    with listening(heard):
        found = read(tmp_path, "id,name\n1,😀\n2,Gesch\xe4ft\n3,\xe4\n".encode("cp1252", "ignore"))
    assert len(found) == 3
    assert heard == [
        "a.csv:3: from this line on not UTF-8: set `csv.encoding`, such as cp1252, and read the file again"
    ]
    heard.clear()
    with listening(heard):
        read(tmp_path, "id,name\n1,😀 \U0001f0c1\n")
    assert heard == []
