"""What holds for every source, whatever it is fed."""

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sources import SOURCES, Refusal, Translation
from domain.contract import parse_event
from tests.sources import samples, samples_crm
from tests.sources.checks import gross, translated
from tests.sources.samples import qbo_invoice, qbo_line

ALL = {**samples.ALL, **samples_crm.ALL}
CASES = [(name, i) for name, payloads in ALL.items() for i in range(len(payloads))]

oddities = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["Deleted", "void", "JPY", "2024-02-30", "1e9", "\x00", 10**30, 0, -1, [], {}, [{}], [1]]
    ),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for step, member in inner for place in places(member, (*path, step)))]


def changed(payload: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A payload with another value at that place."""
    if not path:
        return value
    whole = copy.deepcopy(payload)
    holder = whole
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return whole


@pytest.mark.parametrize(("name", "number"), CASES)
def test_every_sample_means_something_and_twice_the_same(name: str, number: int) -> None:
    payload = json.dumps(ALL[name][number]).encode()
    first, second = (SOURCES[name].translate(payload, "acme") for _ in range(2))
    assert first == second
    assert first.refused == ()


@pytest.mark.parametrize("name", sorted(ALL))
@settings(max_examples=300)
@given(choose=st.data())
def test_a_damaged_payload_is_refused_or_still_makes_sound_milestones(
    name: str, choose: st.DataObject
) -> None:
    payload = choose.draw(st.sampled_from(ALL[name]))
    for _ in range(choose.draw(st.integers(1, 2))):
        place = choose.draw(st.sampled_from(places(payload)))
        payload = changed(payload, place, choose.draw(oddities))
    translation = SOURCES[name].translate(json.dumps(payload).encode(), "acme")
    ids = [(milestone["source"], milestone["id"]) for milestone in translation.milestones]
    assert len(set(ids)) == len(ids)
    for milestone in translation.milestones:
        parse_event(milestone)
    for refusal in translation.refused:
        assert refusal.pointer == "" or refusal.pointer.startswith("/")


@given(
    st.lists(st.tuples(st.integers(1, 10**7), st.booleans()), min_size=1, max_size=30), st.integers(0, 10**6)
)
def test_an_invoice_adds_up_to_the_cent_whatever_its_lines(rows: list[tuple[int, bool]], tax: int) -> None:
    tax = tax if any(taxed for _cents, taxed in rows) else 0
    total = sum(cents for cents, _taxed in rows) + tax
    lines = [qbo_line(cents / 100, taxed=taxed) for cents, taxed in rows]
    payload = qbo_invoice(Line=lines, TotalAmt=total / 100, TxnTaxDetail={"TotalTax": tax / 100})
    (posted,) = translated(SOURCES["quickbooks"], payload)
    assert Decimal(gross(posted)) * 100 == total
    untaxed = [line for line, (_cents, taxed) in zip(posted["data"]["lines"], rows, strict=True) if not taxed]
    assert all("tax" not in line for line in untaxed)


@given(st.binary(max_size=60))
def test_any_bytes_are_answered(payload: bytes) -> None:
    for source in SOURCES.values():
        source.translate(payload, "acme")


@pytest.mark.parametrize("name", sorted(ALL))
def test_nobodys_mail_address_leaves_a_source(name: str) -> None:
    for payload in ALL[name]:
        assert "example.com" not in repr(SOURCES[name].translate(json.dumps(payload).encode(), "acme"))


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"milestones": ({},), "ignored": "draft"},
        {"milestones": ({},), "refused": (Refusal("a", "", "b"),)},
        {"ignored": ""},
    ],
)
def test_a_translation_is_one_of_three(parts: Any) -> None:
    with pytest.raises(AssertionError):
        Translation(**parts)


def test_sources_go_by_their_names() -> None:
    assert {name: source.name for name, source in SOURCES.items()} == {name: name for name in SOURCES}
    assert set(SOURCES) >= {"cloudevents", "quickbooks", "stripe", *ALL}
    assert [name for name, source in SOURCES.items() if source.canonical] == ["cloudevents"]
