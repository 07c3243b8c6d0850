"""The real XML of ../shared/data, NetSuite's answers and OFBiz's rows, counted as in test_shared_files."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from adapters.sources import BUILT_IN, SOURCES, load_mapping
from domain.contract import parse_event
from tests.sources.samples_netsuite import told

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared samples are not beside the project")

NETSUITE = {
    "readResponse": {
        "-master_data": 1,
        "-not_saved": 1,
        "!currency_missing /record/currency": 1,
        "!field_missing /record/status": 1,
    },
    "writeResponse": {
        "-master_data": 7,
        "-request_failed": 12,
        "?invoice 439": 1,
        "?invoice 979": 1,
        "?invoice 999": 1,
        "?salesOrder 999": 1,
    },
    "record": {"-master_data": 1},
    "searchRow": {"-master_data": 3},
    "deletedRecord": {"milestone.voided": 3},
}
#: Rows that are gathered, and what the others come to: those that are ignored are counted together.
OFBIZ = {
    "Invoice": {"invoice.posted": 2, "-purchasing": 1},
    "OrderHeader": {"order.submitted+order.accepted": 2, "-purchasing": 2},
    "Payment": {"payment.received+payment.applied": 1, "-purchasing": 1},
    "Quote": {"-quote_open": 1},
    "Shipment": {"fulfilment.confirmed*2": 1, "-not_shipped": 1, "-purchasing": 2},
    "": {
        "-catalogue": 734,
        "-content": 476,
        "-setup": 378,
        "-master_data": 198,
        "-warehouse": 122,
        "-general_ledger": 28,
        "-not_order_to_cash": 10,
        "-restates_payment": 3,
    },
}


def kind_of(payload: bytes) -> str:
    """The element that a record is."""
    match = re.match(rb"<(?:\w+:)?(\w+)", payload)
    assert match is not None
    return match[1].decode()


def counted(name: str, heads: set[str]) -> dict[str, dict[str, int]]:
    """What the records of a set come to, by the element that they are."""
    found: dict[str, Counter[str]] = {}
    for record in SOURCES[name].records(SHARED / name):
        translation = SOURCES[name].translate(record.payload, "acme")
        names = Counter(str(m["type"]).removesuffix(".v1") for m in translation.milestones)
        what = "+".join(name if n == 1 else f"{name}*{n}" for name, n in names.items())
        if translation.ignored is not None:
            what = f"-{translation.ignored}"
        elif translation.refused:
            what = "!" + " ".join(translation.refused[0][:2])
        elif translation.needed:
            what = f"?{translation.needed[0].object} {translation.needed[0].id}"
        kind = kind_of(record.payload)
        found.setdefault(kind if kind in heads else "", Counter())[what] += 1
    return {kind: dict(counts) for kind, counts in found.items()}


def milestones_of(name: str) -> dict[str, dict[str, Any]]:
    """The milestones of a set, by id."""
    found = {}
    for record in SOURCES[name].records(SHARED / name):
        for milestone in SOURCES[name].translate(record.payload, "acme").milestones:
            parse_event(milestone)
            assert milestone["id"] not in found
            found[str(milestone["id"])] = dict(milestone)
    return found


def test_every_answer_of_netsuite_is_accounted_for() -> None:
    assert counted("netsuite", set(NETSUITE)) == NETSUITE
    files = {record.where.split(":")[0] for record in SOURCES["netsuite"].records(SHARED / "netsuite")}
    assert len(files) == 28


def test_a_whole_answer_comes_to_the_same_as_the_records_in_it() -> None:
    netsuite = SOURCES["netsuite"]
    for file in sorted((SHARED / "netsuite").rglob("*.xml")):
        parts = [netsuite.translate(record.payload, "acme") for record in netsuite.records(file)]
        whole = netsuite.translate(file.read_bytes(), "acme")
        assert whole.milestones == tuple(m for part in parts for m in part.milestones)
        assert bool(whole.refused) == any(part.refused for part in parts)


def test_every_row_of_ofbiz_is_accounted_for() -> None:
    assert counted("ofbiz", set(OFBIZ)) == OFBIZ
    text = (SHARED / "ofbiz" / "OrderDemoData.xml").read_bytes()
    cut = [record.payload for record in SOURCES["ofbiz"].records(SHARED / "ofbiz")]
    rows = re.findall(rb"<[A-Z]\w+[\s>]", re.sub(rb"<!--.*?-->", b"", text, flags=re.DOTALL))
    assert sum(len(re.findall(rb"<[A-Z]\w+[\s>]", payload)) for payload in cut) == len(rows) == 2098


def test_the_sales_order_leads_to_its_shipment_invoice_and_payment_to_the_cent() -> None:
    found = milestones_of("ofbiz")
    order = "erp/ofbiz/acme:order:Demo1002"
    invoice = found["invoice/8009:invoice.posted"]["data"]
    applied = found["application/9003:payment.applied"]["data"]
    assert order in invoice["keys"]
    assert all(order in found[f"fulfilment/{i}:fulfilment.confirmed"]["data"]["keys"] for i in (9001, 9002))
    lines = {row["line"] for row in found["order/Demo1002:order.accepted"]["data"]["lines"]}
    named = {row["order_line"].partition("/")[2] for row in invoice["lines"] if "order_line" in row}
    assert named <= lines
    assert (applied["invoice"], applied["payment"]) == ("8009", "8004")
    assert found["payment/8004:payment.received"]["data"]["amount"] == "127.09"
    cents = [
        round(float(row["net"]) * 100) + round(float(row.get("tax", 0)) * 100) for row in invoice["lines"]
    ]
    assert sum(cents) == 12709


def test_an_account_that_names_its_one_currency_in_a_mapping_of_its_own_gets_its_invoice_in(
    tmp_path: Path,
) -> None:
    text = (BUILT_IN / "netsuite.yaml").read_text()
    told_by = "currency: {path: {first: [currency.name, currencyName]}, table: currencies}"
    assert told_by in text
    own = text.replace(told_by, "currency: =USD").replace(
        "currencyName, missing: yes", "currencyName, is: none"
    )
    (tmp_path / "netsuite.yaml").write_text(own)
    (record,) = SOURCES["netsuite"].records(SHARED / "netsuite" / "get" / "get_invoice.xml")
    (posted,) = told(record.payload, load_mapping(tmp_path / "netsuite.yaml"))
    assert posted["data"]["effective_on"] == "2011-01-01"
    assert [(row["sku"], row["net"]) for row in posted["data"]["lines"]] == [("217", "15993.60")]
