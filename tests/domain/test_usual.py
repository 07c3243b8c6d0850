"""The shorter way from bytes to a milestone: it reads as the long way does, and leaves the rest to it."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.canonical import NotJson, content_digest, decode_json
from domain.contract import SENT, parse_event
from domain.milestones import Milestone
from domain.refusals import Refused
from domain.stored import CODEC
from domain.usual import read_usual
from tests.domain.events import invoice, order
from tests.domain.samples import SAMPLES

#: Samples with a field in which anything may stand, or with integers.
LONG = {"milestone.corrected.v1", "policy.activated.v1", "control_total.reported.v1"}


def long_way(body: bytes) -> tuple[Milestone, bytes] | None:
    """What stands in the contract, or None where it refuses."""
    try:
        event, plain = decode_json(body)
        return parse_event(event), content_digest(event, plain=plain)
    except (NotJson, Refused, ValueError, TypeError):
        return None


def assert_same(body: bytes) -> bool:
    """What is read is the same to the last stored byte: whether it was read."""
    read = read_usual(body)
    if read is None:
        return False
    expected = long_way(body)
    assert expected is not None, "the shorter way accepts nothing that the contract refuses"
    assert read == expected
    assert CODEC.encode(read[0]) == CODEC.encode(expected[0]), "members in the same order as well"
    return True


def dumped(event: Any) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", sorted(set(SENT) - LONG))
def test_every_type_with_all_its_fields_is_read_the_shorter_way(name: str) -> None:
    assert assert_same(dumped(SAMPLES[name]))


@pytest.mark.parametrize("name", sorted(LONG))
def test_fields_in_which_anything_may_stand_and_integers_are_left_to_the_long_way(name: str) -> None:
    assert read_usual(dumped(SAMPLES[name])) is None


def test_members_in_any_order_and_blanks_give_the_same_digest() -> None:
    made = order()
    turned = {name: made[name] for name in reversed(list(made))}
    turned["data"] = {name: made["data"][name] for name in reversed(list(made["data"]))}
    first, second = read_usual(dumped(made)), read_usual(json.dumps(turned, indent=2).encode())
    assert first is not None
    assert second is not None
    assert first == second
    assert assert_same(dumped(turned))


LEFT_OUT = {
    "an escape": dumped(order()).replace(b"SO-1", b"SO\\u002d1"),
    "a letter beyond ASCII": dumped(order()).replace(b"SO-1", "SÖ-1".encode()),
    "a null": dumped(order() | {"data": order()["data"] | {"term_end": None}}),
    "an unknown field": dumped(order() | {"data": order()["data"] | {"beyond": "1"}}),
    "an unknown attribute": dumped(order() | {"beyond": "1"}),
    "a number": dumped(order() | {"sequence": 7}),
    "an offset": dumped(order() | {"time": "2026-03-01T23:30:00-02:00"}),
    "no JSON": dumped(order())[:-1],
    "two types": dumped(order()).replace(b"{", b'{"type":"invoice.posted.v1",', 1),
    "a list": b"[]",
    "a byte that is no text": b"\xff",
    "nothing": b"",
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_what_is_not_usual_is_left_to_the_long_way(what: str) -> None:
    assert read_usual(LEFT_OUT[what]) is None


REFUSED = [
    ("/source", "/erp/netsuite"),
    ("/source", "/nobody/netsuite/acme"),
    ("/subject", "order"),
    ("/subject", "or:der/SO-1"),
    ("/time", "2026-02-30T08:00:00Z"),
    ("/time", "0001-01-01T08:00:00Z"),
    ("/time", "2026-02-03T24:00:00Z"),
    ("/specversion", "0.3"),
    ("/id", ""),
    ("/id", "x" * 1_001),
    ("/data/currency", "EUX"),
    ("/data/effective_on", "2026-02-30"),
    ("/data/keys", ["erp/netsuite/acme:order"]),
    ("/data/keys", ["erp/netsuite/acme:order:"]),
    ("/data/keys", ["erp/netsuite/acme::SO-1"]),
    ("/data/keys", ["erp//acme:order:SO-1"]),
    ("/data/keys", ["erp/netsuite/acme:order:SO-1"] * 201),
    ("/data/dimensions", {"weather": "fine"}),
    ("/data/dimensions", {"owner": ""}),
    ("/data/lines", []),
    ("/data/lines/0/net", "1.234"),
    ("/data/lines/0/net", "1e3"),
    ("/data/lines/0/net", "10000000000000000.00"),
    ("/data/lines/0/quantity", "NaN"),
    ("/data/lines/0/kind", "other"),
    ("/data/lines/0/service_end", "2019-01-01"),
    ("/data/lines/0/order_line", "SO-1/"),
]


@pytest.mark.parametrize(("pointer", "value"), REFUSED)
def test_what_the_contract_refuses_is_never_read(pointer: str, value: Any) -> None:
    made = copy.deepcopy(SAMPLES["order.accepted.v1"])
    *path, last = pointer.strip("/").split("/")
    inner: Any = made
    for step in path:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    inner[last] = value
    body = dumped(made)
    assert long_way(body) is None
    assert read_usual(body) is None


def test_an_order_that_repeats_a_line_number_is_never_read() -> None:
    made = copy.deepcopy(SAMPLES["order.accepted.v1"])
    made["data"]["lines"] *= 2
    assert long_way(dumped(made)) is None
    assert read_usual(dumped(made)) is None


def test_an_opportunity_with_neither_lines_nor_amount_is_never_read() -> None:
    made = copy.deepcopy(SAMPLES["opportunity.opened.v1"])
    del made["data"]["lines"]
    assert read_usual(dumped(made)) is None
    made["data"]["amount"] = "1.00"
    assert assert_same(dumped(made))


def test_a_milestone_without_its_own_business_date_has_that_of_its_time() -> None:
    made = copy.deepcopy(invoice())
    made["data"].pop("effective_on", None)
    assert assert_same(dumped(made))
    assert assert_same(dumped(made | {"actor": "kim", "traceparent": "00-1-2-01"}))


# ---- the law: whatever somebody does to a milestone, both ways agree, or the shorter one is not taken

_WORDS = [
    "", "1", "-1", "0", "1.00", "0.5", "1.5", "-0.00", "1,5", "EUR", "JPY", "KWD", "XXX", "2026-01-31",
    "2026-02-30", "2026-03", "ratable", "recurring", "one_time", "new", "true", "SO-1/1", "/", ":", "a:b",
    "erp/netsuite/acme:order:SO-1", "crm/salesforce/acme:opportunity:006A", "erp/netsuite/acme:payment:P:1",
    "2026-03-01T08:00:00Z", "2026-03-01T23:59:60Z", "2026-03-01t08:00:00z", "2026-03-01T08:00:00.5Z",
    "/erp/netsuite/acme", "order/SO-1", "\u00e9", "\x7f", 'a"b', "a\\b", "a/b", "\u0000", "x" * 1_001,
]  # fmt: skip
_values = st.recursive(
    st.sampled_from(_WORDS) | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=3),
    max_leaves=4,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for name, inner in value.items():
            found += _places(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            found += _places(inner, (*path, number))
    return found


@st.composite
def _tampered(draw: st.DrawFn) -> bytes:
    made = copy.deepcopy(SAMPLES[draw(st.sampled_from(sorted(SAMPLES)))])
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(_places(made)))
        inner: Any = made
        for step in path[:-1]:
            inner = inner[step]
        match draw(st.sampled_from(["replace", "drop", "add", "double"])):
            case "replace":
                inner[path[-1]] = draw(st.sampled_from(_WORDS) | _values)
            case "drop":
                del inner[path[-1]]
            case "add" if isinstance(inner, dict):
                inner[
                    draw(st.sampled_from(["currency", "keys", "effective_on", "lines", "x", "actor", "tax"]))
                ] = draw(st.sampled_from(_WORDS) | _values)
            case _ if isinstance(inner, list):
                inner.append(copy.deepcopy(inner[path[-1]]))
    ascii_only = draw(st.booleans())
    return json.dumps(made, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


@settings(max_examples=500, deadline=None)
@given(_tampered())
def test_whatever_is_done_to_a_milestone_both_ways_agree(body: bytes) -> None:
    assert_same(body)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3))
def test_whatever_is_done_to_its_bytes_both_ways_agree(name: str, at: int, put: bytes, out: int) -> None:
    body = dumped(SAMPLES[name])
    at %= len(body)
    assert_same(body[:at] + put + body[at + out :])
