"""Lines of documents, and other lists that milestones hold: fulfilled lines, applications, billing plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from adapters.sources.amounts import line, money, tax_shares
from adapters.sources.base import JsonValue
from adapters.sources.mapping.codes import LINES
from adapters.sources.mapping.context import AMOUNT, DAY, ID, NODE, SECONDS, TEXT, Context, Want
from adapters.sources.mapping.document import Fields, Flaw, Item, is_yes, unknown
from adapters.sources.mapping.lists import item_list
from adapters.sources.mapping.scope import Get, List, Scope, Test, Value, required
from adapters.sources.mapping.sums import demanded, may_be_missing
from adapters.sources.times import service_days, unix_day
from domain.milestones import KINDS, RECOGNITIONS

Rows = Callable[[Scope], "list[JsonValue]"]

_MEMBERS: Final[dict[str, Want]] = {
    "quantity": Want("quantity", "a quantity"),
    "description": TEXT,
    "kind": Want("choice", "the line's kind", KINDS),
    "recognition": Want("choice", "how the line is recognised", RECOGNITIONS),
    "service_start": DAY,
    "service_end": DAY,
    "order_line": Want("text", "<order>/<line>"),
}


class _Share(NamedTuple):
    """An amount of the document that goes over its lines. within: their nets hold it, and it is taken off."""

    amount: Value
    applies: Test | None
    meant: Test | None
    within: bool

    def of(self, scope: Scope) -> int:
        """How much, 0 where there is none."""
        if self.applies is not None and not self.applies(scope):
            return 0
        return self.amount.get(scope) or 0

    def weights(self, rows: list[Scope], nets: list[int]) -> list[int]:
        """What each line weighs."""
        meant = self.meant
        if meant is None:
            return nets
        return [net if meant(row) else 0 for row, net in zip(rows, nets, strict=True)]


class _Line(NamedTuple):
    """One kind of line: of the elements of a list, or an extra one of the document."""

    number: Get | None
    sku: Get
    net: Get
    tax: Get | None
    more: list[tuple[str, Get]]
    service: Callable[[Scope], tuple[str | None, str | None]] | None
    billing: Rows | None
    when: Test | None

    def told(self, scope: Scope, position: int, net: int, tax: int, currency: str) -> dict[str, JsonValue]:
        """The line of the contract."""
        number = None if self.number is None else self.number(scope)
        found = line(number or str(position), self.sku(scope), net, currency, tax=tax)
        for name, get in self.more:
            value = get(scope)
            if value is not None:
                found[name] = value
        if self.service is not None:
            start, end = self.service(scope)
            if start is not None:
                found["service_start"] = start
            if end is not None:
                found["service_end"] = end
        if self.billing is not None:
            plan = self.billing(scope)
            if plan:
                found["billing"] = plan
        return found


class _Document(NamedTuple):
    """The lines of a document."""

    each: List
    may_be_empty: bool
    row: _Line
    discount: _Share | None
    taxes: list[_Share]
    extra: list[_Line]
    total: Value | None
    currency: Get

    def lines(self, scope: Scope) -> list[JsonValue]:
        """Refuses a document without lines, or whose lines do not add up to its total."""
        rows = self.each.scopes(scope)
        if not rows and not self.may_be_empty:
            self.each.place(scope).refuse("lines_missing", "the document has no lines; fetch it whole")
        currency = self.currency(scope)
        nets = [self.row.net(row) for row in rows]
        taxes = [0] * len(rows) if self.row.tax is None else [self.row.tax(row) or 0 for row in rows]
        if self.discount is not None:
            shares = self._shares(self.discount, scope, rows, nets, "discount_without_lines")
            nets = [net - share for net, share in zip(nets, shares, strict=True)]
        whole = [self._shares(share, scope, rows, nets, "tax_without_lines") for share in self.taxes]
        for share, parts in zip(self.taxes, whole, strict=True):
            taxes = [tax + part for tax, part in zip(taxes, parts, strict=True)]
            if share.within:
                nets = [net - part for net, part in zip(nets, parts, strict=True)]
        found: list[JsonValue] = [
            self.row.told(row, i, net, tax, currency)
            for i, (row, net, tax) in enumerate(zip(rows, nets, taxes, strict=True), start=1)
        ]
        gross = sum(nets) + sum(taxes)
        for extra in self.extra:
            net = (extra.net(scope) or 0) if extra.when is None or extra.when(scope) else 0
            tax = 0 if extra.tax is None or (extra.when and not extra.when(scope)) else extra.tax(scope) or 0
            if net or tax:
                gross += net + tax
                found.append(extra.told(scope, len(found) + 1, net, tax, currency))
        self._check(scope, gross)
        return found

    def _shares(
        self, share: _Share, scope: Scope, rows: list[Scope], nets: list[int], code: str
    ) -> list[int]:
        amount = share.of(scope)
        if not amount:
            return [0] * len(rows)
        weights = share.weights(rows, nets)
        if not any(weights):
            share.amount.place(scope).refuse(code, "the document has it, and no line that it is of")
        return tax_shares(amount, weights)

    def _check(self, scope: Scope, gross: int) -> None:
        if self.total is None:
            return
        told = self.total.get(scope)
        if told is None:
            self.total.place(scope).refuse("field_missing", "needs the document's total")
        if told != gross:
            self.total.place(scope).refuse(
                "total_mismatch", "the lines do not add up to the total; fetch it whole"
            )


def document_lines(item: Item, context: Context, *, need_kind: bool) -> Rows:
    """`data.lines` of anything that is priced. Raises Flaw."""
    currency = context.currency()
    if currency is None:
        raise Flaw(item, "lines need a currency: give the object (or the milestone) a `currency`")
    with Fields(item, context.file.problems, "a map with each, sku and net") as fields:
        if "code" in fields:
            return _coded(fields, context, currency)
        each = item_list(fields, context)
        inside = context.inside().with_lets(fields.take("let"))
        row = _line(fields, inside, need_kind=need_kind, extra=False)
        empty = fields.take("empty")
        if empty is not None and empty.text() != "allowed":
            raise Flaw(empty, "needs the word `allowed`")
        less, tax = fields.take("share_discount"), fields.take("share_tax")
        discount = None if less is None else _share(less, context, inside, of_tax=False)
        taxes = [] if tax is None else [_share(told, context, inside, of_tax=True) for told in _listed(tax)]
        extras = fields.take("extra")
        extra = []
        for told in [] if extras is None else extras.items("a list of lines"):
            with Fields(told, context.file.problems) as one:
                extra.append(_line(one, context, need_kind=need_kind, extra=True))
        total = fields.take("total")
        checked = None if total is None else context.value(total, AMOUNT)
    return _Document(each, empty is not None, row, discount, taxes, extra, checked, currency).lines


def _coded(fields: Fields, context: Context, currency: Get) -> Rows:
    item, of = fields.need("code"), fields.take("of")
    name = item.text("the name of a code")
    if name not in LINES:
        raise Flaw(item, unknown(name, LINES, "code of lines"))
    context.file.codes.add(f"{name}@{LINES[name].version}")
    run = LINES[name].run
    get, place = context.value(Item(".", item.line, item.field) if of is None else of, NODE)
    return lambda scope: run(get(scope) or place(scope), currency(scope))


def _line(fields: Fields, context: Context, *, need_kind: bool, extra: bool) -> _Line:
    number = fields.take("line")
    sku = context.value(fields.need("sku"), Want("id", "the line's sku"))
    net = demanded(fields.need("net"), Want("amount", "the line's net amount"), context)
    tax, plan, service = fields.take("tax"), fields.take("billing"), fields.take("service")
    when = fields.take("when") if extra else None
    more = []
    for name, want in _MEMBERS.items():
        told = fields.take(name)
        if told is not None:
            more.append((name, context.value(told, want).get))
        elif name == "kind" and need_kind:
            context.file.problems.add(fields.item, "needs `kind`: every line of this type has one")
    if service is not None and ("service_start" in fields or "service_end" in fields):
        context.file.problems.add(service, "`service` stands instead of service_start and service_end")
    return _Line(
        None if number is None else context.value(number, ID).get,
        required(sku, "the line's sku"),
        net.get if extra else required(net, "the line's net amount"),
        None if tax is None else demanded(tax, AMOUNT._replace(what="the line's tax"), context).get,
        more,
        None if service is None else _service(service, context),
        None if plan is None else _plan(plan, context),
        None if when is None else context.condition(when),
    )


def _service(item: Item, context: Context) -> Callable[[Scope], tuple[str | None, str | None]]:
    with Fields(item, context.file.problems, "a map with from and to") as fields:
        since, until = (demanded(fields.need(name), SECONDS, context).get for name in ("from", "to"))
        when = fields.take("when")
        holds = None if when is None else context.condition(when)

    def days(scope: Scope) -> tuple[str | None, str | None]:
        if holds is not None and not holds(scope):
            return None, None
        start, end = since(scope), until(scope)
        if start is None or end is None:
            return None if start is None else unix_day(start), None
        return service_days(start, end)

    return days


def _listed(item: Item) -> list[Item]:
    """One, or a list of them."""
    return item.items() if isinstance(item.value, list) else [item]


def _share(item: Item, context: Context, inside: Context, *, of_tax: bool) -> _Share:
    with Fields(item, context.file.problems, "a map with amount") as fields:
        amount = demanded(fields.need("amount"), AMOUNT, context)
        when, where = fields.take("when"), fields.take("where")
        within = fields.take("within") if of_tax else None
    return _Share(
        amount,
        None if when is None else context.condition(when),
        None if where is None else inside.condition(where),
        within is not None and is_yes(within),
    )


def _plan(item: Item, context: Context) -> Rows:
    """A line's `billing`: {each, on, net}."""
    currency = context.currency()
    with Fields(item, context.file.problems, "a map with each, on and net") as fields:
        each, inside = item_list(fields, context), context.inside()
        on = required(inside.value(fields.need("on"), DAY), "the day of an invoice")
        net = required(inside.value(fields.need("net"), AMOUNT), "its net amount")
    assert currency is not None, "the lines have one"
    return lambda scope: [
        {"on": on(row), "net": money(net(row), currency(row))} for row in each.scopes(scope)
    ]


def performed(item: Item, context: Context) -> Rows:
    """`data.lines` of a fulfilment: {each, order_line, quantity, net}. Raises Flaw."""
    with Fields(item, context.file.problems, "a map with each, order_line and quantity or net") as fields:
        each = item_list(fields, context)
        inside = context.inside().with_lets(fields.take("let"))
        reference = required(
            inside.value(fields.need("order_line"), _MEMBERS["order_line"]), "<order>/<line>"
        )
        units, net = fields.take("quantity"), fields.take("net")
        if (units is None) == (net is None):
            raise Flaw(item, "needs quantity or net, one of them")
        if units is not None:
            name, get = "quantity", required(inside.value(units, _MEMBERS["quantity"]), "a quantity")
        else:
            assert net is not None, "one of them is there"
            told = amount_text(net, inside)
            name, get = "net", told.get if may_be_missing(net) else required(told, "a net amount")

    def row_of(row: Scope) -> JsonValue:
        done = get(row)
        line: dict[str, JsonValue] = {"order_line": reference(row)}
        return line if done is None else line | {name: done}

    def rows(scope: Scope) -> list[JsonValue]:
        found = each.scopes(scope)
        if not found:
            each.place(scope).refuse("lines_missing", "the fulfilment has no lines; fetch it whole")
        return [row_of(row) for row in found]

    return rows


def applied_to(item: Item, context: Context) -> Callable[[Scope], list[JsonValue] | None]:
    """`data.applied_to` of a credit memo: {each, invoice, amount}, or a list of {invoice, amount}.

    Left out where nothing is applied.
    """
    parts: list[tuple[List | None, Get, Get, Get]] = []
    for told in [item] if isinstance(item.value, dict) else item.items("{each, invoice, amount}"):
        with Fields(told, context.file.problems) as fields:
            each = item_list(fields, context) if "each" in fields else None
            inside = context if each is None else context.inside()
            invoice = required(inside.value(fields.need("invoice"), ID), "the invoice")
            amount = demanded(fields.need("amount"), AMOUNT, inside)
            currency = inside.currency()
            if currency is None:
                raise Flaw(item, "amounts need a currency: give the object (or the milestone) a `currency`")
            parts.append((each, invoice, amount.get, currency))

    def rows(scope: Scope) -> list[JsonValue] | None:
        found: list[JsonValue] = []
        for each, invoice, amount, currency in parts:
            for row in [scope] if each is None else each.scopes(scope):
                put = amount(row)
                if put:
                    found.append({"invoice": invoice(row), "amount": money(put, currency(row))})
        return found or None

    return rows


def texts(item: Item, context: Context) -> Callable[[Scope], list[JsonValue] | None]:
    """A list of ids: {each, take}; left out where there are none. Raises Flaw."""
    with Fields(item, context.file.problems, "a map with each and take") as fields:
        each = item_list(fields, context)
        take = required(context.inside().value(fields.need("take"), ID), "an id")
    return lambda scope: [take(row) for row in each.scopes(scope)] or None


def amount_text(item: Item, context: Context, what: str = "an amount") -> Value:
    """An amount as the contract writes it, in the currency at this place. Raises Flaw."""
    get_minor, place = demanded(item, AMOUNT._replace(what=what), context)
    currency = context.currency()

    def get(scope: Scope) -> Any:
        found = get_minor(scope)
        assert currency is not None, "an amount without one is refused on load"
        return None if found is None else money(found, currency(scope))

    return Value(get, place)
