"""Conditions, lists, kinds and envelopes of mappings, and how files become records."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.sources.mapping.xml import read_xml
from adapters.sources.payload import Unreadable
from domain.arrivals import Fetch
from tests.sources.mapped import milestones, refusal, source, translate, value, when

HELD = "{type: credit.held, subject: [order, id], time: =2026-01-01T00:00:00Z, data: {reason: why}}"


@pytest.mark.parametrize(
    ("condition", "record", "expected"),
    [
        ("{path: a, is: x}", {"a": "x"}, True),
        ("{path: a, is: x}", {}, False),
        ("{path: a, is: 'true'}", {"a": True}, True),
        ("{path: a, is: 012}", {"a": "012"}, True),
        ("{path: a, is: no}", {"a": "no"}, True),
        ("{path: a, in: [x, y]}", {"a": "y"}, True),
        ("{path: a, not: x}", {}, True),
        ("{path: a, not: [x, y]}", {"a": "y"}, False),
        ("{path: a, given: yes}", {"a": {}}, True),
        ("{path: a, given: yes}", {"a": ""}, False),
        ("{path: a, given: no}", {"a": None}, True),
        ("{path: a, missing: yes}", {}, True),
        ("{path: a, zero: yes}", {"a": "0.00"}, True),
        ("{path: {sum: [a, a], minus: b}, zero: yes}", {"a": "1.50", "b": 3}, True),
        ("{path: {total: a, of: .}, greater: 2}", {"a": [1, 2]}, True),
        ("{path: a, zero: yes}", {"a": "x"}, False),
        ("{path: a, zero: no}", {"a": 5}, True),
        ("{path: {agreed: [a, b], several: none}, missing: yes}", {"a": "1", "b": "2"}, True),
        ("{path: a, greater: 4.5}", {"a": "5"}, True),
        ("{path: a, less: 4.5}", {"a": 4.5}, False),
        ("{path: a, less: 4.5}", {}, False),
        (r"{path: a, matches: 'v\d+'}", {"a": "v12"}, True),
        (r"{path: a, matches: 'v\d+'}", {"a": "v12x"}, False),
        ("{path: a, same_as: b}", {"a": 1, "b": "1"}, True),
        ("{path: a, same_as: b}", {}, False),
        ("{path: a, has: x}", {"a": ["y", "x"]}, True),
        ("{path: a, is: x, given: yes}", {"a": "x"}, True),
        ("{path: {lower: a}, is: x}", {"a": "X"}, True),
        ("{flag: a}", {"a": True}, True),
        ("{flag: a}", {}, False),
        ("{all: [{path: a, is: x}, {path: b, is: y}]}", {"a": "x"}, False),
        ("{any: [{path: a, is: x}, {path: b, is: y}]}", {"a": "x"}, True),
        ("{not: {path: a, is: x}}", {"a": "x"}, False),
        ("[{path: a, is: x}, {path: b, is: y}]", {"a": "x", "b": "y"}, True),
        ("[{path: a, given: yes}, {path: b, given: yes}, {path: c, given: yes}]", {"a": 1, "b": 1}, False),
        ("{some: l, where: {path: k, is: x}}", {"l": [{"k": "y"}, {"k": "x"}]}, True),
        ("{some: l}", {"l": []}, False),
        ("{every: l, where: {path: k, is: x}}", {"l": [{"k": "x"}, {}]}, False),
        ("{every: l, where: {path: k, is: x}}", {}, True),
    ],
)
def test_a_condition_holds_or_not(condition: str, record: Any, *, expected: bool) -> None:
    assert when(condition, record) is expected


def test_a_flag_has_the_words_of_its_source_and_no_others() -> None:
    head = 'formats: {flag: {"yes": [T, 1], "no": [F, 0]}}\n'
    assert when("{flag: a}", {"a": "t"}, head)
    assert when("{flag: a}", {"a": 1}, head)
    assert not when("{flag: a}", {"a": "F"}, head)
    with pytest.raises(ValueError, match="not enough"):
        refusal(source(_thing("{flag: a}", head)), {"a": "T"})
    assert refusal(source(_thing("{flag: a}", head)), {"a": "maybe"}) == ("flag_format", "/a")


def _thing(condition: str, head: str = "") -> str:
    return (
        f"mapping: shop\nversion: 1\nrole: erp\nreads: json\nkind: =thing\n{head}objects:\n  thing:\n"
        f"    first: [{{ignore: held, when: {condition}}}]\n    milestones: [{HELD}]\n"
    )


LIST = {
    "l": [{"v": "a"}, {"v": "b", "sub": [{"v": "c"}, {"v": "d"}]}],
    "m": [{"v": "z"}],
    "o": {"one": {"v": "1"}, "two": {"v": "2"}},
    "s": {"v": "single"},
}


@pytest.mark.parametrize(
    ("list_", "take", "expected"),
    [
        ("l", "v", "a"),
        ("{list: l, where: {path: v, is: b}}", "v", "b"),
        ("{lists: [m, l]}", "v", "z"),
        ("{expand: {list: l, where: {path: v, is: b}}, into: sub}", "v", "c"),
        ("{members: o}", "$key", "one"),
        ("{list: s, one: yes}", "v", "single"),
        ("missing", "v", None),
    ],
)
def test_a_list_is_a_path_or_a_form(list_: str, take: str, expected: str | None) -> None:
    assert value(f"{{lookup: {list_}, take: {take}}}", LIST) == expected


def test_a_refusal_within_lists_points_into_the_record() -> None:
    text = """\
        mapping: shop
        version: 1
        role: erp
        reads: json
        kind: =thing
        objects:
          thing:
            milestones:
              - type: credit.held
                each: {expand: {lists: [m, {list: l, where: {path: v, not: a}}]}, into: sub}
                subject: [order, v]
                time: =2026-01-01T00:00:00Z
            otherwise: nothing
        """
    found = source(text)
    assert [m["subject"] for m in milestones(found, LIST)] == ["order/z", "order/c", "order/d"]
    damaged = {**LIST, "l": [{"v": "a"}, {"v": "b", "sub": [{"v": "c"}, {"v": []}]}]}
    assert refusal(found, damaged) == ("text_format", "/l/1/sub/1/v")
    assert translate(found, {}).ignored == "nothing"
    assert refusal(found, {"l": "x"}) == ("list_format", "/l")


CHANGES = """\
    mapping: crm
    version: 1
    role: crm
    reads: json
    kind: =deal
    formats: {amount: text}
    objects:
      deal:
        currency: =EUR
        milestones:
          - type: opportunity.changed
            each: LIST
            where: {path: amount, given: yes}
            subject: [opportunity, $object.id]
            time: "@at"
            edition: "@at"
            sequence: {micros: "@at"}
            data: {amount: amount, stage: stage}
        otherwise: nothing_said
    """


@pytest.mark.parametrize(
    ("list_", "history"),
    [
        (
            "{history: changes, property: name, value: value, at: at}",
            {
                "changes": [
                    {"name": "stage", "value": "won", "at": "2026-01-03T00:00:00Z"},
                    {"name": "amount", "value": "10", "at": "2026-01-02T00:00:00Z"},
                    {"name": "stage", "value": "open", "at": "2026-01-01T00:00:00Z"},
                ]
            },
        ),
        (
            "{history_of: changes, value: value, at: at}",
            {
                "changes": {
                    "stage": [
                        {"value": "won", "at": "2026-01-03T00:00:00Z"},
                        {"value": "open", "at": "2026-01-01T00:00:00Z"},
                    ],
                    "amount": [{"value": "10", "at": "2026-01-02T00:00:00Z"}],
                }
            },
        ),
    ],
)
def test_changes_of_single_properties_become_snapshots_in_the_order_of_time(
    list_: str, history: dict[str, Any]
) -> None:
    found = source(CHANGES.replace("LIST", list_))
    told = milestones(found, {"id": "7", **history})
    assert [(m["time"], m["data"]["stage"], m["data"]["amount"]) for m in told] == [
        ("2026-01-02T00:00:00Z", "open", "10.00"),
        ("2026-01-03T00:00:00Z", "won", "10.00"),
    ]
    assert told[0]["sequence"] < told[1]["sequence"]


ENVELOPES = f"""\
    mapping: shop
    version: 1
    role: erp
    reads: json
    envelopes:
      - {{when: {{path: d.results, given: yes}}, each: d.results, empty: nothing}}
      - {{when: {{path: batch, given: yes}}, each: batch, kind: type, empty: nothing}}
      - {{when: {{path: stream, given: yes}}, kind: stream, object: data}}
      - {{when: {{path: text, given: yes}}, object: text, decode: json}}
      - {{when: {{path: event, given: yes}}, kinds: [wrapped], members: content, empty: nothing}}
    kind: [ ]
    ignored: {{master_data: [customer, 'catalogue.*']}}
    objects:
      hold:
        also: [Hold]
        milestones: [{HELD}]
    """.replace("kind: [ ]", "kind: kind")
HOLD = {"kind": "hold", "id": "1", "why": "limit"}


@pytest.mark.parametrize(
    "record",
    [
        HOLD,
        {**HOLD, "kind": "Hold"},
        {"stream": "hold", "data": HOLD},
        {"d": {"results": [HOLD]}},
        {"batch": [{**HOLD, "type": "hold"}, {"type": "customer"}]},
        {"text": json.dumps(HOLD)},
        {"event": 1, "content": {"hold": HOLD, "customer": {}}},
        {"stream": "wrapped", "data": {"content": {"hold": HOLD}}},
        {"d": {"results": [{"stream": "hold", "data": HOLD}]}},
    ],
)
def test_an_object_is_the_same_in_any_envelope(record: Any) -> None:
    (held,) = milestones(source(ENVELOPES), record)
    assert (held["subject"], held["data"]["reason"]) == ("order/1", "limit")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"d": {"results": []}}, "nothing"),
        ({"event": 1, "content": {}}, "nothing"),
        ({"kind": "customer"}, "master_data"),
        ({"kind": "catalogue.item"}, "master_data"),
        ({"batch": [{"type": "customer"}, {"type": "catalogue.x"}]}, "master_data"),
    ],
)
def test_what_holds_nothing_of_ours_is_ignored_with_a_reason(record: Any, expected: str) -> None:
    assert translate(source(ENVELOPES), record).ignored == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"kind": "other"}, ("object_unknown", "/kind")),
        ({}, ("field_missing", "/kind")),
        ({"stream": "hold"}, ("field_missing", "/data")),
        ({"stream": "hold", "data": {"id": []}}, ("text_format", "/data/id")),
        ({"batch": [{"type": "hold", "id": 1}, {"type": "q"}]}, ("object_unknown", "/batch/1/type")),
        ({"batch": [{"type": "hold", "id": 1}, {"type": "hold", "id": {}}]}, ("text_format", "/batch/1/id")),
        ({"batch": [{"id": 1}]}, ("field_missing", "/batch/0/kind")),
        ({"event": 1}, ("field_missing", "/content")),
        ({"text": "{"}, ("json_format", "/text")),
        (
            {"batch": [{"type": "hold", "id": 1, "why": "a"}, {"type": "hold", "id": 1, "why": "b"}]},
            ("id_repeated", "/batch/1"),
        ),
    ],
)
def test_a_message_with_a_broken_object_is_refused_whole(record: Any, expected: tuple[str, str]) -> None:
    assert refusal(source(ENVELOPES), record) == expected


def test_a_sparse_message_names_what_has_to_be_fetched() -> None:
    found = source(f"""\
        mapping: crm
        version: 1
        role: erp
        reads: json
        kind: =change
        envelopes: [{{when: {{path: events, given: yes}}, each: events}}]
        objects:
          change:
            first:
              - {{fetch: {{template: '{{type}}s'}}, of: objectId, when: {{path: whole, missing: yes}}}}
            milestones: [{HELD}]
        """)
    sparse = {"type": "deal", "objectId": 123}
    assert translate(found, {"events": [sparse, sparse]}).needed == (Fetch("deals", "123", "notification"),)
    assert refusal(found, {"events": [sparse, {"whole": 1, "id": "1"}]}) == ("message_mixed", "")


CSV = """\
    mapping: shop
    version: 1
    role: erp
    reads: csv
    csv: {delimiter: ";", columns: snake, encoding: cp1252, group_by: [order_no]}
    formats: {amount: {as: text, thousands: ., decimal: ","}, time: eu_date}
    kind: {columns: [{kind: invoice, has: [order_no, net_eur]}]}
    objects:
      invoice:
        currency: =EUR
        milestones:
          - type: invoice.posted
            subject: [invoice, order_no]
            time: {path: entered, zone: Europe/Berlin}
            data:
              invoice: order_no
              due_on: {path: due, as: eu_date}
              lines: {each: $message.rows, sku: article, net: net_eur, quantity: qty}
    """


def test_rows_of_one_document_are_one_record(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_bytes(
        "Order No;Entered;Due;Article;Net (EUR);Qty\r\n"
        "A1;31.1.2026 14:05;2.3.2026;Stück;1.234,50;2\r\n"
        "A1;31.1.2026 14:05;2.3.2026;Fuß;0,50;1,0\r\n"
        "A2;1.2.2026 09:00;2.3.2026;x;7,00;\r\n".encode("cp1252")
    )
    found = source(CSV)
    records = list(found.records(tmp_path))
    assert [record.where for record in records] == ["out.csv:2", "out.csv:4"]
    assert refusal(found, records[0].payload) == ("amount_format", "/rows/1/Qty")
    (posted,) = milestones(found, records[1].payload)
    assert (posted["time"], posted["data"]["due_on"]) == ("2026-02-01T09:00:00+01:00", "2026-03-02")
    assert posted["data"]["lines"] == [{"line": "1", "sku": "x", "net": "7.00"}]


def test_a_mended_mapping_knows_a_row_that_no_columns_told_before() -> None:
    row = {"Order No": "1", "Entered": "1.1.2026", "Due": "1.1.2026", "Article": "x", "Net (EUR)": "1"}
    record = {"object": "unknown", "row": row, "rows": [row]}
    assert milestones(source(CSV), record)[0]["subject"] == "invoice/1"
    assert refusal(source(CSV), {"object": "unknown", "row": {"a": "1"}}) == ("object_unknown", "/object")
    assert refusal(source(CSV), {"object": "invoice", "row": {"Due": "1", "due": "2"}}) == (
        "row_ragged",
        "/row",
    )


XML = """\
    mapping: shop
    version: 1
    role: erp
    reads: xml
    records: {elements: [Order, Note]}
    kind: "#name"
    ignored: {master_data: [Note]}
    formats: {amount: text}
    objects:
      Order:
        currency: "@currency"
        milestones:
          - type: order.accepted
            subject: [order, "@id"]
            time: placed
            data:
              order: "@id"
              lines: {each: item, sku: "@sku", net: net, kind: =one_time, description: note}
    """
DOCUMENT = b"""<?xml version="1.0" encoding="ISO-8859-1"?>
<s:shop xmlns:s="urn:shop:v2" xmlns="urn:inner">
  <s:Order id="1" currency="EUR"><placed>2026-01-01T00:00:00Z</placed>
    <item sku="a"><net>1.00</net><note> M\xfcnze </note></item></s:Order>
  <Note/>
  <Order id="2" currency="EUR"><placed>2026-01-02T00:00:00Z</placed>
    <item sku="a"><net>1</net></item><item sku="b"><net>x</net></item></Order>
</s:shop>
"""


def test_xml_is_cut_into_elements_that_can_be_read_alone(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(DOCUMENT)
    found = source(XML)
    records = list(found.records(tmp_path))
    assert [record.where for record in records] == ["a.xml:3", "a.xml:5", "a.xml:6"]
    (accepted,) = milestones(found, records[0].payload)
    assert accepted["data"]["lines"][0]["description"] == "Münze"
    assert read_xml(records[0].payload).at("#ns").value == "urn:shop:v2"
    assert translate(found, records[1].payload).ignored == "master_data"
    assert refusal(found, records[2].payload) == ("amount_format", "/item/1/net")


def test_what_is_left_of_a_broken_document_is_a_record_and_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(DOCUMENT[:-40])
    found = source(XML)
    records = list(found.records(tmp_path))
    assert len(records) == 3
    assert refusal(found, records[-1].payload) == ("xml_format", "")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"<!DOCTYPE a><a/>", "xml_unsafe"),
        (b'<!DOCTYPE a [<!ENTITY e SYSTEM "secrets.txt">]><a>&e;</a>', "xml_unsafe"),
        (b'<!DOCTYPE a [<!ENTITY e "x"><!ENTITY f "&e;&e;">]><a>&f;</a>', "xml_unsafe"),
        (b"<a>", "xml_format"),
        (b"<a>&e;</a>", "xml_format"),
        (b"<a>" * 300 + b"</a>" * 300, "xml_depth"),
        (b'<?xml version="1.0" encoding="utf-99"?><a/>', "text_encoding"),
        (b"<a>\xff</a>", "xml_format"),
        (b"", "xml_format"),
    ],
)
def test_unsafe_and_malformed_xml_is_refused(document: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read_xml(document)
    assert raised.value.refusal.code == code


def test_xml_becomes_objects_texts_and_lists() -> None:
    document = (
        b'<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" x="1">'
        b'<b xsi:nil="true"/><c> t </c><c/><d y="2">u<!-- no --></d><e xsi:type="n:Kind"><f>g</f></e></a>'
    )
    assert read_xml(document).value == {
        "@x": "1",
        "#name": "a",
        "b": None,
        "c": ["t", ""],
        "d": {"@y": "2", "#name": "d", "#text": "u"},
        "e": {"@xsi:type": "Kind", "#name": "e", "f": "g"},
    }


SOAP = f"""\
    mapping: soap
    version: 1
    role: erp
    reads: xml
    envelopes:
      - {{when: {{path: Body, given: yes}}, members: Body, empty: nothing}}
      - {{kinds: [notifications], members: .list, empty: nothing}}
    ignored: {{ping: [ping]}}
    objects:
      hold:
        versions:
          - {{when: {{path: "#ns", matches: '.*_2011_.*'}}, let: {{why: old}}}}
          - {{when: {{path: "#ns", matches: '.*_2016_.*'}}, let: {{why: new}}}}
        milestones: [{HELD.replace("reason: why", "reason: $why")}]
    """.replace(".list", "list")


def test_versions_of_a_payload_are_told_apart_by_namespace() -> None:
    found = source(SOAP)
    hold = '<hold xmlns="urn:m_{}_2"><id>1</id><old>a</old><new>b</new></hold>'
    body = f'<E xmlns="urn:soap"><Body>{hold}</Body></E>'
    reasons = [milestones(found, body.format(y).encode())[0]["data"]["reason"] for y in (2011, 2016)]
    assert reasons == ["a", "b"]
    assert refusal(found, body.format(2030).encode()) == ("version_unknown", "/Body/hold")
    several = f"<E><Body><notifications><list>{hold.format(2011)}<ping/></list></notifications></Body></E>"
    assert len(milestones(found, several.encode())) == 1
    assert refusal(found, b"<E><Body/></E>") == ("object_unknown", "")
