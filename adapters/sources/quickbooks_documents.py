"""QuickBooks estimates, invoices and credit memos; the lines and taxes of every sales document.

Times. `time` is MetaData.CreateTime, when the document was entered; the business date is TxnDate, which
often lies before it. What happens to a document later (void, deletion, acceptance) has no time of its own:
MetaData.LastUpdatedTime stands in, the moment by which it had happened.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from adapters.sources.amounts import currency_of, decimal_text, line, major, tax_shares
from adapters.sources.base import JsonValue, Milestone, Speaker, speaker
from adapters.sources.events import milestone, voided
from adapters.sources.payload import Node
from adapters.sources.quickbooks_receipts import applied, erp, received

#: Item that QuickBooks puts on a shipping line.
_SHIPPING_ITEM: Final = "SHIPPING_ITEM_ID"
#: Sales tax code of lines that are not taxed (companies in the US).
_NOT_TAXED: Final = "NON"
_NO_VALUE: Final = frozenset({"SubTotalLineDetail", "DescriptionOnly", "DescriptionLineDetail"})
_ESTIMATE_STATES: Final = frozenset({"Accepted", "Closed", "Converted", "Expired", "Pending", "Rejected"})


class Posting(NamedTuple):
    """What all sales documents have in common. net: each line's, tax: each line's share, in minor units."""

    number: str
    entered: str
    on: str
    currency: str
    customer: str | None
    lines: list[JsonValue]
    gross: int


def withdrawn(entity: Node) -> str | None:
    """Since when a document counts no more: voided (zero, noted as such) or deleted (change feed)."""
    deleted = entity.at("status").value == "Deleted"
    note = entity.at("PrivateNote").value
    void = isinstance(note, str) and note.startswith("Voided") and entity.at("TotalAmt").value == 0
    return entity.at("MetaData", "LastUpdatedTime").instant() if deleted or void else None


def number_of(entity: Node) -> str:
    """The native id, by which keys and references go."""
    return entity.at("Id").identifier("the entity's Id")


def posting(entity: Node) -> Posting:
    """A sales document with its lines. Refuses one whose lines and tax do not add up to TotalAmt."""
    currency = currency_of(entity.at("CurrencyRef", "value"))
    lines, gross = _lines(entity, currency)
    total = entity.at("TotalAmt")
    if major(total, currency) != gross:
        total.refuse("total_mismatch", "lines and tax do not add up to the total; fetch the whole document")
    return Posting(
        number_of(entity),
        entity.at("MetaData", "CreateTime").instant("the time of entry"),
        entity.at("TxnDate").day("the document's date"),
        currency,
        entity.at("CustomerRef", "value").optional(),
        lines,
        gross,
    )


def invoice(entity: Node, instance: str) -> tuple[Milestone, ...]:
    """invoice.posted; a voided or deleted one: invoice.voided.

    What was paid at once (`Deposit`) has no document of its own: it is received and applied as
    `invoice_deposit-<Id>`.
    """
    says, number = erp(instance), number_of(entity)
    gone = withdrawn(entity)
    if gone is not None:
        return (milestone(says, "invoice.voided", ("invoice", number), gone, {"invoice": number}),)
    due = entity.at("DueDate")
    if not due.given:
        due.refuse("due_on_missing", "an invoice needs its DueDate; the terms alone are not in the record")
    document, quotes = posting(entity), _estimates(entity, instance)
    found = [invoice_posted(says, document, number, due.day("the due date"), quotes)]
    down = entity.at("Deposit")
    paid = major(down, document.currency) if down.given else 0
    if paid:
        receipt, entered, on = f"invoice_deposit-{number}", document.entered, document.on
        found += [
            received(says, receipt, entered, on, document.currency, paid, document.customer),
            applied(says, receipt, number, entered, on, document.currency, paid),
        ]
    return tuple(found)


def invoice_posted(
    says: Speaker, document: Posting, number: str, due_on: str, keys: tuple[str, ...] = ()
) -> Milestone:
    """The invoice.posted of a document, under the given number."""
    facts: dict[str, JsonValue] = {
        "invoice": number,
        "currency": document.currency,
        "due_on": due_on,
        "lines": document.lines,
    }
    return milestone(
        says,
        "invoice.posted",
        ("invoice", number),
        document.entered,
        facts,
        keys=keys,
        effective_on=document.on,
        customer=document.customer,
    )


def credit_memo(entity: Node, instance: str) -> tuple[Milestone, ...]:
    """credit_memo.posted. QuickBooks gives no reason and no invoice; see `credit_memo_posted`.

    Where it is put against an invoice, a payment says so (quickbooks_payments.py).
    """
    says, number = erp(instance), number_of(entity)
    gone = withdrawn(entity)
    subject = ("credit_memo", number)
    if gone is not None:
        target: Milestone = {"source": says.source, "id": f"credit_memo/{number}:credit_memo.posted"}
        return (voided(says, target, subject, gone, "withdrawn_in_source"),)
    return (credit_memo_posted(says, posting(entity), number),)


def credit_memo_posted(says: Speaker, document: Posting, number: str) -> Milestone:
    """The credit_memo.posted of a document, under the given number.

    The reason is `concession`: the document says that nothing came back and nothing is billed anew, so the
    one reading that adds no further fact is a price taken off.
    """
    facts: dict[str, JsonValue] = {
        "credit_memo": number,
        "currency": document.currency,
        "reason": "concession",
        "lines": document.lines,
    }
    return milestone(
        says,
        "credit_memo.posted",
        ("credit_memo", number),
        document.entered,
        facts,
        effective_on=document.on,
        customer=document.customer,
    )


def estimate(entity: Node, instance: str) -> tuple[Milestone, ...] | str:
    """quote.accepted where accepted or turned into an invoice, quote.rejected where rejected.

    An estimate is overwritten in place: it has one version, 1. An open one is a draft of an offer; one that
    was closed by hand, expired or deleted was never answered.
    """
    if entity.at("status").value == "Deleted":
        return "quote_unanswered"
    state = entity.at("TxnStatus").word(_ESTIMATE_STATES, "the estimate's TxnStatus")
    invoices = [n for kind, n in linked(entity.at("LinkedTxn")) if kind == "Invoice"]
    if state == "Pending":
        return "quote_open"
    if state == "Expired" or (state == "Closed" and not invoices):
        return "quote_unanswered"
    name = "quote.rejected" if state == "Rejected" else "quote.accepted"
    says, ledger, number = speaker("cpq", "quickbooks", instance), erp(instance), number_of(entity)
    document = posting(entity)
    answered = entity.at("AcceptedDate")
    facts: dict[str, JsonValue] = {
        "quote": number,
        "version": "1",
        "currency": document.currency,
        "lines": document.lines,
    }
    event = milestone(
        says,
        name,
        ("quote", number),
        entity.at("MetaData", "LastUpdatedTime").instant(),
        facts,
        keys=[ledger.key("invoice", n) for n in invoices],
        effective_on=answered.day() if answered.given and name == "quote.accepted" else None,
        customer=document.customer,
    )
    return (event,)


def linked(links: Node) -> list[tuple[str, str]]:
    """LinkedTxn as (TxnType, TxnId)."""
    return [(link.at("TxnType").text(), link.at("TxnId").identifier()) for link in links.items()]


def _estimates(entity: Node, instance: str) -> tuple[str, ...]:
    quotes = speaker("cpq", "quickbooks", instance)
    return tuple(quotes.key("quote", n) for kind, n in linked(entity.at("LinkedTxn")) if kind == "Estimate")


def _lines(entity: Node, currency: str) -> tuple[list[JsonValue], int]:
    """The lines with their shares of the tax, and the gross total in minor units."""
    valued = [row for row in _flat(entity.at("Line").items()) if _detail(row) not in _NO_VALUE]
    if not valued:
        entity.at("Line").refuse("lines_missing", "the document has no line with an amount")
    nets = [_net(row, currency) for row in valued]
    tax_node = entity.at("TxnTaxDetail", "TotalTax")
    tax = major(tax_node, currency) if tax_node.given else 0
    weights = [net if _taxed(row) else 0 for row, net in zip(valued, nets, strict=True)]
    if tax and not any(weights):
        tax_node.refuse("tax_without_lines", "the document has tax and no taxed line")
    taxes = tax_shares(tax, weights)
    lines: list[JsonValue] = []
    for i, (row, net, share) in enumerate(zip(valued, nets, taxes, strict=True), start=1):
        sku, more = _product(row)
        lines.append(line(str(i), sku, net, currency, tax=share, **more))
    return lines, sum(nets) + tax


def _flat(rows: tuple[Node, ...]) -> list[Node]:
    """Lines, a bundle replaced by the lines in it (its own amount is their sum)."""
    found: list[Node] = []
    for row in rows:
        if _detail(row) == "GroupLineDetail":
            found.extend(row.at("GroupLineDetail", "Line").items())
        else:
            found.append(row)
    return found


def _detail(row: Node) -> str:
    return row.at("DetailType").text("the line's DetailType")


def _net(row: Node, currency: str) -> int:
    amount = major(row.at("Amount"), currency)
    kind = _detail(row)
    if kind == "DiscountLineDetail":
        return -amount  # written as a positive amount that is taken off
    if kind != "SalesItemLineDetail":
        row.at("DetailType").refuse("line_unknown", "no mapping for this kind of line; extend quickbooks")
    return amount


def _taxed(row: Node) -> bool:
    code = row.at("SalesItemLineDetail", "TaxCodeRef", "value")
    return code.given and code.value != _NOT_TAXED


def _product(row: Node) -> tuple[str, dict[str, str | None]]:
    """The sku and what else a line says of its product. A product goes by its item's Id: names change."""
    if _detail(row) == "DiscountLineDetail":
        return "discount", {}
    item = row.at("SalesItemLineDetail", "ItemRef")
    units = row.at("SalesItemLineDetail", "Qty")
    number = item.at("value").optional()
    if number == _SHIPPING_ITEM:
        return "shipping", {}
    return number or "unspecified", {
        "description": item.at("name").label(),
        "quantity": decimal_text(units) if units.given else None,
    }
