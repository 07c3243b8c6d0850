"""Invoices and credit memos (accounting.md section 3)."""

from __future__ import annotations

from typing import Final

from domain import milestones as m
from domain.money import AmountRefused, parse_minor
from projections import accounts as a
from projections.book import DealBook
from projections.facts import sequence_key
from projections.holdings import CreditMemo, Invoice, OrderLine
from projections.rules import conditions, performance
from projections.rules.earning import resume_earning, stop_earning

_ENDS: Final = {
    "concession": a.CREDITED_CONCESSION,
    "return": a.CREDITED_RETURN,
    "cancellation": a.CREDITED_CANCELLATION,
    "rebill": a.UNBILLED,
}


def posted(deal: DealBook, fact: m.InvoicePosted) -> None:
    """unbilled -> receivable (net), source.tax -> receivable (tax); lines earned on invoice are earned."""
    if not deal.first_of("invoice", fact.invoice):
        return
    invoice = deal.invoice(fact.invoice, fact.currency)
    if invoice.currency != fact.currency:
        # Paid in another currency before it was known: the payment keeps its own receivable.
        invoice = deal.invoices[fact.invoice] = Invoice(fact.invoice, fact.currency)
        deal.find("CURRENCY_MISMATCH", fact.invoice)
    deal.redate(invoice, fact.due_on)
    invoice.posted = True
    invoice.fact, invoice.day = deal.fact, deal.day
    for said in fact.lines:
        line = deal.line_for(said.order_line, said.sku, fact.currency)
        invoice.lines.append((line, said.net, said.tax, said.sku, line.label, said.service_end))
        deal.receive(invoice, a.UNBILLED, a.RECEIVABLE, said.net, said.sku, line.label)
        deal.receive(invoice, a.SOURCE_TAX, a.RECEIVABLE, said.tax, said.sku, line.label)
        bill(deal, line, said.net)
    deal.settle_dispute(invoice)
    if deal.ends:
        conditions.bills_ended(deal, invoice)
    if deal.missing or deal.promises:
        conditions.invoice_came(deal, invoice)


def bill(deal: DealBook, line: OrderLine, net: int) -> None:
    """A line's unbilled falls by what was invoiced; on_invoice lines are earned (negative: taken back)."""
    line.unbilled -= net
    line.billed += net
    if line.recognition == "on_invoice":
        performance.recognise(deal, line, net)


def voided(deal: DealBook, fact: m.InvoiceVoided) -> None:
    """The inverse of all that the invoice posted."""
    invoice = deal.invoices.get(fact.invoice)
    if invoice is None or not invoice.posted:
        deal.find("PREDECESSOR_MISSING", fact.invoice)
        return
    if invoice.voided:
        return
    invoice.voided = True
    for line, net, tax, sku, label, _ in invoice.lines:
        deal.receive(invoice, a.UNBILLED, a.RECEIVABLE, -net, sku, label)
        deal.receive(invoice, a.SOURCE_TAX, a.RECEIVABLE, -tax, sku, label)
        bill(deal, line.became or line, -net)
    deal.settle_dispute(invoice)
    deal.cease("EXPIRED_STILL_BILLING", invoice.number)


def due_date_changed(deal: DealBook, fact: m.InvoiceDueDateChanged) -> None:
    """What is open of the invoice moves to the new due date."""
    if deal.stale((fact.source, fact.subject), sequence_key(fact.sequence)):
        return
    invoice = deal.invoices.get(fact.invoice)
    if invoice is None or not invoice.posted:
        deal.find("PREDECESSOR_MISSING", fact.invoice)
        return
    deal.redate(invoice, fact.due_on)


def credited(deal: DealBook, fact: m.CreditMemoPosted) -> None:
    """An open credit of the memo's gross, by reason; then against the invoices that it names."""
    if not deal.first_of("credit_memo", fact.credit_memo):
        return
    if deal.missing:
        deal.came("credit_memo", fact.credit_memo)
    memo = deal.credit_memos.get(fact.credit_memo)
    if memo is None or memo.currency != fact.currency:
        memo = deal.credit_memos[fact.credit_memo] = CreditMemo(fact.currency)
    for said in fact.lines:
        line = deal.line_for(said.order_line, said.sku, fact.currency)
        end = _ENDS[fact.reason]
        if not line.known and end != a.UNBILLED:
            # No order line says what was promised: the billing is undone, nothing is un-performed.
            end = a.UNBILLED
        deal.post(a.OPEN_CREDIT, end, fact.currency, said.net, said.sku, line.label, fact.credit_memo)
        deal.post(
            a.OPEN_CREDIT, a.SOURCE_TAX, fact.currency, said.tax, said.sku, line.label, fact.credit_memo
        )
        memo.open += said.net + said.tax
        if end == a.UNBILLED:
            bill(deal, line, -said.net)
        else:
            _unperform(deal, line, fact.reason, said.net)
    for applied in fact.applied_to:
        _apply(deal, memo, deal.invoice(applied.invoice, fact.currency), applied.amount)


def _unperform(deal: DealBook, line: OrderLine, reason: str, net: int) -> None:
    if reason == "concession":
        deal.post(a.RECOGNISED, a.CONCESSION, line.currency, net, line.sku, line.label)
        line.beside -= net
    elif reason == "return":
        performance.credit_return(deal, line, net)
    else:
        _cancel_credited(deal, line, net)


def _cancel_credited(deal: DealBook, line: OrderLine, net: int) -> None:
    """unperformed -> performance_cancelled as far as the line has it, the rest out of recognised.

    On a ratable line that still runs, what is left is earned over its remaining days.
    """
    from_unperformed = max(0, min(net, line.unperformed(deal.day)))
    running = [(s.start, s.end) for s in line.segments if s.end > deal.day] if from_unperformed else []
    if running:
        stop_earning(deal, line, deal.day)
    deal.post(
        line.obligation_account,
        a.PERFORMANCE_CANCELLED,
        line.currency,
        from_unperformed,
        line.sku,
        line.label,
    )
    deal.post(
        a.RECOGNISED, a.PERFORMANCE_CANCELLED, line.currency, net - from_unperformed, line.sku, line.label
    )
    line.fixed -= net - from_unperformed
    line.performance_cancelled += net
    if running:
        resume_earning(deal, line, min(start for start, _ in running), max(end for _, end in running))


def memo_applied(deal: DealBook, fact: m.CreditMemoApplied) -> None:
    """An open credit put against an invoice; the amount is in the memo's currency."""
    memo = deal.credit_memos.get(fact.credit_memo)
    invoice = deal.invoices.get(fact.invoice)
    currency = memo.currency if memo is not None else invoice.currency if invoice is not None else None
    if currency is None:
        deal.find("PREDECESSOR_MISSING", fact.credit_memo)
        return
    try:
        amount = parse_minor(fact.amount, currency)
    except AmountRefused:
        deal.find("AMOUNT_PRECISION", fact.credit_memo)
        return
    if memo is None:
        deal.miss("credit_memo", fact.credit_memo)
        memo = deal.credit_memos[fact.credit_memo] = CreditMemo(currency)
    _apply(deal, memo, deal.invoice(fact.invoice, currency), amount)


def _apply(deal: DealBook, memo: CreditMemo, invoice: Invoice, amount: int) -> None:
    if invoice.currency != memo.currency:
        deal.find("CURRENCY_MISMATCH", invoice.number)
        return
    deal.receive(invoice, a.RECEIVABLE, a.OPEN_CREDIT, amount)
    memo.open -= amount
    deal.settle_dispute(invoice)


def disputed(deal: DealBook, fact: m.DisputeOpened | m.DisputeResolved) -> None:
    """What of an invoice is in dispute: opened less resolved, all of it where no amount is given."""
    invoice = deal.invoices.get(fact.invoice)
    if invoice is None:
        if fact.currency is None:
            deal.find("PREDECESSOR_MISSING", fact.invoice)
            return
        deal.miss("invoice", fact.invoice)
        invoice = deal.invoice(fact.invoice, fact.currency)
    amount = None
    if fact.amount is not None:
        try:
            amount = parse_minor(fact.amount, invoice.currency)
        except AmountRefused:
            deal.find("AMOUNT_PRECISION", fact.invoice)
            return
    if isinstance(fact, m.DisputeOpened):
        invoice.claim = None if amount is None or invoice.claim is None else invoice.claim + amount
    elif amount is None:
        invoice.claim = 0
    else:
        held = max(invoice.open, 0) if invoice.claim is None else invoice.claim
        invoice.claim = max(0, held - amount)
    deal.settle_dispute(invoice)


def written_off(deal: DealBook, fact: m.ReceivableWrittenOff | m.ReceivableRecovered) -> None:
    """receivable -> written_off, or back; never touches performance."""
    invoice = deal.invoice(fact.invoice, fact.currency)
    if invoice.currency != fact.currency:
        deal.find("CURRENCY_MISMATCH", fact.invoice)
        return
    sign = 1 if isinstance(fact, m.ReceivableWrittenOff) else -1
    deal.receive(invoice, a.RECEIVABLE, a.WRITTEN_OFF, sign * fact.amount)
    deal.settle_dispute(invoice)
