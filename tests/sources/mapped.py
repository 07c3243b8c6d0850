"""Small mappings for the tests of the language."""

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from adapters.sources.base import Translation
from adapters.sources.mapping import MappedSource, MappingRefused, Problem, read_mapping
from domain.contract import parse_event

_HEAD = """\
mapping: shop
version: 1
role: erp
reads: json
kind: =thing
"""
#: A field of the contract for each kind of value, and the milestone that has it.
_MILESTONES = {
    "text": ("credit.held", "reason", "{{reason: {form}}}"),
    "amount": ("payment.received", "amount", "{{payment: =p, amount: {form}}}"),
    "day": ("invoice.due_date_changed", "due_on", "{{invoice: =i, due_on: {form}}}"),
    "class": ("opportunity.won", "class", "{{amount: =1, class: {form}}}"),
    "share": ("opportunity.changed", "probability", "{{amount: =1, probability: {form}}}"),
    "rate": ("fx.rate_fixed", "rate", "{{base: =EUR, quote: =USD, on: =2026-01-01, rate: {form}}}"),
}


def source(text: str) -> MappedSource:
    """The source of a mapping, checked."""
    found = MappedSource("shop", Path("shop.yaml"), dedent(text).encode())
    read_mapping(found.text, "shop.yaml")
    return found


def problems(text: str) -> list[Problem]:
    """What is wrong with a mapping."""
    with pytest.raises(MappingRefused) as raised:
        read_mapping(dedent(text).encode(), "shop.yaml")
    return list(raised.value.problems)


def translate(found: MappedSource, record: Any) -> Translation:
    """What a JSON value, or bytes, mean; milestones accepted by the contract."""
    payload = record if isinstance(record, bytes) else json.dumps(record).encode()
    translation = found.translate(payload, "acme")
    for milestone in translation.milestones:
        parse_event(milestone)
    return translation


def milestones(found: MappedSource, record: Any) -> list[dict[str, Any]]:
    """The milestones of a record that is neither refused nor ignored."""
    translation = translate(found, record)
    assert translation.refused == ()
    assert translation.ignored is None
    return [dict(milestone) for milestone in translation.milestones]


def refusal(found: MappedSource, record: Any) -> tuple[str, str]:
    """Code and pointer of the refusal of a record."""
    ((code, pointer, message),) = translate(found, record).refused
    assert message
    return code, pointer


def thing(form: str, kind: str = "text", head: str = "") -> MappedSource:
    """A mapping of things with one value in question. head: further lines of the file."""
    name, _field, data = _MILESTONES[kind]
    return source(
        f"{_HEAD}{dedent(head)}objects:\n  thing:\n    currency: =EUR\n    milestones:\n"
        f"      - type: {name}\n        subject: [thing, =1]\n        time: =2026-01-01T00:00:00Z\n"
        f"        data: {data.format(form=form)}\n"
    )


def value(form: str, record: Any, kind: str = "text", head: str = "") -> Any:
    """What a value's form makes of a record; None where it is left out."""
    (milestone,) = milestones(thing(form, kind, head), record)
    return milestone["data"].get(_MILESTONES[kind][1])


def refused_value(form: str, record: Any, kind: str = "text", head: str = "") -> tuple[str, str]:
    """Code and pointer of the refusal of a value."""
    return refusal(thing(form, kind, head), record)


def when(condition: str, record: Any, head: str = "") -> bool:
    """Whether a condition holds for a record."""
    found = source(
        f"{_HEAD}{dedent(head)}objects:\n  thing:\n    first: [{{ignore: held, when: {condition}}}]\n"
        "    milestones:\n      - {type: credit.held, subject: [thing, =1], time: =2026-01-01T00:00:00Z}\n"
    )
    return translate(found, record).ignored == "held"


def time(form: str, record: Any, head: str = "") -> str:
    """The time that a form makes."""
    found = source(
        f"{_HEAD}{dedent(head)}objects:\n  thing:\n    milestones:\n"
        f"      - {{type: credit.held, subject: [thing, =1], time: {form}}}\n"
    )
    return str(milestones(found, record)[0]["time"])


def refused_time(form: str, record: Any, head: str = "") -> tuple[str, str]:
    """Code and pointer of the refusal of a time."""
    found = source(
        f"{_HEAD}{dedent(head)}objects:\n  thing:\n    milestones:\n"
        f"      - {{type: credit.held, subject: [thing, =1], time: {form}}}\n"
    )
    return refusal(found, record)
