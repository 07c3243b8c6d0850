"""Rows of relational exports, put together to documents."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.laying import lay_off_on_disk
from adapters.sources.base import Record
from adapters.sources.mapping.gathering import SHELF, Gathering, gathered
from adapters.sources.mapping.xml import read_xml, xml_records
from tests.sources.mapped import problems

ORDERS = (Gathering("Order", "id", frozenset({"Item", "Note"})),)
HEAD = "mapping: shop\nversion: 1\nreads: xml\nkind: '#name'\nobjects: {}\n"


def rows(*payloads: str) -> list[Record]:
    """Rows as they were cut out of a file."""
    return [Record(payload.encode(), f"rows.xml:{line}", line) for line, payload in enumerate(payloads, 1)]


def payloads(*told: str) -> list[str]:
    """What rows are gathered to."""
    return sorted(record.payload.decode() for record in gathered(rows(*told), ORDERS))


def test_rows_go_into_their_head_in_their_order_wherever_it_stands() -> None:
    found = payloads('<Item id="1" n="a"/>', '<Order id="2"/>', '<Order id="1" />', '<Note id="1"/>')
    assert found == ['<Order id="1"><Item id="1" n="a"/><Note id="1"/></Order>', '<Order id="2"/>']


def test_a_head_with_content_keeps_it() -> None:
    assert payloads('<Order id="1"><text>a</text></Order>', '<Item id="1"/>') == [
        '<Order id="1"><text>a</text><Item id="1"/></Order>'
    ]


def test_rows_of_no_document_stay_as_they_are() -> None:
    apart = ['<Item id="7"/>', "<Item/>", '<Order n="1"/>', '<Other id="1"/>', "<broken"]
    assert payloads(*apart) == sorted(apart)


def test_a_second_head_of_one_key_is_a_record_of_its_own() -> None:
    assert payloads('<Order id="1" a="1"/>', '<Order id="1" a="2"/>', '<Item id="1"/>') == [
        '<Order id="1" a="1"><Item id="1"/></Order>',
        '<Order id="1" a="2"/>',
    ]


@given(st.lists(st.tuples(st.sampled_from(["Order", "Item", "Note", "Other"]), st.integers(0, 5))))
def test_every_row_is_in_exactly_one_record(told: list[tuple[str, int]]) -> None:
    marked = [f'<{name} id="{key}" row="{i};"/>' for i, (name, key) in enumerate(told)]
    found = "".join(payloads(*marked))
    assert sorted(found.count(f'row="{i};"') for i in range(len(marked))) == [1] * len(marked)


def test_an_export_of_many_documents_is_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "x" * 1_000
    with (tmp_path / "orders.xml").open("w") as file:
        file.write("<rows>")
        file.writelines(f'<Order id="{i}" text="{text}"/>' for i in range(20_000))
        file.writelines(f'<Item id="{i}"/>' for i in range(20_000))
        file.write("</rows>")
    monkeypatch.setattr(SHELF, "make", SHELF.make)
    lay_off_on_disk()
    tracemalloc.start()
    found = gathered(xml_records(tmp_path, None, children=True), ORDERS)
    assert sum(1 for _record in found) == 20_000
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12_000_000  # of 21 MB; what is held of each part, and one part whole


def test_an_empty_element_is_cut_whole_where_its_parent_ends_right_behind(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<rows><row a="1>"/><row b=\'"\'><row/></row><row>/></row></rows>')
    found = [record.payload for record in xml_records(tmp_path, None, children=True)]
    assert found == [b'<row a="1>"/>', b"<row b='\"'><row/></row>", b"<row>/></row>"]
    assert read_xml(found[0]).value == {"@a": "1>", "#name": "row"}
    (tmp_path / "a.xml").write_text("<row><row/></row>")
    assert [record.payload for record in xml_records(tmp_path, None, children=True)] == [b"<row/>"]


def test_mistakes_in_gather_are_named() -> None:
    def said(records: str) -> str:
        return " ".join(problem.message for problem in problems(f"{HEAD}records: {records}\n"))

    assert "needs elements or children" in said("{gather: [{head: A, by: id, rows: [B]}]}")
    twice = "[{head: A, by: id, rows: [B]}, {head: C, by: id, rows: [B]}]"
    assert "gathered already" in said(f"{{children: yes, gather: {twice}}}")
    assert "by" in said("{children: yes, gather: [{head: A, rows: [B]}]}")
