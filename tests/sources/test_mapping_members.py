"""A member read in one go is what the longer way to it reads: the same value, or the same refusal."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.sources.mapping import context as wants
from adapters.sources.mapping.context import Context, File, Want
from adapters.sources.mapping.document import Item, Problems
from adapters.sources.mapping.formats import read_formats
from adapters.sources.mapping.loading import _Forms
from adapters.sources.mapping.scope import Get, Run, Scope
from adapters.sources.payload import Node, Unreadable

WANTS = (
    wants.ID, wants.TEXT, wants.RAW, wants.PRESENT, wants.AMOUNT, wants.NUMBER, wants.DAY, wants.TIME,
    wants.SECONDS, wants.FLAG, wants.INTEGER, wants.CURRENCY, Want("code", "a code"),
    Want("quantity", "a quantity"), Want("probability", "a share"),
    Want("choice", "a word", ("paid", "void")),
)  # fmt: skip
FORMATS: tuple[dict[str, dict[str, str]], ...] = (
    {},
    {"amount": {"as": "minor"}, "day": {"as": "unix"}, "time": {"as": "unix"}},
    {"amount": {"as": "minor", "decimals": "2", "text": "yes"}, "day": {"as": "unix", "zone": "Asia/Tokyo"}},
    {"amount": {"as": "text"}, "number": {"as": "percent"}, "time": {"as": "unix_ms"}, "day": {"as": "utc"}},
    {"amount": {"as": "major"}, "number": {"thousands": ","}, "flag": {"yes": "T", "no": "F"}},
)
EDGES: tuple[Any, ...] = (
    None, "", " ", "\0", "a" * 255, "a" * 256, "a" * 1_001, True, False, 0, -1, 1, 10**9, 10**15, 10**15 + 1,
    -(10**16), 10**40, 253_402_300_799, 253_402_300_800, "2026-01-31", "2026-02-30", "2026-01-31T09:30:00Z",
    "12.50", "12", "1e3", Decimal("1.0"), Decimal("12.345"), "paid", "EUR", "eur", "T", "true", "yes",
    [], {}, ["a"], {"a": 1},
)  # fmt: skip
values = (
    st.sampled_from(EDGES)
    | st.integers()
    | st.text(max_size=12)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
)


def item(value: Any) -> Item:
    """A value as a mapping's file has it."""
    if isinstance(value, dict):
        return Item({name: item(inner) for name, inner in value.items()}, 1, "value")
    return Item(value, 1, "value")


def getters(want: Want, formats: dict[str, dict[str, str]], currency: str) -> tuple[Get, Get]:
    """The readers of `it`, and of the same value by two steps."""
    problems = Problems()
    told = read_formats(item(formats) if formats else None, problems, in_texts=False)
    context = Context(File("shop", "shop", "json", _Forms(), problems), told).with_currency(
        item(f"={currency}")
    )
    found = context.value(item("it"), want).get, context.value(item("here.it"), want).get
    assert not problems.found
    return found


def answer(get: Get, record: dict[str, Any]) -> Any:
    """What it reads, or the code and words of the refusal."""
    try:
        found = get(Scope(record, Run(Node(record), "acme", {})))
    except Unreadable as unreadable:
        return unreadable.refusal.code, unreadable.refusal.message
    return type(found), found


READERS = [
    getters(want, formats, currency)
    for want in WANTS
    for formats in FORMATS
    for currency in ("EUR", "JPY", "BHD")
]


@pytest.mark.parametrize("value", EDGES, ids=repr)
def test_an_edge_is_read_alike_by_one_step_and_by_two(value: Any) -> None:
    record = {"it": value, "here": {"it": value}}
    for one, two in READERS:
        assert answer(one, record) == answer(two, record)


@given(values)
@example("0")
def test_any_value_is_read_alike_by_one_step_and_by_two(value: Any) -> None:
    record = {"it": value, "here": {"it": value}}
    for one, two in READERS:
        assert answer(one, record) == answer(two, record)


@pytest.mark.parametrize("record", [{}, {"here": {}}, {"here": None}], ids=repr)
def test_what_is_missing_is_not_given(record: dict[str, Any]) -> None:
    for one, two in READERS:
        assert answer(one, record) == answer(two, record) == (type(None), None)


@pytest.mark.parametrize("test", ["is", "in", "not"])
@pytest.mark.parametrize("value", EDGES, ids=repr)
def test_a_condition_on_a_member_holds_as_by_two_steps(test: str, value: Any) -> None:
    record = {"it": value, "here": {"it": value}}
    context = Context(
        File("shop", "shop", "json", _Forms(), Problems()), read_formats(None, Problems(), in_texts=False)
    )
    scope = Scope(record, Run(Node(record), "acme", {}))
    for word in ("paid", "1", "true", "1.0", "a"):
        one, two = (context.condition(item({"path": path, test: word})) for path in ("it", "here.it"))
        assert one(scope) is two(scope)
