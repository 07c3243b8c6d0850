"""Milestones, lines, keys and versions of mappings."""

from typing import Any

import pytest

from adapters.sources.base import JsonValue, Milestone
from adapters.sources.mapping import codes
from adapters.sources.payload import Node
from tests.sources.mapped import milestones, refusal, source, translate

HEAD = """\
mapping: shop
version: 1
role: billing
reads: json
formats: {amount: text}
kind: =doc
"""


def doc(body: str) -> Any:
    """A mapping of one kind of object."""
    return source(HEAD + "objects:\n  doc:\n" + "".join(f"    {line}\n" for line in body.splitlines()))


INVOICE = """\
currency: currency
first:
  - {expect: state, among: [open, void, draft]}
  - {ignore: draft, when: {path: state, is: draft}}
  - {refuse: foreign, when: {path: entity, not: DE}, at: entity, message: feed this entity by itself}
  - {check: [net, tax?], is: gross}
milestones:
  - type: invoice.posted
    subject: [invoice, id]
    edition: made
    time: made
    effective_on: dated
    keys:
      - {key: order, of: order, role: erp, system: sap}
      - {key: quote, each: quotes, of: number, role: cpq, when: {path: state, is: won}}
      - {key: contract, of: contract}
    dimensions: {customer: buyer, segment: segment}
    data: {invoice: id, due_on: dated, lines: {each: lines, sku: sku, net: net, tax: tax?}}
  - voids: invoice.posted
    when: {path: state, is: void}
    time: gone
    reason: why
"""
DOC = {
    "state": "open",
    "entity": "DE",
    "currency": "eur",
    "id": 7,
    "made": "2026-01-01T00:00:00Z",
    "dated": "2025-12-31",
    "order": "10",
    "quotes": [{"number": "Q1", "state": "won"}, {"number": "Q2"}],
    "buyer": "B1",
    "net": "10",
    "gross": "12.00",
    "tax": "2",
    "lines": [{"sku": "a", "net": "10.00", "tax": "2.00"}],
}


def test_a_milestone_names_the_fact_and_all_keys_of_its_deal() -> None:
    (posted,) = milestones(doc(INVOICE), DOC)
    assert posted == {
        "specversion": "1.0",
        "id": "invoice/7@2026-01-01T00:00:00Z:invoice.posted",
        "source": "/billing/shop/acme",
        "type": "invoice.posted.v1",
        "subject": "invoice/7",
        "time": "2026-01-01T00:00:00Z",
        "data": {
            "keys": [
                "billing/shop/acme:invoice:7",
                "cpq/shop/acme:quote:Q1",
                "erp/sap/acme:order:10",
            ],
            "effective_on": "2025-12-31",
            "dimensions": {"customer": "B1"},
            "invoice": "7",
            "currency": "EUR",
            "due_on": "2025-12-31",
            "lines": [{"line": "1", "sku": "a", "net": "10.00", "tax": "2.00"}],
        },
    }


def test_a_milestone_is_taken_back_by_its_name() -> None:
    posted, voided = milestones(doc(INVOICE), {**DOC, "state": "void", "gone": "2026-02-01", "why": "typo"})
    assert voided["id"] == f"{posted['id']}:milestone.voided"
    assert voided["data"]["target"] == {"source": posted["source"], "id": posted["id"]}
    assert (voided["subject"], voided["time"], voided["data"]["reason"]) == (
        "invoice/7",
        "2026-02-01T00:00:00Z",
        "typo",
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": "lost"}, ("value_unknown", "/state")),
        ({"state": None}, ("field_missing", "/state")),
        ({"entity": "FR"}, ("foreign", "/entity")),
        ({"gross": "13"}, ("total_mismatch", "/gross")),
        ({"gross": None}, ("field_missing", "/gross")),
        ({"currency": "EUX"}, ("currency_unknown", "/currency")),
        ({"lines": []}, ("lines_missing", "/lines")),
        ({"lines": [{"sku": "a"}]}, ("field_missing", "/lines/0/net")),
        ({"lines": [{"net": "1"}]}, ("field_missing", "/lines/0/sku")),
        ({"made": None}, ("field_missing", "/made")),
        ({"id": None}, ("field_missing", "/id")),
        ({"state": "void"}, ("field_missing", "/gone")),
    ],
)
def test_what_is_looked_at_first_and_what_is_missing_refuses_the_object(
    change: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert refusal(doc(INVOICE), {**DOC, **change}) == expected


def test_steps_are_taken_in_their_order() -> None:
    assert translate(doc(INVOICE), {**DOC, "state": "draft", "entity": "FR"}).ignored == "draft"


def test_a_cancellation_that_is_a_document_of_its_own_takes_back_what_another_told() -> None:
    found = doc("""\
milestones:
  - voids: {type: credit_memo.posted, subject: [credit_memo, cancels], role: erp, edition: of}
    time: made
    reason: =cancelled
""")
    (voided,) = milestones(found, {"cancels": "9", "of": "2", "made": "2026-01-01"})
    assert voided["data"]["target"] == {
        "source": "/erp/shop/acme",
        "id": "credit_memo/9@2:credit_memo.posted",
    }


def test_rows_of_one_id_count_as_one_where_the_mapping_says_so() -> None:
    body = """\
currency: =EUR
milestones:
  - type: credit_memo.applied
    each: rows
    where: {path: amount, zero: no}
    subject: [application, {template: "{$object.id}-{invoice}"}]
    edition: at
    time: at
    data: {credit_memo: $object.id, invoice: invoice, amount: amount}
    together: amount
otherwise: no_money_moved
"""
    rows = [
        {"invoice": "1", "at": "2026-01-01", "amount": "1.10"},
        {"invoice": "1", "at": "2026-01-01", "amount": "-0.20"},
        {"invoice": "2", "at": "2026-01-01", "amount": "5"},
        {"invoice": "2", "at": "2026-01-02", "amount": "0.00"},
    ]
    told = milestones(doc(body), {"id": "C", "rows": rows})
    assert [(m["data"]["invoice"], m["data"]["amount"]) for m in told] == [("1", "0.90"), ("2", "5.00")]
    alone = doc(body.replace("    together: amount\n", ""))
    assert refusal(alone, {"id": "C", "rows": rows}) == ("id_repeated", "")
    assert len(milestones(alone, {"id": "C", "rows": [rows[0], rows[0]]})) == 1
    assert translate(alone, {"id": "C"}).ignored == "no_money_moved"


LINES = """\
currency: =EUR
milestones:
  - type: invoice.posted
    subject: [invoice, =1]
    time: =2026-01-01T00:00:00Z
    data:
      invoice: =1
      due_on: =2026-01-01
      lines:
        each: rows
        where: {path: text_only, missing: yes}
        let: {kind: type}
        line: number
        sku: {first: [sku, article], default: unspecified}
        net: {product: [qty, price]}
        quantity: qty
        kind: {path: $kind, table: {S: recurring, O: one_time}}
        service: {from: starts?, to: ends?, when: {path: $kind, is: S}}
        share_discount: {amount: discount?}
        share_tax: {amount: vat?, where: {path: taxed, is: 'true'}}
        extra:
          - {sku: =shipping, net: shipping?, tax: shipping_tax?}
        total: total?
"""


def lines(record: dict[str, Any]) -> list[dict[str, Any]]:
    return list(milestones(doc(LINES.replace("total?", "total")), record)[0]["data"]["lines"])


def test_lines_share_what_is_given_for_the_document_and_add_up() -> None:
    rows = [
        {
            "sku": "a",
            "qty": 2,
            "price": "50.00",
            "type": "S",
            "taxed": True,
            "starts": "2026-01-01",
            "ends": "2026-02-01",
        },
        {"text_only": 1},
        {"number": "20", "article": "b", "qty": 1, "price": "33.33", "type": "O", "taxed": True},
        {"qty": 1, "price": "0.01"},
    ]
    record = {
        "rows": rows,
        "discount": "10",
        "vat": "20.01",
        "shipping": "5",
        "shipping_tax": "1",
        "total": "149.35",
    }
    assert lines(record) == [
        {
            "line": "1", "sku": "a", "net": "92.50", "tax": "15.01", "quantity": "2", "kind": "recurring",
            "service_start": "2026-01-01", "service_end": "2026-01-31",
        },
        {"line": "20", "sku": "b", "net": "30.83", "tax": "5.00", "quantity": "1", "kind": "one_time"},
        {"line": "3", "sku": "unspecified", "net": "0.01", "quantity": "1"},
        {"line": "4", "sku": "shipping", "net": "5.00", "tax": "1.00"},
    ]  # fmt: skip
    assert refusal(doc(LINES.replace("total?", "total")), {**record, "total": "1"}) == (
        "total_mismatch",
        "/total",
    )


def test_a_tax_without_a_taxed_line_is_refused() -> None:
    record = {"rows": [{"qty": 1, "price": "1"}], "vat": "1", "total": "2"}
    assert refusal(doc(LINES.replace("total?", "total")), record) == ("tax_without_lines", "/vat")


def test_a_tax_that_the_amounts_hold_is_taken_off_them_beside_one_that_comes_on_top() -> None:
    shares = "share_tax: [{amount: vat?, within: yes}, {amount: levy?}]"
    mapping = LINES.replace("share_tax: {amount: vat?, where: {path: taxed, is: 'true'}}", shares)
    rows = [{"sku": "a", "qty": 1, "price": "10.00"}, {"sku": "b", "qty": 1, "price": "20.00"}]
    (posted,) = milestones(doc(mapping), {"rows": rows, "vat": "5.00", "levy": "1.00", "total": "31.00"})
    assert [(row["net"], row["tax"]) for row in posted["data"]["lines"]] == [
        ("8.33", "2.00"),
        ("16.67", "4.00"),
    ]


def test_fulfilments_applications_and_plans_have_their_own_lists() -> None:
    (delivered,) = milestones(
        doc("""\
milestones:
  - type: fulfilment.confirmed
    role: wms
    subject: [delivery, id]
    time: at
    data:
      fulfilment: id
      order: order
      lines: {each: items, order_line: {template: "{$object.order}/{pos}"}, quantity: qty}
"""),
        {"id": "D", "at": "2026-01-01", "order": "1", "items": [{"pos": 10, "qty": "2.50"}]},
    )
    assert delivered["data"]["lines"] == [{"order_line": "1/10", "quantity": "2.5"}]
    (memo,) = milestones(
        doc("""\
currency: =EUR
milestones:
  - type: credit_memo.posted
    subject: [credit_memo, id]
    time: at
    data:
      credit_memo: id
      reason: =return
      lines: {each: items, sku: sku, net: net}
      applied_to: [{invoice: invoice, amount: put?}, {each: puts, invoice: to, amount: amount}]
"""),
        {
            "id": "C",
            "at": "2026-01-01",
            "items": [{"sku": "a", "net": "5"}],
            "puts": [{"to": "9", "amount": "2"}],
        },
    )
    assert memo["data"]["applied_to"] == [{"invoice": "9", "amount": "2.00"}]
    (order,) = milestones(
        doc("""\
currency: =EUR
milestones:
  - type: order.accepted
    role: erp
    subject: [order, id]
    time: at
    data:
      order: id
      lines:
        each: items
        sku: sku
        net: net
        kind: =recurring
        billing: {each: plan, on: on, net: net}
"""),
        {
            "id": "O",
            "at": "2026-01-01",
            "items": [{"sku": "a", "net": "2", "plan": [{"on": "2026-01-01", "net": "2"}]}],
        },
    )
    assert order["data"]["lines"][0]["billing"] == [{"on": "2026-01-01", "net": "2.00"}]


def test_the_first_version_that_fits_is_laid_over_the_object() -> None:
    found = doc("""\
let: {named: id, reason: why}
versions:
  - when: {path: api, is: '2025'}
    let: {named: reference.id}
  - {}
milestones:
  - {type: credit.held, role: erp, subject: [order, $named], time: at, data: {reason: $reason}}
""")
    record = {"id": "old", "reference": {"id": "new"}, "at": "2026-01-01", "why": "x"}
    assert [milestones(found, {**record, "api": a})[0]["subject"] for a in ("2025", "2024")] == [
        "order/new",
        "order/old",
    ]


def test_a_milestone_in_another_currency_says_so() -> None:
    found = doc("""\
currency: currency
milestones:
  - type: payment.received
    role: psp
    currency: paid_in
    subject: [payment, id]
    time: at
    data: {payment: id, amount: amount}
""")
    record = {"id": "1", "at": "2026-01-01", "amount": "100", "currency": "EUR", "paid_in": "JPY"}
    assert milestones(found, record)[0]["data"]["amount"] == "100"


def test_a_control_total_counts_and_lists() -> None:
    found = doc("""\
currency: =EUR
milestones:
  - type: control_total.reported
    role: erp
    subject: [total, day]
    time: day
    data:
      object: =invoice
      from: day
      to: day
      count: {count: documents}
      amount: {total: documents, of: gross}
      ids: {each: documents, take: id}
""")
    (total,) = milestones(
        found, {"day": "2026-01-01", "documents": [{"id": 1, "gross": "5"}, {"id": "2", "gross": "1"}]}
    )
    assert (total["data"]["count"], total["data"]["amount"], total["data"]["ids"]) == (2, "6.00", ["1", "2"])


def test_what_data_can_not_say_is_a_function_with_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(node: Node, instance: str) -> tuple[Milestone, ...] | str:
        return f"seen_by_{instance}" if node.at("id").given else node.refuse("id_missing", "needs an id")

    def made(node: Node, currency: str) -> list[JsonValue]:
        return [{"line": "1", "sku": currency, "net": node.at("id").identifier()}]

    def cents(node: Node, currency: str | None) -> int | None:
        return len(str(currency)) if node.given else None

    monkeypatch.setitem(codes.OBJECTS, "told", codes.OfObject(told, 1))
    monkeypatch.setitem(codes.LINES, "made", codes.OfLines(made, 1))
    monkeypatch.setitem(codes.VALUES, "cents", codes.OfValue(cents, 1))
    whole = doc("code: told\n")
    assert translate(whole, {"id": 1}).ignored == "seen_by_acme"
    assert refusal(whole, {}) == ("id_missing", "")
    body = INVOICE.replace("{each: lines, sku: sku, net: net, tax: tax?}", "{code: made}")
    assert milestones(doc(body), DOC)[0]["data"]["lines"] == [{"line": "1", "sku": "EUR", "net": "7"}]
    receipt = """\
currency: currency
milestones:
  - type: payment.received
    subject: [payment, id]
    time: made
    data: {payment: id, amount: {code: cents, of: net}}
"""
    assert milestones(doc(receipt), DOC)[0]["data"]["amount"] == "0.03"
    assert refusal(doc(receipt), {**DOC, "net": None}) == ("field_missing", "/net")
    before = whole.mapping.digest
    monkeypatch.setitem(codes.OBJECTS, "told", codes.OfObject(told, 2))
    assert doc("code: told\n").mapping.digest != before


def test_an_instance_that_can_not_name_one_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="name the instance"):
        doc(INVOICE).translate(b"{}", "a/b")
