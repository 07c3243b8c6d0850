"""The forms of values in mappings, one by one (docs/mappings.md)."""

import json
from typing import Any

import pytest

from tests.sources.mapped import milestones, refused_time, refused_value, source, time, value

DEEP = {"a": {"b": [{"c": "x"}, {"c": "y"}]}, "n": 7, "e": "", "z": None, "p.q": {"r": "dotted"}}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("a.b.0.c", "x"),
        ("a.b.-1.c", "y"),
        ("a.b.9.c", None),
        ("e", None),
        ("z", None),
        ("n.x", None),
        ("{path: [p.q, r]}", "dotted"),
        ("=fixed", "fixed"),
        ("{const: fixed}", "fixed"),
        ("{path: e, default: else}", "else"),
        ("{path: $message.a.b.0.c}", "x"),
        ("$object.a.b.0.c", "x"),
    ],
)
def test_a_path_leads_inwards_and_a_constant_stands_for_itself(form: str, expected: str | None) -> None:
    assert value(f"'{form}'" if form.startswith(("=", "$")) else form, DEEP) == expected


@pytest.mark.parametrize(
    ("form", "record", "expected"),
    [
        ("{first: [a, b, c]}", {"b": "2", "c": "3"}, "2"),
        ("{first: [a, b]}", {}, None),
        ("{template: '{a}-{b.c}'}", {"a": 1, "b": {"c": "x"}}, "1-x"),
        ("{template: '{a}-{b}'}", {"a": 1}, None),
        ("{join: [a, {sum: n, minus: =1}], with: '-'}", {"a": "S", "n": 13}, "S-12"),
        ("{sum: [n, m]}", {"n": 1, "m": "2.5"}, "3.5"),
        ("{template: '{{{a}}}'}", {"a": "x"}, "{x}"),
        ("{case: [{when: {path: a, is: '1'}, then: =one}], else: b}", {"a": 1}, "one"),
        ("{case: [{when: {path: a, is: '1'}, then: =one}], else: b}", {"a": 2, "b": "other"}, "other"),
        ("{case: [{when: {path: a, is: '1'}, then: =one}]}", {"a": 2}, None),
        ("{join: [a, b, c], with: /}", {"a": "x", "c": "z"}, "x/z"),
        ("{split: a, on: /, part: 1}", {"a": "x/y/z"}, "y"),
        ("{split: a, on: /, part: -1}", {"a": "x/y/z"}, "z"),
        ("{split: a, on: /, part: 9}", {"a": "x/y/z"}, None),
        (r"{match: a, with: 'INV-(\d+)'}", {"a": "INV-42"}, "42"),
        (r"{match: a, with: '\d+'}", {"a": "42"}, "42"),
        (r"{match: a, with: '\d+', default: none}", {"a": "x"}, "none"),
        ("{strip_zeros: a}", {"a": "000010"}, "10"),
        ("{strip_zeros: a}", {"a": "000"}, "0"),
        ("{strip_zeros: a}", {"a": "0A1"}, "0A1"),
        ("{lower: {trim: a}}", {"a": " ABC "}, "abc"),
        ("{upper: a}", {"a": "abc"}, "ABC"),
        ("{count: a}", {"a": [1, 2, 3]}, "3"),
        ("{add_days: [a, =30]}", {"a": "2024-02-01"}, "2024-03-02"),
        ("{add_days: [a, n]}", {"a": "2024-02-01", "n": "-1"}, "2024-01-31"),
        ("{add_months: [a, =1]}", {"a": "2024-01-31"}, "2024-02-29"),
        ("{day: a, as: us_date}", {"a": "2/3/2024"}, "2024-02-03"),
        ("{time: a, as: unix}", {"a": 0}, "1970-01-01T00:00:00Z"),
        ("{micros: a}", {"a": "1970-01-01T00:00:01.5Z"}, "1500000"),
        ("{lookup: a, where: {path: k, is: x}, take: v}", {"a": [{"k": "y"}, {"k": "x", "v": "1"}]}, "1"),
        ("{lookup: a, where: {path: k, is: q}, take: v}", {"a": [{"k": "y"}]}, None),
        ("{agreed: [a, b]}", {"a": "1", "b": "1"}, "1"),
        ("{agreed: [a, {each: l, take: v}]}", {"l": [{"v": "1"}, {"v": "1"}, {}]}, "1"),
        ("{agreed: [a, b], several: none}", {"a": "1", "b": "2"}, None),
        ("{path: a, table: {x: one, '*': other}}", {"a": "x"}, "one"),
        ("{path: a, table: {x: one, '*': other}}", {"a": "q"}, "other"),
        ("{path: a, table: {'true': one}}", {"a": True}, "one"),
        ("{path: a, table: {x: one}, default: none}", {}, "none"),
        ("{path: a, when: {path: b, given: yes}}", {"a": "x"}, None),
    ],
)
def test_a_form_makes_a_text(form: str, record: Any, expected: str | None) -> None:
    assert value(form, record) == expected


@pytest.mark.parametrize(
    ("form", "record", "expected"),
    [
        ("{path: a, table: {x: one}}", {"a": "q"}, ("value_unknown", "/a")),
        (r"{match: a.b, with: '\d+'}", {"a": {"b": "x"}}, ("value_unknown", "/a/b")),
        ("{agreed: [a, b]}", {"a": "1", "b": "2"}, ("key_contradictory", "/b")),
        ("{path: a, required: yes}", {}, ("field_missing", "/a")),
        ("{path: a, required: yes, at: b}", {}, ("field_missing", "/b")),
        ("{first: [a, b], required: yes}", {}, ("field_missing", "/b")),
        ("{template: '{a}-{b}', required: yes}", {"a": 1}, ("field_missing", "/b")),
        ("{add_days: [a, n], required: yes}", {"a": "2024-01-01"}, ("field_missing", "/n")),
        ("{add_days: [a, n]}", {"a": "2024-01-01", "n": 10**9}, ("date_format", "/n")),
        ("{count: a}", {"a": "x"}, ("list_format", "/a")),
        ("{path: a}", {"a": ["x"]}, ("text_format", "/a")),
        ("{path: a}", {"a": "x" * 1_001}, ("text_format", "/a")),
        ("{template: '{a}'}", {"a": {"b": 1}}, ("text_format", "/a")),
    ],
)
def test_what_a_form_can_not_make_is_refused_at_its_place(
    form: str, record: Any, expected: tuple[str, str]
) -> None:
    assert refused_value(form, record) == expected


@pytest.mark.parametrize(
    ("form", "record", "expected"),
    [
        ("a", {"a": 12}, "12.00"),
        ("a", {"a": "12.5"}, "12.50"),
        ("{path: a, as: major}", {"a": 0.1}, "0.10"),
        ("{path: a, as: text}", {"a": "-0012.500"}, "-12.50"),
        ("{path: a, as: text, thousands: ',', symbols: '$ '}", {"a": "$ 1,234,567.89"}, "1234567.89"),
        ("{path: a, as: text, thousands: ., decimal: ','}", {"a": "1.234,5"}, "1234.50"),
        ("{path: a, as: text, thousands: ' ', decimal: ','}", {"a": "1 234,50"}, "1234.50"),
        ("{path: a, as: text, trailing_minus: yes}", {"a": "100.00-"}, "-100.00"),
        ("{path: a, as: text, parentheses: yes}", {"a": "(100.00)"}, "-100.00"),
        ("{path: a, as: text, round: half_up}", {"a": "5.699"}, "5.70"),
        ("{path: a, as: text, round: half_up}", {"a": "-5.695"}, "-5.70"),
        ("{path: a, as: minor}", {"a": 1234}, "12.34"),
        ("{path: a, as: minor, decimals: 3}", {"a": 12340}, "12.34"),
        ("{path: a, as: minor, text: yes}", {"a": "1234"}, "12.34"),
        ("{sum: [a, b], minus: [c?]}", {"a": 1, "b": "2.5"}, "3.50"),
        ("{sum: [a], minus: [c]}", {"a": 1, "c": 4}, "-3.00"),
        ("{minus: a}", {"a": 1}, "-1.00"),
        ("{sum: [a, {path: b, when: {path: c, is: y}}]}", {"a": 1, "b": 5, "c": "n"}, "1.00"),
        ("{product: [q, p]}", {"q": 3, "p": "1.25"}, "3.75"),
        ("{product: [q, p], round: half_up}", {"q": "0.333", "p": "1.5"}, "0.50"),
        ("{abs: a}", {"a": "-7.00"}, "7.00"),
        ("{total: l, of: v, where: {path: k, is: x}}", {"l": [{"v": 1, "k": "x"}, {"v": 9}]}, "1.00"),
        ("{total: l, of: v}", {}, "0.00"),
        ("{path: a?, default: '0'}", {}, "0.00"),
    ],
)
def test_an_amount_is_read_as_it_is_written(form: str, record: Any, expected: str) -> None:
    assert value(form, record, "amount") == expected


@pytest.mark.parametrize(
    ("form", "record", "expected"),
    [
        ("a", {}, ("field_missing", "/a")),
        ("{path: a, as: major}", {"a": "12"}, ("amount_format", "/a")),
        ("{path: a, as: text}", {"a": 12}, ("amount_format", "/a")),
        ("{path: a, as: text}", {"a": "1,5"}, ("amount_format", "/a")),
        ("{path: a, as: text, thousands: ','}", {"a": "1,5"}, ("amount_format", "/a")),
        ("{path: a, as: text, thousands: ., decimal: ','}", {"a": "1.5"}, ("amount_format", "/a")),
        ("{path: a, as: text}", {"a": "NaN"}, ("amount_format", "/a")),
        ("{path: a, as: text}", {"a": "5.699"}, ("amount_precision", "/a")),
        ("{path: a, as: minor}", {"a": "1234"}, ("amount_format", "/a")),
        ("{path: a, as: minor}", {"a": True}, ("amount_format", "/a")),
        ("a", {"a": 10**14}, ("amount_range", "/a")),
        ("{sum: [a, b]}", {"a": 1}, ("field_missing", "/b")),
        ("{total: l, of: v}", {"l": [{"v": 1}, {}]}, ("field_missing", "/l/1/v")),
        ("{product: [q, p]}", {"q": "0.333", "p": 1}, ("amount_precision", "/q")),
        ("{product: [q, p]}", {"q": 1}, ("field_missing", "/q")),
    ],
)
def test_an_amount_that_is_not_written_so_is_refused(
    form: str, record: Any, expected: tuple[str, str]
) -> None:
    assert refused_value(form, record, "amount") == expected


@pytest.mark.parametrize(
    ("currency", "decimals", "expected"),
    [
        ("JPY", "{'0': iso, '*': 2}", "1234"),
        ("KWD", "{'0': iso, '*': 2}", "12.340"),
        ("MGA", "{'0': [BIF, MGA], '*': iso}", "1234.00"),
        ("KWD", "{'0': [BIF, MGA], '*': iso}", "1.234"),
        ("EUR", "iso", "12.34"),
    ],
)
def test_a_source_has_its_own_decimals_of_currencies(currency: str, decimals: str, expected: str) -> None:
    found = source(f"""\
        mapping: shop
        version: 1
        role: psp
        reads: json
        kind: =thing
        formats: {{amount: {{as: minor, decimals: {decimals}}}}}
        objects:
          thing:
            currency: c
            milestones:
              - {{type: payment.received, subject: [payment, =1], time: =2026-01-01T00:00:00Z,
                 data: {{payment: =1, amount: a}}}}
        """)
    (received,) = milestones(found, {"a": 1234, "c": currency.lower()})
    assert (received["data"]["amount"], received["data"]["currency"]) == (expected, currency)


@pytest.mark.parametrize(
    ("form", "given", "expected"),
    [
        ("a", "2024-02-29", "2024-02-29"),
        ("a", "2011-01-01T00:00:00.000-08:00", "2011-01-01"),
        ("{path: a, as: utc}", "2018-12-19 00:00:00", "2018-12-19"),
        ("{path: a, as: unix}", 1706659200, "2024-01-31"),
        ("{path: a, as: unix, zone: America/Los_Angeles}", 1706659200, "2024-01-30"),
        ("{path: a, as: unix_ms}", 1706659200123, "2024-01-31"),
        ("{path: a, as: us_date}", "1/31/2024", "2024-01-31"),
        ("{path: a, as: us_date}", "1/31/2024 11:30 PM", "2024-01-31"),
        ("{path: a, as: eu_date}", "31.1.2024", "2024-01-31"),
        ("{path: a, as: compact}", "20240131", "2024-01-31"),
        ("{path: a, as: compact}", "20220910000000", "2022-09-10"),
        ("{path: a, as: compact}", 20240131, "2024-01-31"),
        ("{path: a, as: odata}", "/Date(1706659200000)/", "2024-01-31"),
        ("{path: a, as: odata}", "/Date(1706659200000+0060)/", "2024-01-31"),
        ("{path: a, as: odata}", "2024-01-31", "2024-01-31"),
        ("{path: a, pattern: D Mon YYYY}", "3 Feb 2024", "2024-02-03"),
        ("{path: a, pattern: 'DD/MM/YYYY hh:mm'}", "03/02/2024 10:00", "2024-02-03"),
    ],
)
def test_a_day_is_read_as_it_is_written(form: str, given: Any, expected: str) -> None:
    assert value(form, {"a": given}, "day") == expected


@pytest.mark.parametrize(
    ("form", "given", "code"),
    [
        ("a", "2024-02-30", "date_format"),
        ("a", "31.1.2024", "date_format"),
        ("{path: a, as: us_date}", "31/1/2024", "date_format"),
        ("{path: a, as: us_date}", "2024-01-31", "time_format"),
        ("{path: a, as: unix}", "1706659200", "integer_format"),
        ("{path: a, as: unix}", 1706659200123, "time_range"),
        ("{path: a, as: odata}", "/Date(x)/", "time_format"),
        ("{path: a, as: odata}", "31.1.2024", "date_format"),
        ("{path: a, as: compact}", "20241331", "date_format"),
        ("a", None, "field_missing"),
    ],
)
def test_a_day_that_is_not_written_so_is_refused(form: str, given: Any, code: str) -> None:
    assert refused_value(form, {"a": given}, "day") == (code, "/a")


@pytest.mark.parametrize(
    ("form", "given", "expected"),
    [
        ("a", "2026-01-31T09:30:00+01:00", "2026-01-31T09:30:00+01:00"),
        ("a", "2026-01-31", "2026-01-31T00:00:00Z"),
        ("{path: a, zone: Europe/Berlin}", "2026-07-01 09:30:00", "2026-07-01T09:30:00+02:00"),
        ("{path: a, as: utc}", "2024-06-01 08:00:00.5", "2024-06-01T08:00:00.5Z"),
        ("{path: a, as: utc}", "2020-12-30 3:15:52", "2020-12-30T03:15:52Z"),
        ("{path: a, as: unix}", 1704067200, "2024-01-01T00:00:00Z"),
        ("{path: a, as: unix_ms}", 1704067200120, "2024-01-01T00:00:00.12Z"),
        ("{path: a, as: unix_us}", 1704067200000001, "2024-01-01T00:00:00.000001Z"),
        ("{path: a, as: odata}", "/Date(1704067200000)/", "2024-01-01T00:00:00Z"),
        ("{path: a, as: odata}", "2024-01-01T09:30:00.5+01:00", "2024-01-01T09:30:00.5+01:00"),
        ("{path: a, as: us_date, zone: '-08:00'}", "1/31/2026 2:05 PM", "2026-01-31T14:05:00-08:00"),
        ("{path: a, as: us_date}", "1/31/2026 12:05 AM", "2026-01-31T00:05:00Z"),
        ("{path: a, as: compact, zone: Asia/Tokyo}", "20220910000000", "2022-09-10T00:00:00+09:00"),
        ("{date: a, clock: b}", "2022-09-15", "2022-09-15T12:30:05Z"),
        ("{date: a, clock: c, zone: America/New_York}", "2022-09-15", "2022-09-15T12:30:05-04:00"),
        ("{date: a, clock: missing}", "2022-09-15", "2022-09-15T00:00:00Z"),
        ("{first: [x, a]}", "2026-01-31T09:30:00Z", "2026-01-31T09:30:00Z"),
        ("{path: a, zone: Europe/Berlin}", "2025-10-26 02:30:00", "2025-10-26T02:30:00+02:00"),
    ],
)
def test_a_time_is_read_as_it_is_written(form: str, given: Any, expected: str) -> None:
    assert time(form, {"a": given, "b": "PT12H30M05S", "c": "123005"}) == expected


def test_a_time_that_no_clock_showed_or_that_is_missing_is_refused() -> None:
    assert refused_time("{path: a, zone: Europe/Berlin}", {"a": "2026-03-29 02:30:00"}) == (
        "time_skipped",
        "/a",
    )
    assert refused_time("a", {}) == ("field_missing", "/a")
    assert refused_time("{date: a, clock: b}", {"a": "2026-01-01", "b": "25:00"}) == ("time_format", "/b")


@pytest.mark.parametrize(
    ("form", "given", "expected"),
    [
        ("a", "0.65", "0.65"),
        ("{path: a, as: percent}", 65, "0.65"),
        ("{path: a, as: percent}", "12.50", "0.125"),
        ("{case: [{when: {path: a, is: x}, then: =1}]}", "x", "1"),
    ],
)
def test_a_share_lies_between_0_and_1(form: str, given: Any, expected: str) -> None:
    assert value(form, {"a": given}, "share") == expected
    assert refused_value("{path: a, as: percent}", {"a": 101}, "share") == ("probability_range", "/a")


def test_a_word_of_the_contract_comes_by_a_table_or_as_it_is() -> None:
    assert value("a", {"a": "renewal"}, "class") == "renewal"
    assert value("{path: a, table: {N: new}}", {"a": "N"}, "class") == "new"
    assert refused_value("a", {"a": "N"}, "class") == ("value_unknown", "/a")
    assert refused_value("a", {}, "class") == ("field_missing", "/a")


def test_numbers_keep_their_digits() -> None:
    assert value("{template: '{a}'}", {"a": 9223372036854775809}) == "9223372036854775809"
    assert value("{product: [a, b]}", json.loads('{"a": "1.0832", "b": "1"}'), "rate") == "1.0832"


def test_tables_and_lets_are_named_once_and_used_anywhere() -> None:
    head = """\
        tables: {states: {A: active}}
        let:
          state: {path: status, table: states}
          holder: {first: [owner, contact]}
        """
    record = {"status": "A", "contact": {"name": "x"}}
    assert value("{template: '{$state} {$holder.name}'}", record, head=head) == "active x"
    assert value("{template: '{$state} {$holder.name}', default: none}", {"status": "A"}, head=head) == "none"
    assert refused_value("{template: '{$state} {$holder.name}'}", {"status": "B"}, head=head) == (
        "value_unknown",
        "/status",
    )
