"""The lines of Stripe invoices and credit notes, with discounts and taxes.

A line's amount is before discounts, and holds its tax where the tax is inclusive. Discounts and taxes are
given by line, or only for the document; then they are shared over the lines (accounting.md 3b).
"""

from __future__ import annotations

from adapters.sources.amounts import decimal_text, line, tax_shares
from adapters.sources.base import JsonValue
from adapters.sources.payload import Node
from adapters.sources.stripe_values import minor, optional_minor, reference
from adapters.sources.times import service_days, unix_seconds


def lines_of(thing: Node, currency: str) -> list[JsonValue]:
    """The lines, net and tax. Refuses a document whose lines are cut short or do not add up to its total."""
    listed = thing.at("lines")
    rows = listed.at("data").items()
    if listed.at("has_more").flag():
        listed.at("has_more").refuse("lines_incomplete", "the list of lines is cut short; fetch all of them")
    if not rows:
        listed.refuse("lines_missing", "the document has no lines; fetch it with them")
    nets = [minor(row.at("amount"), currency) for row in rows]
    discounts = [_discount(row, currency) for row in rows]
    if not any(discounts):
        whole = _sum(thing.at("total_discount_amounts"), currency)
        discounts = tax_shares(whole, nets)
    nets = [net - discount for net, discount in zip(nets, discounts, strict=True)]
    taxes = [_taxes(row, currency) for row in rows]
    if not any(inclusive or exclusive for inclusive, exclusive in taxes):
        inclusive, exclusive = _document_taxes(thing, currency)
        taxes = list(zip(tax_shares(inclusive, nets), tax_shares(exclusive, nets), strict=True))
    lines: list[JsonValue] = []
    gross = 0
    for i, (row, net, (inside, outside)) in enumerate(zip(rows, nets, taxes, strict=True), start=1):
        sku, more = _product(row)
        gross += net + outside
        lines.append(line(str(i), sku, net - inside, currency, tax=inside + outside, **more))
    shipping = _shipping(thing, currency)
    if shipping is not None:
        net, tax = shipping
        gross += net + tax
        lines.append(line(str(len(rows) + 1), "shipping", net, currency, tax=tax))
    if gross != minor(thing.at("total"), currency):
        thing.at("total").refuse("total_mismatch", "the lines do not add up to the total; fetch it whole")
    return lines


def _sum(rows: Node, currency: str) -> int:
    return sum(minor(row.at("amount"), currency) for row in rows.items())


def _discount(row: Node, currency: str) -> int:
    return _sum(row.at("discount_amounts"), currency)


def _taxes(holder: Node, currency: str, old: str = "tax_amounts", new: str = "taxes") -> tuple[int, int]:
    """Taxes within the amount and on top of it (fields before and since API 2025-03-31)."""
    inclusive = exclusive = 0
    for row in holder.at(old).items() or holder.at(new).items():
        amount = minor(row.at("amount"), currency)
        if row.at("inclusive").flag() or row.at("tax_behavior").value == "inclusive":
            inclusive += amount
        else:
            exclusive += amount
    return inclusive, exclusive


def _document_taxes(thing: Node, currency: str) -> tuple[int, int]:
    found = _taxes(thing, currency, "total_tax_amounts", "total_taxes")
    if found != (0, 0):
        return found
    return 0, optional_minor(thing.at("tax"), currency)


def _shipping(thing: Node, currency: str) -> tuple[int, int] | None:
    if not optional_minor(thing.at("amount_shipping"), currency):
        return None
    cost = thing.at("shipping_cost")
    tax = optional_minor(cost.at("amount_tax"), currency)
    return minor(cost.at("amount_total"), currency) - tax, tax


def _product(row: Node) -> tuple[str, dict[str, str | None]]:
    """The sku and what else a line says of its product.

    A product goes by its product id, because its prices are replaced; without one by the price's or plan's.
    A line made by hand has neither, and its text is anyone's: it is left out.
    """
    price, plan = row.at("price"), row.at("plan")
    details = row.at("pricing", "price_details")
    candidates = (
        reference(details.at("product")),
        reference(price.at("product")),
        reference(plan.at("product")),
        reference(details.at("price")),
        reference(price),
        reference(plan),
    )
    sku = next((name for name in candidates if name is not None), "unspecified")
    recurring = price.at("recurring")
    metered = "metered" in (recurring.at("usage_type").value, plan.at("usage_type").value)
    repeats = recurring.given or plan.given or price.at("type").value == "recurring"
    repeats = repeats or row.at("type").value == "subscription"
    more: dict[str, str | None] = {}
    if repeats:
        more["kind"] = "usage" if metered else "recurring"
    elif price.at("type").value == "one_time":
        more["kind"] = "one_time"
    start, end = row.at("period", "start"), row.at("period", "end")
    if more.get("kind") == "recurring" and start.given and start.value != end.value:
        more["service_start"], more["service_end"] = service_days(unix_seconds(start), unix_seconds(end))
    quantity = row.at("quantity")
    more["quantity"] = decimal_text(quantity) if quantity.given else None
    return sku, more
