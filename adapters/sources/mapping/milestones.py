"""`milestones` of an object: what is told, of whom, when, under which keys; and what is taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from adapters.sources.amounts import money
from adapters.sources.base import JsonValue, Milestone, Opening, Speaker
from adapters.sources.events import milestone, voided
from adapters.sources.mapping import lines
from adapters.sources.mapping.context import CURRENCY, DAY, ID, TEXT, TIME, Context, Want
from adapters.sources.mapping.document import Fields, Flaw, Item, is_yes, unknown
from adapters.sources.mapping.lists import item_list
from adapters.sources.mapping.numbers import decimal_of
from adapters.sources.mapping.scope import Get, List, Scope, Test, Value, required
from domain.contract import SENT, Field
from domain.milestones import DIMENSIONS, ROLES

#: Fields of the contract that are ids although they are texts there.
_IDS: Final = frozenset({"customer", "into", "lead", "sku", "product"})
_PRICED: Final = frozenset({"amount", "decimal", "lines", "deal_lines", "applied_to"})
_SNAPSHOTS: Final = frozenset({"opportunity.opened", "opportunity.changed", "opportunity.won"})
_KINDS: Final = {"quantity": "quantity", "probability": "probability", "count": "integer"}

Tell = Callable[[Scope], Iterator[Milestone]]
Identity = Callable[[Scope], tuple[Speaker, tuple[str, str], str]]


@dataclass(frozen=True)
class Told:
    """A compiled milestone. identity: who speaks, the subject, the id; None within `each`."""

    name: str
    tell: Tell
    identity: Identity | None
    conditional: bool


def milestones(item: Item, context: Context) -> list[Told]:
    """The milestones of an object, in their order. Raises Flaw."""
    found: dict[int, Told] = {}
    named: dict[str, Told] = {}
    items = item.items("a list of milestones")
    for i, told in enumerate(items):
        if "voids" not in told.members("a milestone: type, subject, time, data"):
            try:
                one = found[i] = _milestone(told, context)
                named.setdefault(one.name, one)
            except Flaw as flaw:
                context.file.problems.note(flaw)
    for i, told in enumerate(items):
        if "voids" in told.members():
            try:
                found[i] = _void(told, context, named)
            except Flaw as flaw:
                context.file.problems.note(flaw)
    return [found[i] for i in sorted(found)]


def _milestone(item: Item, context: Context) -> Told:
    with Fields(item, context.file.problems) as fields:
        name, schema = _type(fields.need("type"))
        label = fields.take("name")
        role = _role(fields, context)
        when = fields.take("when")
        each = item_list(fields, context) if "each" in fields else None
        inner = context if each is None else context.inside()
        inner = inner.with_lets(fields.take("let")).with_currency(fields.take("currency"))
        identity = _identity(fields, inner, role, name)
        parts = _Parts(fields, inner, role)
        data = fields.take("data")
        body = _data(item if data is None else data, data, name, schema, inner)
        together = fields.take("together")
        sums = [] if together is None else _together(together, schema, each, body)
        opens = fields.take("opens")
        make: type[Milestone] = Opening if opens is not None and is_yes(opens) else dict
    condition = None if when is None else inner.condition(when)
    tell = _teller(_Maker(name, identity, parts, body, make), sums, each, condition, context)
    told_name = name if label is None else label.text()
    return Told(told_name, tell, None if each else identity, when is not None or each is not None)


def _type(item: Item) -> tuple[str, dict[str, Field]]:
    name = item.text("a type of milestone")
    known = {full.removesuffix(".v1") for full in SENT}
    if name not in known:
        raise Flaw(item, unknown(name.removesuffix(".v1"), known, "type of milestone"))
    if name in ("milestone.voided", "milestone.corrected"):
        raise Flaw(item, "a milestone is taken back by `voids: <type>` instead of `type`")
    return name, {field.wire: field for field in SENT[f"{name}.v1"].fields}


def _role(fields: Fields, context: Context) -> str:
    item = fields.take("role")
    if item is None:
        if context.role is None:
            raise Flaw(fields.item, "needs a `role`, here, in the object or in the mapping")
        return context.role
    return role_of(item)


def role_of(item: Item) -> str:
    """A role of the contract. Raises Flaw."""
    if item.text("a role") not in ROLES:
        raise Flaw(item, unknown(item.text(), ROLES, "role"))
    return item.text()


def _named(item: Item, context: Context) -> tuple[str, Get]:
    """`[object, value]`"""
    pair = item.items("[object, value], such as [invoice, id]")
    if len(pair) != 2:
        raise Flaw(item, "needs [object, value], such as [invoice, id]")
    kind = pair[0].text("the kind of object").removeprefix("=")
    if "/" in kind or ":" in kind:
        raise Flaw(pair[0], "the kind of an object holds neither / nor :")
    return kind, required(context.value(pair[1], ID), f"the id of the {kind.replace('_', ' ')}")


def _identity(fields: Fields, context: Context, role: str, name: str) -> Identity:
    """Who speaks of what, and the id of the fact, as events.milestone makes it."""
    kind, native = _named(fields.need("subject"), context)
    by, mark = fields.take("told_by"), fields.take("edition")
    told_by = None if by is None else _named(by, context)
    edition = None if mark is None else required(context.value(mark, ID), "its edition")
    system = context.file.system

    def identity(scope: Scope) -> tuple[Speaker, tuple[str, str], str]:
        subject = kind, native(scope)
        fact = subject if told_by is None else (told_by[0], told_by[1](scope))
        suffix = "" if edition is None else f"@{edition(scope)}"
        return scope.run.speaker(role, system), subject, f"{fact[0]}/{fact[1]}{suffix}:{name}"

    return identity


class _Parts:
    """What every milestone may carry besides its data."""

    def __init__(self, fields: Fields, context: Context, role: str) -> None:
        self.time = required(context.value(fields.need("time"), TIME), "the time when it happened")
        effective, sequence = fields.take("effective_on"), fields.take("sequence")
        self.effective_on = None if effective is None else context.value(effective, DAY).get
        self.sequence = None if sequence is None else context.value(sequence, ID).get
        keys = fields.take("keys")
        self.keys = [] if keys is None else [key(k, context, role) for k in keys.items("a list of keys")]
        self.dimensions: list[tuple[str, Get]] = []
        told = fields.take("dimensions")
        for name, item in {} if told is None else told.members("a map of dimensions").items():
            if name not in DIMENSIONS:
                context.file.problems.add(item, unknown(name, DIMENSIONS, "dimension"))
            else:
                self.dimensions.append((name, context.value(item, ID).get))


def key(item: Item, context: Context, role: str) -> Callable[[Scope], list[str]]:
    """{key: kind, of: value}, with role, system, when, each."""
    with Fields(item, context.file.problems, "{key: kind, of: value}") as fields:
        kind = fields.need("key").text("the kind of object").removeprefix("=")
        told_role, told_system, when = (fields.take(name) for name in ("role", "system", "when"))
        each = item_list(fields, context) if "each" in fields else None
        inside = context if each is None else context.inside()
        native = inside.value(fields.need("of"), ID).get
    says = role if told_role is None else role_of(told_role)
    system = context.file.system if told_system is None else told_system.text()
    holds = None if when is None else inside.condition(when)

    def keys(scope: Scope) -> list[str]:
        found = []
        for row in (scope,) if each is None else each.scopes(scope):
            number = native(row) if holds is None or holds(row) else None
            if number is not None:
                found.append(scope.run.speaker(says, system).key(kind, number))
        return found

    return keys


def _data(
    where: Item, data: Item | None, name: str, schema: dict[str, Field], context: Context
) -> dict[str, Get]:
    """The compiled data fields, those that are amounts in minor units under `amounts`."""
    members = {} if data is None else data.members("a map of data fields")
    problems = context.file.problems
    for wire, item in members.items():
        if wire not in schema and wire != "currency":
            problems.add(item, f"{name} has {unknown(wire, schema, 'field')}")
    if "currency" in members:
        context = context.with_currency(members["currency"])
    missing = [w for w, field in schema.items() if field.required and w not in members and w != "currency"]
    if missing:
        problems.add(where, f"{name} needs {' '.join(missing)} in `data`")
    if name in _SNAPSHOTS and not {"lines", "amount"} & set(members):
        problems.add(where, f"{name} needs lines or amount in `data`")
    found: dict[str, Get] = {}
    for wire, item in members.items():
        if wire in schema and wire != "currency":
            try:
                found[wire] = _field(item, schema[wire], context)
            except Flaw as flaw:
                problems.note(flaw)
    told = "currency" in schema and (schema["currency"].required or "currency" in members)
    if told or any(schema[wire].reads.how in _PRICED for wire in found):
        currency = context.currency()
        if currency is None:
            problems.add(where, f"{name} needs a currency: give the object (or the milestone) a `currency`")
        else:
            found["currency"] = currency
    return found


def _field(item: Item, field: Field, context: Context) -> Get:
    """One field, in the form of the contract. Raises Flaw."""
    how, what = field.reads.how, field.wire.replace("_", " ")
    if how in ("lines", "deal_lines"):
        return lines.document_lines(item, context, need_kind=how == "deal_lines")
    if how in ("performed", "applied_to", "texts"):
        make = {"performed": lines.performed, "applied_to": lines.applied_to, "texts": lines.texts}[how]
        return make(item, context)
    value = _value(item, field, context, what)
    return required(value, f"the {what}") if field.required else value.get


def _value(item: Item, field: Field, context: Context, what: str) -> Value:
    how = field.reads.how
    if how in ("amount", "decimal"):
        return lines.amount_text(item, context, f"the {what}")
    if how == "choice" or field.reads.choices:
        return context.value(item, Want("choice", f"the {what}", field.reads.choices))
    if how == "day":
        return context.value(item, DAY._replace(what=f"the {what}"))
    if how == "rate":
        get, place = context.value(item, Want("number", "a rate"))
        return Value(
            lambda scope: None if (n := get(scope)) is None else decimal_of(n, lambda: place(scope)), place
        )
    if how in _KINDS:
        return context.value(item, Want(_KINDS[how], f"the {what}"))
    if how in ("number", "period") or field.wire in _IDS:
        return context.value(item, ID._replace(what=f"the {what}"))
    if how in ("text", "order_line"):
        return context.value(item, TEXT._replace(what=f"the {what}"))
    if how == "currency":
        return context.value(item, CURRENCY)
    raise Flaw(item, f"a mapping can't give {field.wire!r}")


def _together(item: Item, schema: dict[str, Field], each: List | None, body: dict[str, Get]) -> list[str]:
    names = item.words("data fields")
    if each is None:
        raise Flaw(item, "`together` goes with `each`")
    for name in names:
        if name not in body or schema[name].reads.how not in ("amount", "decimal"):
            raise Flaw(item, f"{name!r} is no amount in `data`")
        body[name] = required(Value(body[name], Scope.node), f"the {name}")
    return names


class _Maker(NamedTuple):
    """What one milestone is put together from."""

    name: str
    identity: Identity
    parts: _Parts
    body: dict[str, Get]
    make: type[Milestone]


def _teller(
    maker: _Maker,
    sums: list[str],
    each: List | None,
    holds: Test | None,
    context: Context,
) -> Tell:
    def one(scope: Scope) -> Milestone:
        return _event(maker, scope)

    def tell(scope: Scope) -> Iterator[Milestone]:
        if each is None:
            if holds is None or holds(scope):
                yield one(scope)
            return
        rows = [row for row in each.scopes(scope) if holds is None or holds(row)]
        yield from map(one, rows) if not sums else _added(map(one, rows), sums)

    assert context.depth == 0, "milestones stand in objects"
    return tell


def _event(maker: _Maker, scope: Scope) -> Milestone:
    name, identity, parts, body, make = maker
    says, subject, id_ = identity(scope)
    effective_on, sequence = parts.effective_on, parts.sequence
    facts: dict[str, JsonValue] = {wire: get(scope) for wire, get in body.items()}
    event = milestone(
        says,
        name,
        subject,
        parts.time(scope),
        facts,
        keys=[found for keys in parts.keys for found in keys(scope)],
        effective_on=None if effective_on is None else effective_on(scope),
        dimensions={name: value for name, get in parts.dimensions if (value := get(scope)) is not None},
        sequence=None if sequence is None else sequence(scope),
    )
    event["id"] = id_
    return event if make is dict else make(event)


def _added(events: Iterator[Milestone], sums: list[str]) -> Iterator[Milestone]:
    """Milestones of one id as one, amounts added."""
    found: dict[Any, Milestone] = {}
    for event in events:
        before = found.setdefault(event["id"], event)
        if before is not event:
            data, more = before["data"], event["data"]
            assert isinstance(data, dict), "a milestone has data"
            assert isinstance(more, dict), "a milestone has data"
            for name in sums:
                data[name] = _sum(str(data[name]), str(more[name]), str(data["currency"]))
    return iter(found.values())


def _sum(one: str, other: str, currency: str) -> str:
    minor = sum(int(text.replace(".", "")) for text in (one, other))
    return money(minor, currency)


def _void(item: Item, context: Context, named: dict[str, Told]) -> Told:
    """{voids: name or {type, subject, ...}, time, reason}"""
    with Fields(item, context.file.problems) as fields:
        target = fields.need("voids")
        if isinstance(target.value, str):
            if target.value not in named:
                raise Flaw(target, unknown(target.value, named, "milestone of this object"))
            identity = named[target.value].identity
            if identity is None:
                raise Flaw(target, "one of `each` can't be taken back by name; give {type, subject, ...}")
            inner, each = context, None
        else:
            each = item_list(fields, context) if "each" in fields else None
            inner = context if each is None else context.inside()
            with Fields(target, context.file.problems) as its:
                name, _schema = _type(its.need("type"))
                identity = _identity(its, inner, _role(its, context), name)
        time = required(inner.value(fields.need("time"), TIME), "the time when it was taken back")
        reason = required(inner.value(fields.need("reason"), TEXT), "why it was taken back")
        when = fields.take("when")
        holds = None if when is None else inner.condition(when)

    def tell(scope: Scope) -> Iterator[Milestone]:
        for row in (scope,) if each is None else each.scopes(scope):
            if holds is None or holds(row):
                says, subject, id_ = identity(row)
                told: Milestone = {"source": says.source, "id": id_}
                yield voided(says, told, subject, time(row), reason(row))

    return Told("", tell, None, when is not None or each is not None)
