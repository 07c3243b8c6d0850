"""QuickBooks payments, sales receipts, refund receipts, deposits and journal entries.

Belongs here: who paid, for what, and what went back. How a receipt looks is in quickbooks_receipts.py.
"""

from __future__ import annotations

from typing import Final

from adapters.sources.amounts import currency_of, major, money
from adapters.sources.base import JsonValue, Milestone
from adapters.sources.events import milestone, voided
from adapters.sources.payload import Node
from adapters.sources.quickbooks_documents import (
    credit_memo_posted,
    invoice_posted,
    linked,
    number_of,
    posting,
    withdrawn,
)
from adapters.sources.quickbooks_receipts import applied, erp, received

#: Documents whose money a deposit only carries to the bank: their receipt is recorded already.
_RESTATED: Final = frozenset({"Payment", "SalesReceipt", "RefundReceipt", "JournalEntry", "Transfer"})


def payment(entity: Node, instance: str) -> tuple[Milestone, ...] | str:
    """payment.received, and per invoice payment.applied and credit_memo.applied.

    A payment of zero only puts credit memos against an invoice. A voided or deleted one is
    payment.reversed: receipt and applications go back.
    """
    says, number = erp(instance), number_of(entity)
    gone = withdrawn(entity)
    if gone is not None:
        return (milestone(says, "payment.reversed", ("payment", number), gone, {"payment": number}),)
    currency = currency_of(entity.at("CurrencyRef", "value"))
    entered, on = entity.at("MetaData", "CreateTime").instant(), entity.at("TxnDate").day()
    customer = entity.at("CustomerRef", "value").optional()
    total = major(entity.at("TotalAmt"), currency)
    invoices, credits_ = _uses(entity, currency)
    unapplied = entity.at("UnappliedAmt")
    used = sum(invoices.values()) - sum(credits_.values())
    if unapplied.given and used + major(unapplied, currency) != total:
        unapplied.refuse("total_mismatch", "what is used and what is left do not add up to the payment")
    found = []
    if total:
        found.append(received(says, number, entered, on, currency, total, customer))
    for target, gross in invoices.items():
        cash = gross - (sum(credits_.values()) if len(invoices) == 1 else 0)
        if cash:
            found.append(applied(says, number, target, entered, on, currency, cash))
        for memo, amount in credits_.items():
            facts: dict[str, JsonValue] = {
                "credit_memo": memo,
                "invoice": target,
                "currency": currency,
                "amount": money(amount, currency),
            }
            subject = ("credit_application", f"{number}-{memo}-{target}")
            keys = (says.key("invoice", target),)
            found.append(
                milestone(says, "credit_memo.applied", subject, entered, facts, keys=keys, effective_on=on)
            )
    return tuple(found) or "no_money_moved"


def _uses(entity: Node, currency: str) -> tuple[dict[str, int], dict[str, int]]:
    """What a payment is used for: gross by invoice, and the credit memos used beside the money.

    QuickBooks does not say which credit memo went to which invoice; with one invoice it is plain, with
    several the record is refused.
    """
    invoices: dict[str, int] = {}
    memos: dict[str, int] = {}
    for row in entity.at("Line").items():
        amount = major(row.at("Amount"), currency)
        targets = linked(row.at("LinkedTxn"))
        if len(targets) != 1 or targets[0][0] not in ("Invoice", "CreditMemo"):
            row.at("LinkedTxn").refuse(
                "link_unknown", "each line of a payment must name one invoice or credit memo"
            )
        kind, number = targets[0]
        uses = invoices if kind == "Invoice" else memos
        uses[number] = uses.get(number, 0) + amount
    if memos and len(invoices) != 1:
        entity.at("Line").refuse(
            "credit_ambiguous", "credit memos beside several invoices: enter one payment for each invoice"
        )
    return invoices, memos


def sales_receipt(entity: Node, instance: str) -> tuple[Milestone, ...]:
    """A cash sale: invoice.posted, due and paid on its day, payment.received and payment.applied.

    Both go by `sales_receipt-<Id>`, so that they never meet an invoice or a payment of that Id.
    """
    says, number = erp(instance), f"sales_receipt-{number_of(entity)}"
    gone = withdrawn(entity)
    if gone is not None:
        return (
            milestone(says, "payment.reversed", ("payment", number), gone, {"payment": number}),
            milestone(says, "invoice.voided", ("invoice", number), gone, {"invoice": number}),
        )
    sale = posting(entity)
    found = [invoice_posted(says, sale, number, sale.on)]
    if sale.gross:
        found += [
            received(says, number, sale.entered, sale.on, sale.currency, sale.gross, sale.customer),
            applied(says, number, number, sale.entered, sale.on, sale.currency, sale.gross),
        ]
    return tuple(found)


def refund_receipt(entity: Node, instance: str) -> tuple[Milestone, ...]:
    """A cash sale backwards: credit_memo.posted and payment.refunded.

    QuickBooks does not say which receipt the money came from, so the refund names itself as the payment.
    The customer then holds an open credit and an equal negative unapplied amount: nothing is owed.
    """
    says, number = erp(instance), f"refund_receipt-{number_of(entity)}"
    gone = withdrawn(entity)
    memo, refund = ("credit_memo", number), ("payment", number)
    if gone is not None:
        targets = (("credit_memo.posted", memo), ("payment.refunded", refund))
        return tuple(
            voided(
                says,
                {"source": says.source, "id": f"{'/'.join(subject)}:{name}"},
                subject,
                gone,
                "withdrawn_in_source",
            )
            for name, subject in targets
        )
    document = posting(entity)
    facts: dict[str, JsonValue] = {
        "payment": number,
        "currency": document.currency,
        "amount": money(document.gross, document.currency),
    }
    refunded = milestone(
        says,
        "payment.refunded",
        refund,
        document.entered,
        facts,
        keys=(says.key(*memo),),
        effective_on=document.on,
        customer=document.customer,
    )
    return (credit_memo_posted(says, document, number), refunded)


def deposit(entity: Node, instance: str) -> tuple[Milestone, ...] | str:
    """payment.received for what a customer paid in without any other document; the rest is ignored.

    Lines that name a payment or a cash sale carry money on that is recorded already. Lines that name
    neither a document nor a customer (opening balances, transfers of capital) are no order-to-cash fact.
    """
    says, number = erp(instance), number_of(entity)
    if withdrawn(entity) is not None:
        entity.refuse("deposit_withdrawn", "a deposit was taken back; reverse the receipts that it stood for")
    currency = currency_of(entity.at("CurrencyRef", "value"))
    entered, on = entity.at("MetaData", "CreateTime").instant(), entity.at("TxnDate").day()
    found = []
    restated = False
    for i, row in enumerate(entity.at("Line").items(), start=1):
        links = linked(row.at("LinkedTxn"))
        if links:
            if not {kind for kind, _number in links} <= _RESTATED:
                row.at("LinkedTxn").refuse("link_unknown", "no mapping for what this line of a deposit names")
            restated = True
            continue
        party = row.at("DepositLineDetail", "Entity")
        amount = major(row.at("Amount"), currency)
        if amount and str(party.at("type").value).upper() == "CUSTOMER":
            customer = party.at("value").identifier("the customer's Id")
            receipt = f"deposit-{number}-{i}"
            found.append(received(says, receipt, entered, on, currency, amount, customer))
    return tuple(found) or ("restates_payment" if restated else "not_order_to_cash")


def journal_entry(entity: Node, _instance: str) -> tuple[Milestone, ...] | str:
    """A journal entry is no order-to-cash fact, unless it moves a customer's balance; then it is refused.

    Whether such an entry writes off, clears or corrects is in nobody's field: a person has to say.
    """
    for row in entity.at("Line").items():
        party = row.at("JournalEntryLineDetail", "Entity", "Type")
        if str(party.value).upper() == "CUSTOMER":
            party.refuse(
                "journal_of_customer", "say what this entry does to the customer: write-off, receipt"
            )
    return "general_ledger"
