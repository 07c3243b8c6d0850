"""The page: every milestone type with its meaning, fields, system of record, an example and what that posts.

All of it comes from the code: meanings from the docstrings of domain/catalogue, fields from the annotations
that milestones are read by, postings from folding the example after its story. Belongs here: the words and
tables. Does not belong here: the examples (`examples`), who writes the page (`__main__`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from inspect import getdoc
from typing import Any, Final

from domain import milestones as m
from domain.contract import CATALOGUE, SENT, Field, MilestoneType
from domain.money import format_minor
from domain.policies import SYSTEM_OF_RECORD
from projections import accounts as a
from projections.book import Row
from projections.cluster import Change
from scripts.cataloguing.examples import EXAMPLES, Example
from scripts.cataloguing.exceptions import ANY, BY_TYPE
from tests.projections.books import MemoryLog

_EPOCH: Final = date(1970, 1, 1)

_HEAD: Final = """# Milestones

What can be said to the ledger, one section a type. Written by `./scripts/catalogue` from the code; a test
fails where it is stale. The published JSON Schema of the same types is at `GET SCHEMA`.

## What every milestone carries

A milestone is a CloudEvent (1.0, JSON). `source` is `/<role>/<system>/<instance>`, and with `id` names the
message; `subject` is `<object>/<native id>`; `time` is RFC 3339 with an offset,
from 0001-01-02 to 9999-12-30 in UTC; `sequence`, optional, is the
source's version of the subject. `correlationid`, `causationid`, `traceparent` and `actor` are kept and never
interpreted. In `data`, besides the fields of its type:

| field | type | meaning |
|---|---|---|
| `effective_on` | date | business date; default: the date of `time` in the policy's time zone |
| `keys` | list of keys | business keys of the same deal; the subject's own is always among them |
| `dimensions` | object | any of DIMENSIONS |

A **key** is `<role>/<system>/<instance>:<object>:<native id>`. An **amount** is a decimal string in the
milestone's currency, with at most its decimals; a **document's amount** is one in the currency of the
document that is named. A **line** is an object:

| field | type | |
|---|---|---|
| `line` | text or integer | required |
| `sku` | text | required |
| `net` | amount | required |
| `tax` | amount | default `0` |
| `kind` | one of KINDS | required of deal lines |
| `quantity` | decimal | |
| `recognition` | one of RECOGNITIONS | default: `ratable` with service dates, else `on_invoice` |
| `service_start`, `service_end` | dates, both included | |
| `order_line` | `<order>/<line>` | default: the deal's one order line of that `sku` |
| `billing` | list of `on`, `net` | planned invoices |
| `description` | text | |

Any milestone may raise ANY. What a posting moves between is explained by the accounts' names; the planes
`claims`, `party`, `performance`, `run_rate` and `memorandum` balance each on its own.
"""

_OWN: Final = """## What the ledger records of itself

Nobody sends these: a message of such a type, or of a source under `/ledger/audit/`, is quarantined, and so is
a correction or void of one. They belong to no deal, post nothing and move no figure. They are an addition to
the contract: docs/trail.md.
"""

#: What a field holds, by how it is read.
_TYPES: Final[dict[str, str]] = {
    "text": "text",
    "number": "text or integer",
    "day": "date",
    "currency": "ISO 4217 code",
    "amount": "amount",
    "decimal": "document's amount",
    "quantity": "decimal",
    "probability": "decimal from 0 to 1",
    "order_line": "`<order>/<line>`",
    "json": "object",
    "lines": "list of lines",
    "deal_lines": "list of deal lines",
    "applied_to": "list of `invoice`, `amount`",
    "performed": "list of `order_line` with `quantity` or `net`",
    "target": "`source`, `id` of a milestone",
    "replacement": "a whole milestone",
    "period": "month, `2026-03`",
    "rate": "positive decimal",
    "count": "whole number",
    "texts": "list of texts",
}


def _names(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _day(number: int) -> str:
    return (_EPOCH + timedelta(days=number)).isoformat()


def _type_of(field: Field) -> str:
    return "one of " + _names(field.reads.choices) if field.reads.choices else _TYPES[field.reads.how]


def _default(field: Field) -> str:
    if field.required:
        return "required"
    if field.wire in ("lines", "amount") and field.default in (None, ()):
        return ""
    return f"default `{field.default}`" if field.default not in (None, ()) else ""


def _fields(described: MilestoneType) -> Iterator[str]:
    if not described.fields:
        yield "No fields of its own: it speaks by its `keys`."
        return
    yield "| field | type | |"
    yield "|---|---|---|"
    for field in described.fields:
        yield f"| `{field.wire}` | {_type_of(field)} | {_default(field)} |"
    if {"lines", "amount"} <= {field.wire for field in described.fields if not field.required}:
        yield ""
        yield "Give `lines`, or an `amount`."


def change_of(example: Example) -> Change:
    """What the example adds to the journal after its story."""
    log = MemoryLog()
    log.record(*example.given, example.then)
    return list(log.project())[-1]


def _postings(rows: list[Row]) -> Iterator[str]:
    held: Counter[tuple[str, str, str, str, str]] = Counter()
    for row in rows:
        _, _, debit, credit, currency, amount, _, effective, start, end, *_ = row
        when = f"{_day(effective)}" if start == end else f"earned {_day(start)} to {_day(end)}"
        held[a.plane_of(debit), a.NAMES[debit], a.NAMES[credit], currency, when] += amount
    yield "| plane | from | to | amount | on |"
    yield "|---|---|---|---|---|"
    for (plane, debit_name, credit_name, currency, when), amount in held.items():
        if amount:
            said = format_minor(amount, currency)
            yield f"| {plane} | `{debit_name}` | `{credit_name}` | {said} {currency} | {when} |"


def _posts(example: Example) -> Iterator[str]:
    change = change_of(example)
    if example.given:
        told = [f"{event['type'].rpartition('.')[0]} on {_on(event)}" for event in example.given]
        yield f"The example comes after {', '.join(told)}."
        yield ""
    if change.rows:
        yield "It posts:"
        yield ""
        yield from _postings(change.rows)
    elif change.notices:
        yield "It posts nothing, and is kept as being in force for the whole ledger."
    else:
        yield "It posts nothing."
    stands = [(signal[2], signal[7], signal[8]) for signal in change.signals if signal[2].islower()]
    for code, detail, sign in dict.fromkeys(stands):
        yield ""
        yield f"{'It notes' if sign > 0 else 'It ends'} `{code}`{f' ({detail})' if detail else ''}."


def _on(event: dict[str, Any]) -> str:
    return str(event["data"]["effective_on"])


def _section(described: MilestoneType) -> Iterator[str]:
    name = described.name.rpartition(".")[0]
    example = EXAMPLES[name]
    yield f'<a id="{name}"></a>'
    yield ""
    yield f"### {described.name}"
    yield ""
    yield meaning(described.struct)
    yield ""
    yield f"System of record: {_roles(described.struct)}."
    yield ""
    yield from _fields(described)
    yield ""
    yield from _posts(example)
    raised = BY_TYPE.get(name, ())
    if raised:
        yield ""
        yield f"May raise {_names(raised)}."
    yield ""
    yield "```json"
    yield json.dumps(example.then, indent=2, ensure_ascii=False)
    yield "```"
    yield ""


def meaning(struct: type[m.Milestone]) -> str:
    """The first sentence of a milestone's docstring."""
    found = getdoc(struct) or ""
    assert found, f"{struct.__name__} needs a docstring that says what it means"
    return found.partition("\n")[0]


def _roles(struct: type[m.Milestone]) -> str:
    if struct in (m.MilestoneCorrected, m.MilestoneVoided):
        return "that of its target"
    roles = SYSTEM_OF_RECORD[struct]
    return "any" if roles == frozenset(m.ROLES) else _names(role for role in m.ROLES if role in roles)


def page() -> str:
    """The whole page."""
    head = _HEAD
    for mark, said in (
        ("DIMENSIONS", _names(m.DIMENSIONS)),
        ("KINDS", _names(m.KINDS)),
        ("RECOGNITIONS", _names(m.RECOGNITIONS)),
        ("SCHEMA", "/v1/schema"),
        ("ANY", _names(ANY)),
    ):
        head = head.replace(mark, said, 1)
    out = [head, "## Types", "", "| type | system of record | meaning |", "|---|---|---|"]
    for described in SENT.values():
        name = described.name.rpartition(".")[0]
        out.append(f"| [`{name}`](#{name}) | {_roles(described.struct)} | {meaning(described.struct)} |")
    out.append("")
    for described in SENT.values():
        out += _section(described)
    out += [_OWN]
    for name in (name for name in CATALOGUE if name not in SENT):
        out += [f"**`{name}`**: {meaning(CATALOGUE[name].struct)}", "", *_fields(CATALOGUE[name]), ""]
    return "\n".join(out).rstrip() + "\n"
