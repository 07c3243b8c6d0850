"""The mappings of plain files, `plain_json` and `plain_csv`: names of fields and columns are the contract's.

They are made from the catalogue, so that a type or a field that the contract gains is read without anybody's
writing it down again. Does not belong here: what a mapping can say (docs/mappings.md).
"""

from __future__ import annotations

from typing import Final

from domain.contract import SENT, Field

#: What concerns the ledger itself, or another milestone, comes over the API.
LEFT_OUT: Final = (
    "milestone.", "deals.linked", "deal.split", "period.", "policy.", "exception.",
)  # fmt: skip
#: Document, or other object, that a type speaks of, and what is joined to name the fact. `moment` is the
#: sequence, else the time.
_SUBJECTS: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "lead.qualified": ("lead", "lead", ("lead",)),
    "opportunity.": ("opportunity", "opportunity", ("opportunity", "moment")),
    "quote.": ("quote", "quote", ("quote", "version")),
    "customer.merged": ("customer", "customer", ("customer", "into")),
    "customer.": ("customer", "customer", ("customer", "moment")),
    "product.mapped": ("product", "sku", ("sku", "product")),
    "credit.": ("order", "order", ("order", "moment")),
    "order.accepted": ("order", "order", ("order",)),
    "order.line_cancelled": ("order", "order", ("order", "line", "moment")),
    "order.": ("order", "order", ("order", "moment")),
    "contract.amended": ("amendment", "amendment", ("amendment",)),
    "contract.": ("order", "order", ("order",)),
    "fulfilment.": ("fulfilment", "fulfilment", ("fulfilment",)),
    "service.activated": ("fulfilment", "fulfilment", ("fulfilment",)),
    "usage.rated": ("usage", "usage", ("usage",)),
    "invoice.due_date_changed": ("invoice", "invoice", ("invoice", "moment")),
    "invoice.": ("invoice", "invoice", ("invoice",)),
    "credit_memo.posted": ("credit_memo", "credit_memo", ("credit_memo",)),
    "credit_memo.applied": ("credit_memo", "credit_memo", ("credit_memo", "invoice", "moment")),
    "payment.received": ("payment", "payment", ("payment",)),
    "payment.applied": ("payment", "payment", ("payment", "invoice", "moment")),
    "payment.unapplied": ("payment", "payment", ("payment", "invoice", "moment")),
    "payment.": ("payment", "payment", ("payment", "moment")),
    "dispute.": ("invoice", "invoice", ("invoice", "moment")),
    "promise.made": ("invoice", "invoice", ("invoice", "moment")),
    "receivable.": ("invoice", "invoice", ("invoice", "moment")),
    "revenue.": ("order_line", "order_line", ("order_line", "moment")),
    "fx.rate_fixed": ("rate", "base", ("base", "quote", "on", "kind")),
    "control_total.reported": ("control_total", "object", ("object", "from", "to", "moment")),
}
_ROLES: Final = {"lead": "crm", "opportunity": "crm", "quote": "cpq", "fx": "ledger"}
#: Types whose milestones are states of their subject: the highest `sequence` holds.
_SNAPSHOTS: Final = ("opportunity.", "order.changed", "invoice.due_date_changed")
#: Types that are about no deal.
_WITHOUT_DEAL: Final = ("customer.", "product.", "fx.", "control_total.")
_DEAL_KEYS: Final = (
    "opportunity", "quote", "contract", "subscription", "order", "invoice", "credit_memo", "payment",
)  # fmt: skip
_DIMENSIONS: Final = ("customer", "segment", "territory", "owner", "entity", "channel")
#: Columns that may differ from line to line of a document.
LINE_COLUMNS: Final = (
    "line", "sku", "description", "quantity", "net", "tax", "kind", "recognition",
    "service_start", "service_end", "order_line",
)  # fmt: skip
_KEYS: Final = (
    "["
    + ", ".join(f"{{key: {kind}, of: {kind}, role: {_ROLES.get(kind, 'erp')}}}" for kind in _DEAL_KEYS)
    + "]"
)
_BY: Final = "{" + ", ".join(f"{name}: {name}" for name in _DIMENSIONS) + "}"
_LINED: Final = ("lines", "deal_lines", "performed")
#: What CSV has no room for.
_JSON_ONLY: Final = ("applied_to", "texts")


def types() -> list[str]:
    """The types that plain files tell, in the contract's order."""
    names = [name.removesuffix(".v1") for name in SENT]
    return [name for name in names if not name.startswith(LEFT_OUT)]


def column(name: str, field: Field) -> str:
    """The column of a field: its name, unless a line has one of that name too."""
    lined = any(other.reads.how in _LINED for other in SENT[f"{name}.v1"].fields)
    return "change_kind" if field.wire == "kind" and lined else field.wire


def columns() -> list[str]:
    """Every column of plain CSV that does not belong to a line."""
    found = ["type", "id", "time", "effective_on", "sequence", "total", *_DEAL_KEYS, *_DIMENSIONS]
    for name in types():
        fields = SENT[f"{name}.v1"].fields
        found += [column(name, each) for each in fields if each.reads.how not in (*_LINED, *_JSON_ONLY)]
    return [each for each in dict.fromkeys(found) if each not in LINE_COLUMNS]


def vocabulary() -> list[str]:
    """Every column that plain CSV reads."""
    return list(dict.fromkeys([*columns(), *LINE_COLUMNS]))


def json_fields() -> list[str]:
    """Every field that plain JSON reads, but those of lines."""
    found = ["type", "id", "time", "effective_on", "sequence", "total", *_DEAL_KEYS, *_DIMENSIONS]
    found += [each.wire for name in types() for each in SENT[f"{name}.v1"].fields]
    return list(dict.fromkeys(found))


def plain_json() -> str:
    """The text of adapters/sources/mappings/plain_json.yaml."""
    objects = "\n".join(f"  {name}:\n    also: [{name}.v1]\n{_object(name, csv=False)}" for name in types())
    return _named_once(f"""\
# Plain JSON: one object a milestone, with the contract's own names (docs/plain-files.md).
# Written by ./scripts/catalogue from the catalogue of milestones: change that, not this file.
mapping: plain_json
version: 1
system: plain
reads: json
formats: {{amount: any, number: any, day: iso, time: iso}}
kind: type
only:
  fields:
{_listed(json_fields(), "    ")}
  in:
    lines:
{_listed([*LINE_COLUMNS, "billing"], "      ")}

let:
  moment: {{first: [sequence, time, effective_on]}}

objects:
{objects}""")


def plain_csv() -> str:
    """The text of adapters/sources/mappings/plain_csv.yaml."""
    milestones = "".join(_milestones(name, csv=True) for name in types())
    return _named_once(f"""\
# Plain CSV: columns with the contract's own names (docs/plain-files.md).
# Neighbouring rows that differ in columns of lines alone are the lines of one document; where the type has no
# lines, facts of their own.
# Written by ./scripts/catalogue from the catalogue of milestones: change that, not this file.
mapping: plain_csv
version: 1
system: plain
reads: csv
csv:
  columns: snake
  needs: [type]
  only:
{_listed(vocabulary(), "    ")}
  group_by:
{_listed(columns(), "    ")}
formats: {{amount: text, number: text, day: iso, time: iso}}

let:
  moment: {{first: [sequence, time, effective_on]}}
  rows: {{list: $message.rows}}

objects:
  row:
    currency: currency
    first:
      - expect: type
        among:
{_listed(types(), "          ")}
      - check: total
        is: {{sum: [{{total: $rows, of: net}}, {{total: $rows, of: tax?}}]}}
        at: total
        code: total_mismatch
        message: nets and taxes of the rows do not add up to the total; send them beside each other
        when: {{path: total, given: yes}}
    milestones:
{milestones}    otherwise: nothing_told
""")


def _listed(names: list[str], indent: str) -> str:
    """A YAML list in lines of at most 110 characters."""
    found, at = "", indent + "["
    for i, name in enumerate(names):
        piece = name + ("]" if i == len(names) - 1 else ",")
        if len(at) + len(piece) + 1 > 110:
            found, at = found + at.rstrip() + "\n", indent + " "
        at += piece + " "
    return found + at.rstrip()


def _has(name: str, *hows: str) -> bool:
    return any(field.reads.how in hows for field in SENT[f"{name}.v1"].fields)


def _object(name: str, *, csv: bool) -> str:
    priced = _has(name, "amount", "decimal", "applied_to", *_LINED)
    found = "    currency: currency\n" if priced else ""
    if _has(name, "lines", "deal_lines"):
        found += """\
    first:
      - check: total
        is: {sum: [{total: lines, of: net}, {total: lines, of: tax?}]}
        at: total
        code: total_mismatch
        message: nets and taxes of the lines do not add up to the total; send it whole
        when: {path: total, given: yes}
"""
    told = _milestones(name, csv=csv)
    return f"{found}    milestones:\n{told}" + ("    otherwise: nothing_told\n" if "when:" in told else "")


def _milestones(name: str, *, csv: bool) -> str:
    """One milestone, or two where lines may be left out."""
    fields = SENT[f"{name}.v1"].fields
    each = "$rows" if csv else "lines"
    if _has(name, "performed"):
        some = f"{{some: {each}, where: {{path: quantity, given: yes}}}}"
        ways = {some: _performed(each, "quantity"), f"{{not: {some}}}": _performed(each, "net")}
    elif any(field.reads.how in ("lines", "deal_lines") and not field.required for field in fields):
        given = "sku" if csv else "lines"
        ways = {f"{{path: {given}, given: yes}}": _lines(csv=csv), f"{{path: {given}, missing: yes}}": ""}
    else:
        ways = {"": _lines(csv=csv)}
    return "".join(_milestone(name, csv=csv, lines=lines, when=when) for when, lines in ways.items())


def _milestone(name: str, *, csv: bool, lines: str, when: str) -> str:
    kind, number, parts = next(found for start, found in _SUBJECTS.items() if name.startswith(start))
    tests = ([f"{{path: type, is: {name}}}"] if csv else []) + ([when] if when else [])
    fact = ", ".join("$moment" if part == "moment" else part for part in parts)
    default = fact if len(parts) == 1 else f'{{join: [{fact}], with: "-"}}'
    found = [f"- type: {name}", f"  role: {_ROLES.get(name.partition('.')[0], 'erp')}"]
    if csv and not _has(name, *_LINED):
        found.append("  each: $rows")
    if tests:
        found.append(f"  when: {tests[0] if len(tests) == 1 else '[' + ', '.join(tests) + ']'}")
    found += [
        f"  subject: [{kind}, {number}]",
        f"  told_by: [{kind}, {{first: [id, {default}]}}]",
        "  time: {first: [time, effective_on], at: time}",
        "  effective_on: effective_on",
    ]
    if name.startswith(_SNAPSHOTS):
        found.append("  sequence: sequence")
    if not name.startswith(_WITHOUT_DEAL):
        found += [f"  keys: {_KEYS}", f"  dimensions: {_BY}"]
    data = _data(name, csv=csv, lines=lines)
    if data:
        found += ["  data:", *(f"    {line}" for line in data)]
    return "".join(f"      {line}\n" for line in found)


def _data(name: str, *, csv: bool, lines: str) -> list[str]:
    """The fields. lines: those of the document, empty for none."""
    found = []
    lined = lines and _has(name, "lines", "deal_lines")
    for field in SENT[f"{name}.v1"].fields:
        how, wire = field.reads.how, field.wire
        path = column(name, field) if csv else wire
        if how in _LINED:
            found += [f"lines: {lines}"] if lines else []
        elif how in _JSON_ONLY:
            inner = "take: ." if how == "texts" else "invoice: invoice, amount: amount"
            found += [] if csv else [f"{wire}: {{each: {wire}, {inner}}}"]
        elif wire != "currency":
            # an amount may be missing where the contract says so, and beside lines
            optional = how in ("amount", "decimal") and not (field.required and not lined)
            optional = optional and not (_has(name, "deal_lines") and not lines)
            found.append(f"{wire}: {path}{'?' if optional else ''}")
    return found


def _performed(each: str, by: str) -> str:
    return f"{{each: {each}, order_line: order_line, {by}: {by if by == 'quantity' else 'net?'}}}"


def _lines(*, csv: bool) -> str:
    told = {name: name for name in LINE_COLUMNS} | {"tax": "tax?"}
    inner = ", ".join(f"{name}: {path}" for name, path in told.items())
    plan = "" if csv else ", billing: {each: billing, on: on, net: net}"
    return f"{{each: {'$rows' if csv else 'lines'}, {inner}{plan}}}"


def _named_once(text: str) -> str:
    """What stands in many places is written once, and named."""
    for name, block in (
        ("keys", _KEYS),
        ("by", _BY),
        ("lines", _lines(csv=True)),
        ("lines", _lines(csv=False)),
    ):
        text = text.replace(block, f"&{name} {block}", 1)
        first = text.find(f"&{name} {block}") + len(f"&{name} {block}")
        text = text[:first] + text[first:].replace(block, f"*{name}")
    return text
