"""Plain files: every type of milestone, as JSON and as CSV, comes out as it went in."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from adapters.sources import SOURCES
from domain.contract import SENT, parse_event
from scripts.cataloguing.examples import EXAMPLES
from scripts.cataloguing.plain import LINE_COLUMNS, column, columns, plain_csv, plain_json, types
from tests.sources.checks import refused, translated

JSON, CSV = SOURCES["plain_json"], SOURCES["plain_csv"]
MAPPINGS = Path(__file__).parents[2] / "adapters" / "sources" / "mappings"
#: What a row has no room for: a billing plan, a list of ids, applications on the memo itself.
BEYOND_CSV = ("billing", "ids", "applied_to")


def plain(name: str) -> dict[str, Any]:
    """The example of a type as a plain object: its data beside its type, time and numbers."""
    event = EXAMPLES[name].then
    data = {key: value for key, value in event["data"].items() if key not in ("keys", "dimensions")}
    kind, _, number = event["subject"].partition("/")
    told = {kind: number} if kind in ("opportunity", "order", "lead") else {}
    more = {"sequence": event["sequence"]} if "sequence" in event else {}
    return {"type": name, "time": event["time"], "currency": "EUR", **told, **data, **more}


def fields(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """What a milestone says of its type, without keys and dimensions; lines without what is left out of 0."""
    told = {field.wire for field in SENT[f"{name}.v1"].fields} | {"effective_on"}
    return {key: value for key, value in data.items() if key in told and key != "currency"}


def rows_of(tmp_path: Path, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """The milestones of a CSV file of these rows."""
    path = tmp_path / "facts.csv"
    header = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, header)
        writer.writeheader()
        writer.writerows(rows)
    found = []
    for record in CSV.records(path):
        translation = CSV.translate(record.payload, "acme")
        assert translation.refused == ()
        for milestone in translation.milestones:
            parse_event(milestone)
            found.append(dict(milestone))
    return found


def test_the_mappings_are_what_the_catalogue_says() -> None:
    assert (MAPPINGS / "plain_json.yaml").read_text(encoding="utf-8") == plain_json()
    assert (MAPPINGS / "plain_csv.yaml").read_text(encoding="utf-8") == plain_csv()


@pytest.mark.parametrize("name", types())
def test_a_plain_object_of_every_type_comes_out_as_it_went_in(name: str) -> None:
    record = plain(name)
    (event,) = translated(JSON, record)
    assert event["type"] == f"{name}.v1"
    assert fields(name, event["data"]) == fields(name, record)


@pytest.mark.parametrize("name", types())
def test_rows_of_every_type_come_out_as_they_went_in(name: str, tmp_path: Path) -> None:
    record = {key: value for key, value in plain(name).items() if key not in BEYOND_CSV}
    head = {column_of(name, key): value for key, value in record.items() if key != "lines"}
    lines = [
        {key: value for key, value in line.items() if key != "billing"} for line in record.get("lines", ())
    ]
    assert {*head, *(key for line in lines for key in line)} <= {*columns(), *LINE_COLUMNS}
    (event,) = rows_of(tmp_path, *([head | line for line in lines] or [head]))
    want = fields(name, record) | ({"lines": lines} if lines else {})
    assert fields(name, event["data"]) == want


def column_of(name: str, wire: str) -> str:
    """The column of a field."""
    found = next((field for field in SENT[f"{name}.v1"].fields if field.wire == wire), None)
    return wire if found is None else column(name, found)


def invoice(**more: Any) -> dict[str, Any]:
    """A plain invoice."""
    line = {"sku": "SUB", "net": "100.00", "tax": "20.00"}
    return {
        "type": "invoice.posted", "time": "2026-02-01T09:00:00Z", "invoice": "INV-1", "order": "SO-1",
        "opportunity": "006A", "customer": "C-1", "currency": "EUR", "due_on": "2026-03-03", "lines": [line],
    } | more  # fmt: skip


def test_the_numbers_beside_a_document_are_the_keys_of_its_deal() -> None:
    (event,) = translated(JSON, invoice())
    assert event["data"]["keys"] == [
        "erp/plain/acme:invoice:INV-1",
        "crm/plain/acme:opportunity:006A",
        "erp/plain/acme:order:SO-1",
    ]
    assert event["data"]["dimensions"] == {"customer": "C-1"}


def test_json_and_csv_of_the_same_fact_are_the_same_milestone(tmp_path: Path) -> None:
    (line,) = invoice()["lines"]
    row = {key: value for key, value in invoice().items() if key != "lines"} | line
    assert rows_of(tmp_path, row) == translated(JSON, invoice())


def test_a_fact_is_named_by_its_document_or_by_the_id_that_is_given() -> None:
    paid = {"type": "payment.applied", "payment": "P1", "invoice": "INV-1", "currency": "EUR", "amount": 5}
    (event,) = translated(JSON, {**paid, "effective_on": "2026-02-20"})
    assert event["id"] == "payment/P1-INV-1-2026-02-20:payment.applied"
    (event,) = translated(JSON, {**paid, "effective_on": "2026-02-20", "id": "A-7"})
    assert event["id"] == "payment/A-7:payment.applied"
    assert translated(JSON, invoice())[0]["id"] == "invoice/INV-1:invoice.posted"


def test_neighbouring_rows_without_lines_are_facts_of_their_own(tmp_path: Path) -> None:
    row = {"type": "product.mapped", "time": "2026-01-01T00:00:00Z"}
    told = rows_of(tmp_path, row | {"sku": "A", "product": "X"}, row | {"sku": "B", "product": "X"})
    assert [event["data"]["sku"] for event in told] == ["A", "B"]


def test_a_document_that_is_told_with_its_total_must_add_up(tmp_path: Path) -> None:
    assert len(translated(JSON, invoice(total="120.00"))) == 1
    assert refused(JSON, invoice(total="121.00")) == ("total_mismatch", "/total")


def test_what_is_missing_or_unknown_is_refused_where_it_stands() -> None:
    assert refused(JSON, invoice(due_on=None)) == ("field_missing", "/due_on")
    assert refused(JSON, invoice(time=None)) == ("field_missing", "/time")
    assert refused(JSON, invoice(type="invoice.sent"))[0] == "object_unknown"
    payload = json.dumps({"object": "unknown", "row": {"type": "invoice.sent"}}).encode()
    ((code, pointer, _),) = CSV.translate(payload, "acme").refused
    assert (code, pointer) == ("value_unknown", "/row/type")


def test_a_field_that_nobody_reads_is_refused_with_the_name_that_is_meant() -> None:
    whole = plain("invoice.posted")
    slip = {name: value for name, value in whole.items() if name != "due_on"} | {"due_onn": "2026-03-01"}
    (refusal,) = JSON.translate(json.dumps(slip).encode(), "acme").refused
    assert (refusal.code, refusal.pointer) == ("field_unknown", "/due_onn")
    assert "'due_on' meant" in refusal.message
    lines = [dict(line) for line in whole["lines"]]
    lines[0]["colour"] = "red"
    (refusal,) = JSON.translate(json.dumps(whole | {"lines": lines}).encode(), "acme").refused
    assert (refusal.code, refusal.pointer) == ("field_unknown", "/lines/0/colour")
    assert "leave it out" in refusal.message
