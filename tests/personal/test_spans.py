"""Laws of cutting personal values out of payloads and putting them back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.feeds.files import FileRefused
from adapters.personal.marking import Guarded, Marks
from adapters.personal.rules import Rule
from adapters.personal.sealing import Secret
from adapters.personal.spans import spans
from adapters.personal.tokens import TOKEN, Token, tokens_in
from adapters.preparing import reads_of
from adapters.sources import SOURCES
from tests.personal.conftest import MASTER, rules_of

PSEUDONYMS = Secret(MASTER, b"a salt of a test").pseudonyms
NAMES = st.sampled_from(["a", "b", "name", 'q"uote', "ä", "~", "a/b", ""])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(
        ["person:0123456789abcdef:0123456789abcdef", 'x"person:0123456789abcdef:0123456789abcdef']
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
PATTERNS = st.lists(
    st.lists(st.sampled_from(["*", "a", "b", "name", "ä", "0", 'q"uote']), min_size=1, max_size=3).map(tuple),
    min_size=1,
    max_size=3,
)
WRITTEN = st.sampled_from(
    [
        {},
        {"separators": (",", ":")},
        {"indent": 2},
        {"ensure_ascii": False},
        {"indent": "\t", "separators": (" , ", " : ")},
    ]
)


def put_back(guarded: Guarded) -> bytes:
    raws = {Token(one.subject, one.value): one.raw for one in guarded.values}
    parts, at = [], 0
    for match in TOKEN.finditer(guarded.body):
        token = Token(bytes.fromhex(match[1].decode()), bytes.fromhex(match[2].decode()))
        parts += [guarded.body[at : match.start()], raws[token]]
        at = match.end()
    return b"".join(parts) + guarded.body[at:]


def leaves(value: Any, pattern: tuple[str, ...]) -> list[Any]:
    """What a pattern leads to, told from the values and not from the bytes."""
    if not pattern:
        return [value]
    step, rest = pattern[0], pattern[1:]
    if isinstance(value, dict):
        inner = [one for name, one in value.items() if step in ("*", name)]
    elif isinstance(value, list):
        inner = [one for number, one in enumerate(value) if step in ("*", str(number))]
    else:
        return []
    return [found for one in inner for found in leaves(one, rest)]


@given(VALUES, PATTERNS, WRITTEN)
def test_what_is_cut_out_is_what_the_pointer_leads_to(
    value: Any, patterns: list[tuple[str, ...]], written: dict[str, Any]
) -> None:
    body = json.dumps(value, **written).encode()
    for pattern in patterns:
        found = spans(body, [pattern])
        assert [json.loads(body[one.start : one.end]) for one in found] == leaves(value, pattern)
        assert all(leaves(value, one.path) == [json.loads(body[one.start : one.end])] for one in found)


@given(st.dictionaries(NAMES, VALUES), PATTERNS, WRITTEN, st.booleans())
def test_what_is_cut_out_goes_back_byte_for_byte(
    value: Any,
    patterns: list[tuple[str, ...]],
    written: dict[str, Any],
    own: bool,
) -> None:
    body = json.dumps(value, **written).encode()
    marks = Marks([Rule("crm/acme", tuple(patterns), None if own else ("name",))], PSEUDONYMS)
    guarded = marks.record("crm", lambda: "json", "acme", body)
    if guarded is None:
        assert not any(tells(one) for pattern in patterns for one in leaves(value, pattern))
        return
    assert not guarded.is_whole
    assert put_back(guarded) == body
    assert marks.record("crm", lambda: "json", "acme", body) == guarded
    told = json.loads(guarded.body)
    for pattern in patterns:
        left = [one for one in leaves(told, pattern) if tells(one)]
        told_of = [text for one in left for text in texts(one) if tells(text)]
        assert all(isinstance(one, str) and tokens_in(json.dumps(one).encode()) for one in told_of), left


def texts(value: Any) -> list[Any]:
    """A value, or all that a list or object holds, names too."""
    if isinstance(value, dict):
        return [one for pair in value.items() for inner in pair for one in texts(inner)]
    return [one for inner in value for one in texts(inner)] if isinstance(value, list) else [value]


def tells(value: Any) -> bool:
    if isinstance(value, (dict, list)):
        return any(map(tells, texts(value)))
    return value is not None and not (isinstance(value, str) and not value.strip(" "))


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_comes_is_understood_or_sealed_whole(body: bytes) -> None:
    marks = Marks([Rule("/*/*/*", (("data", "name"),), None), Rule("crm/*", (("name",),), None)], PSEUDONYMS)
    guarded = marks.event(body)
    assert guarded is not None
    assert guarded.is_whole
    assert guarded.values[0].raw == body
    record = marks.record("crm", lambda: "json", "acme", body)
    assert record is None or put_back(record) == body


def marks(folder: Path, text: str) -> Marks:
    return Marks(rules_of(folder, text), PSEUDONYMS)


def only(guarded: Guarded | None) -> Guarded:
    assert guarded is not None
    return guarded


def test_each_element_of_a_list_has_its_own_subject(tmp_path: Path) -> None:
    text = "rules: [{match: crm/acme, fields: [/people/*/name], subject: /people/*/id}]"
    body = b'{"people": [{"id": 7, "name": "Ann"}, {"id": "8", "name": "Bo"}, {"name": "Cy"}]}'
    guarded = only(marks(tmp_path, text).record("crm", lambda: "json", "acme", body))
    wanted = [PSEUDONYMS.subject(one) for one in ("7", "8", "Cy")]
    assert [one.subject for one in guarded.values] == wanted
    assert json.loads(guarded.body)["people"][0]["id"] == 7


def test_of_members_with_the_same_name_none_stays_open(tmp_path: Path) -> None:
    text = "rules: [{match: crm/acme, fields: [/name], subject: value}]"
    guarded = only(marks(tmp_path, text).record("crm", lambda: "json", "acme", b'{"name":"Ann","name":"Bo"}'))
    assert b"Ann" not in guarded.body
    assert b"Bo" not in guarded.body


def test_a_csv_column_is_found_however_the_file_spells_it(tmp_path: Path) -> None:
    text = "rules: [{match: crm/acme, fields: [/row/Owner Email, /rows/*/Owner Email], subject: value}]"
    body = b'{"object":"deal","row":{"owner_email":"ann@x","Name":"d"},"rows":[{"OWNER EMAIL":"bo@x"}]}'
    guarded = only(marks(tmp_path, text).record("crm", lambda: "csv", "acme", body))
    assert [one.raw for one in guarded.values] == [b'"ann@x"', b'"bo@x"']


@pytest.mark.parametrize("torn", [b'"beyond":["ann@x"]', b'"unread":[{"line":1}],"beyond":["ann@x"]'])
def test_a_torn_csv_row_is_sealed_whole(tmp_path: Path, torn: bytes) -> None:
    text = "rules: [{match: crm/acme, fields: [/row/Owner], subject: value}]"
    body = b'{"object":"deal","row":{"Name":"d"},' + torn + b"}"
    assert only(marks(tmp_path, text).record("crm", lambda: "csv", "acme", body)).is_whole


def test_a_record_whose_places_cannot_be_found_is_sealed_whole(tmp_path: Path) -> None:
    text = "rules: [{match: crm/acme, fields: [/name], subject: value}]"
    assert only(marks(tmp_path, text).record("crm", lambda: "xml", "acme", b"<name>Ann</name>")).is_whole


EVENTS = "rules: [{match: /crm/*/*, fields: [/data/dimensions/owner], subject: value}]"


def test_an_event_of_another_source_is_left_alone(tmp_path: Path) -> None:
    body = b'{"source": "/erp/netsuite/acme", "data": {"dimensions": {"owner": "Ann"}}}'
    assert marks(tmp_path, EVENTS).event(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": {"dimensions": {"owner": "Ann"}}}',
        b'{"source": null, "data": {"dimensions": {"owner": "Ann"}}}',
        b'[{"source": "/crm/x/y"}]',
        b'{"source": "/crm/x/y", "data_base64": "QW5u"}',
        b'{"source": "/crm/x/y", "data": {"dimensions": {"owner": "Ann"}}',
        b'{"source": "/crm/x/y", "data": {"dimensions": {"owner": "\xff"}}}',
        b'{"source": "/crm/x/y", "data": "{\\"dimensions\\": {\\"owner\\": \\"Ann\\"}}"}',
        b'{"source": "/crm/x/y", "data": [{"dimensions": {"owner": "Ann"}}]}',
        b'{"source": "/crm/x/y", "data": 4915112345678}',
        b'{"source": "/crm/x/y", "data": {"dimensions": "owner Ann"}}',
        b'{"source": "/crm/x/y", "data": {"dimensions": [{"owner": "Ann"}]}}',
        b'{"source": "crm/x/y", "data": {"dimensions": {"owner": "Ann"}}}',
        b'{"source": "/crm/x/y/", "data": {"dimensions": {"owner": "Ann"}}}',
        b'{"source": "/CRM/x/y", "data": {"dimensions": {"owner": "Ann"}}}',
        b'{"source": "/crm/x", "data": {"dimensions": {"owner": "Ann"}}}',
        b'{"source": "/erp/x\\u0000/y", "data": {"dimensions": {"owner": "Ann"}}}',
        b'{"source": "/crm/x/y", "source": "/erp/x/y", "data": {"dimensions": {"owner": "Ann"}}}',
        b'{"source": "/crm/x/y", "s\\u006furce": "/erp/x/y", "data": {"dimensions": {"owner": "Ann"}}}',
        b'{"source": "/crm/x/y", "data_base64": "QW5u", "data_base64": null}',
    ],
)
def test_an_event_that_may_hide_something_is_sealed_whole(tmp_path: Path, body: bytes) -> None:
    assert only(marks(tmp_path, EVENTS).event(body)).is_whole


def test_the_replacement_of_a_correction_comes_under_the_rules_of_its_own_source(tmp_path: Path) -> None:
    inner = {"source": "/crm/x/y", "data": {"dimensions": {"owner": "Ann"}}}
    event = {"source": "/erp/x/y", "type": "milestone.corrected.v1", "data": {"replacement": inner}}
    guarded = only(marks(tmp_path, EVENTS).event(json.dumps(event).encode()))
    assert not guarded.is_whole
    assert b"Ann" not in guarded.body


INNER = '{"source": "/crm/x/y", "data": {"dimensions": {"owner": "Ann"}}}'


@pytest.mark.parametrize("source", ["/crm/x/y", "/erp/x/y"])
@pytest.mark.parametrize("kind", ["milestone.corrected.v1", "milestone.corrected"])
@pytest.mark.parametrize(
    "data",
    [
        '{"replacement": "Ann"}',
        '{"replacement": ' + json.dumps(INNER) + "}",
        '{"replacement": [' + INNER + "]}",
        '{"replacement": {"data": {"dimensions": {"owner": "Ann"}}}}',
        '{"replacement": {"source": "crm/x/y", "data": {"dimensions": {"owner": "Ann"}}}}',
        '{"replacement": ' + INNER + ', "replacement": {"source": "/erp/x/y"}}',
        '{"replacement": {"source": "/crm/x/y", "note": "Ann", "source": "/erp/x/y"}}',
        '[{"replacement": ' + INNER + "}]",
        json.dumps(f'{{"replacement": {INNER}}}'),
    ],
)
def test_a_correction_whose_replacement_cannot_be_searched_is_sealed_whole(
    tmp_path: Path, source: str, kind: str, data: str
) -> None:
    body = f'{{"source": "{source}", "type": "{kind}", "data": {data}}}'.encode()
    assert only(marks(tmp_path, EVENTS).event(body)).is_whole


@pytest.mark.parametrize(
    "kind", ["milestone.corrected", "milestone.corrected.v2", "Milestone.Corrected.v1", ""]
)
def test_the_replacement_in_an_event_of_a_type_that_nobody_knows_does_not_stay_open(
    tmp_path: Path, kind: str
) -> None:
    body = f'{{"source": "/erp/x/y", "type": "{kind}", "data": {{"replacement": {INNER}}}}}'.encode()
    guarded = only(marks(tmp_path, EVENTS).event(body))
    assert b"Ann" not in guarded.body
    assert put_back(guarded) == body


@pytest.mark.parametrize("data", ["null", "{}", '""', '{"dimensions": null}', '{"dimensions": []}'])
def test_an_event_that_holds_nothing_where_a_rule_looks_is_left_alone(tmp_path: Path, data: str) -> None:
    body = f'{{"source": "/crm/x/y", "type": "order.accepted.v1", "data": {data}}}'.encode()
    assert marks(tmp_path, EVENTS).event(body) is None


def test_a_correction_under_no_rule_is_left_alone(tmp_path: Path) -> None:
    inner = '{"source": "/erp/x/y", "data": {"dimensions": {"owner": "Ann"}}}'
    kind = "milestone.corrected.v1"
    body = f'{{"source": "/erp/x/y", "type": "{kind}", "data": {{"replacement": {inner}}}}}'.encode()
    assert marks(tmp_path, EVENTS).event(body) is None


def test_a_record_that_has_an_id_in_place_of_an_object_is_read_as_it_is(tmp_path: Path) -> None:
    text = "rules: [{match: crm/acme, fields: [/customer/email], subject: value}]"
    assert marks(tmp_path, text).record("crm", lambda: "json", "acme", b'{"customer": "cus_1"}') is None


def test_every_text_within_a_list_or_an_object_is_a_value_and_a_subject_of_its_own(tmp_path: Path) -> None:
    text = "rules: [{match: crm/acme, fields: [/team], subject: value}]"
    body = b'{"team": ["Ann", {"bo@x": [true, 7, null, " "]}, []], "n": 1}'
    guarded = only(marks(tmp_path, text).record("crm", lambda: "json", "acme", body))
    assert [one.raw for one in guarded.values] == [b'"Ann"', b'"bo@x"', b"true", b"7"]
    wanted = [PSEUDONYMS.subject(one) for one in ("Ann", "bo@x", "true", "7")]
    assert [one.subject for one in guarded.values] == wanted
    assert put_back(guarded) == body


def test_a_list_whose_subject_is_told_is_one_value_of_it(tmp_path: Path) -> None:
    text = "rules: [{match: crm/acme, fields: [/phones], subject: /id}]"
    body = b'{"id": 7, "phones": [1, 2]}'
    guarded = only(marks(tmp_path, text).record("crm", lambda: "json", "acme", body))
    assert [(one.subject, one.raw) for one in guarded.values] == [(PSEUDONYMS.subject("7"), b"[1, 2]")]


def test_marks_go_to_another_process_and_do_the_same_there(tmp_path: Path) -> None:
    here = marks(tmp_path, EVENTS)
    body = b'{"source": "/crm/x/y", "data": {"dimensions": {"owner": "Ann"}}}'
    assert Marks.from_told(here.told()).event(body) == here.event(body)


def rule(match: str = "hubspot/*", fields: str = "[/x]", subject: str = "value") -> str:
    return f"rules:\n  - match: {match}\n    fields: {fields}\n    subject: {subject}"


REFUSED = [
    ("{", 1, "", "can't be read as YAML"),
    ("other: 1", 1, "other", "no such field"),
    ("rules: []", 1, "rules", "list of 1 to"),
    (rule(match="/crm/*"), 2, "rules.0.match", "must be a source of events"),
    (rule(match="a/b/c"), 2, "rules.0.match", "mapping/instance"),
    (rule(match="hubspott/acme"), 2, "rules.0.match", "did you mean hubspot?"),
    (rule(match="salesforce_outbound/*"), 2, "rules.0.match", "reads xml"),
    (rule(fields="[x]"), 3, "rules.0.fields.0", "JSON Pointer"),
    (rule(fields="[/x~2]"), 3, "rules.0.fields.0", "~0"),
    (rule(subject="id"), 4, "rules.0.subject", "JSON Pointer"),
    (rule(subject="/a/*/b"), 4, "rules.0.subject", "not bound"),
    (rule(subject=""), 4, "rules.0.subject", "is missing"),
    (rule("/crm/*/*", "[/id]"), 3, "rules.0.fields.0", "says which milestone it is"),
    (rule("/crm/*/*", "[/data/keys/0]"), 3, "rules.0.fields.0", "no free text"),
    (rule("/crm/*/*", "[/data]"), 3, "rules.0.fields.0", "name the values"),
    (rule("/crm/*/*", "[/owner]"), 3, "rules.0.fields.0", "begin with /data/"),
]


@pytest.mark.parametrize(("text", "line", "field", "message"), REFUSED)
def test_a_file_of_rules_with_a_mistake_is_refused_with_its_place(
    tmp_path: Path, text: str, line: int, field: str, message: str
) -> None:
    readers = {name: lambda one=one: reads_of(one) for name, one in SOURCES.items() if not one.canonical}
    with pytest.raises(FileRefused) as refused:
        rules_of(tmp_path, text, readers=readers)
    (first, *_) = refused.value.errors
    assert (first.line, first.field) == (line, field), first
    assert message in first.message
