"""One message of every type in the catalogue, with every field that the type may carry."""

from typing import Any

from tests.domain.events import CRM, ERP, Event, event

_EUR = {"currency": "EUR"}
_LINE = {
    "line": "1", "sku": "SUB", "quantity": "1.5", "net": "120.00", "tax": "24.00", "kind": "recurring",
    "recognition": "ratable", "service_start": "2026-01-01", "service_end": "2026-12-31",
    "billing": [{"on": "2026-01-01", "net": "120.00"}], "order_line": "SO-1/1", "description": "Support",
}  # fmt: skip
_LINES = [_LINE]
_PERFORMED = [{"order_line": "SO-1/1", "quantity": "2"}, {"order_line": "SO-1/2", "net": "10.00"}]
_SNAPSHOT = {**_EUR, "lines": _LINES, "stage": "proposal", "probability": "0.25", "close_on": "2026-06-30"}
_ORDER = {"order": "SO-1", **_EUR, "lines": _LINES}
_INVOICE = {"invoice": "INV-1"}
_PAID = {
    "payment": "P-1",
    "invoice": "INV-1",
    **_EUR,
    "amount": "144.00",
    "discount": "1.00",
    "withheld": "2.00",
}
_SETTINGS = {"trigger": "won", "deep": [1, None]}
_POLICY = {"policy": "booking", "version": "2", "from": "2026-01-01", "settings": _SETTINGS}
_BOTH = ["erp/netsuite/acme:order:SO-1", "crm/salesforce/acme:opportunity:006A"]
_DISPUTE = {**_INVOICE, "amount": "10.00", "on": "2026-05-01", **_EUR}
_QUOTE = {"quote": "Q-1", "version": "2", **_EUR, "lines": _LINES}
_EXCEPTION = {"exception": "WON_NO_ORDER/1", "actor": "kim", "note": "asked"}
_PERIOD = {"period": "2026-03", "actor": "kim", "scope": "DE01"}
_REPLACEMENT = event("invoice.voided", "invoice/INV-1", "v1", invoice="INV-1")

_FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "lead.qualified": ("lead/L-1", {"lead": "L-1", "criteria": "budget"}),
    "opportunity.opened": ("opportunity/006A", _SNAPSHOT),
    "opportunity.changed": ("opportunity/006A", _SNAPSHOT),
    "opportunity.won": (
        "opportunity/006A", {**_EUR, "class": "new", "amount": "120.00", "signed_on": "2026-02-28"},
    ),
    "opportunity.lost": ("opportunity/006A", {"reason": "price"}),
    "opportunity.reopened": ("opportunity/006A", {"reason": "mistake"}),
    "quote.approved": ("quote/Q-1", _QUOTE),
    "quote.accepted": ("quote/Q-1", _QUOTE),
    "quote.rejected": ("quote/Q-1", _QUOTE),
    "customer.approved": ("customer/C-1", {"customer": "C-1"}),
    "customer.rejected": ("customer/C-1", {"customer": "C-1", "reason": "unknown"}),
    "customer.merged": ("customer/C-1", {"customer": "C-1", "into": "C-2"}),
    "product.mapped": ("product/SUB", {"sku": "SUB", "product": "P-100"}),
    "credit.held": ("order/SO-1", {"reason": "limit"}),
    "credit.released": ("order/SO-1", {"reason": "paid"}),
    "order.submitted": ("order/SO-1", {"order": "SO-1"}),
    "order.rejected": ("order/SO-1", {"order": "SO-1", "reason": "credit_hold"}),
    "order.accepted": (
        "order/SO-1", {**_ORDER, "class": "expansion", "term_start": "2026-01-01", "term_end": "2026-12-31"},
    ),
    "order.changed": ("order/SO-1", _ORDER),
    "contract.amended": ("amendment/A-1", {"amendment": "A-1", "kind": "upsell", **_ORDER}),
    "contract.renewed": ("order/SO-2", {**_ORDER, "order": "SO-2", "replaces": "SO-1", "kind": "flat"}),
    "order.line_cancelled": ("order/SO-1", {"order": "SO-1", "line": "1", "reason": "stopped"}),
    "order.cancelled": ("order/SO-1", {"order": "SO-1", "line": "1", "reason": "stopped"}),
    "fulfilment.confirmed": ("fulfilment/F-1", {"order": "SO-1", "fulfilment": "F-1", "lines": _PERFORMED}),
    "fulfilment.returned": ("fulfilment/F-2", {"order": "SO-1", "fulfilment": "F-2", "lines": _PERFORMED}),
    "service.activated": ("fulfilment/F-3", {"order": "SO-1", "fulfilment": "F-3", "lines": _PERFORMED}),
    "usage.rated": ("usage/U-1", {"usage": "U-1", **_EUR, "lines": _LINES}),
    "invoice.posted": ("invoice/INV-1", {**_INVOICE, **_EUR, "due_on": "2026-04-01", "lines": _LINES}),
    "invoice.voided": ("invoice/INV-1", _INVOICE),
    "invoice.due_date_changed": ("invoice/INV-1", {**_INVOICE, "due_on": "2026-05-01"}),
    "credit_memo.posted": (
        "credit_memo/CM-1",
        {"credit_memo": "CM-1", **_EUR, "reason": "return", "lines": _LINES,
         "applied_to": [{"invoice": "INV-1", "amount": "144.00"}]},
    ),
    "credit_memo.applied": ("credit_memo/CM-1", {"credit_memo": "CM-1", **_INVOICE, "amount": "144.00"}),
    "payment.received": (
        "payment/P-1", {"payment": "P-1", "customer": "C-1", **_EUR, "amount": "144.00"},
    ),
    "payment.applied": ("application/P-1-1", _PAID),
    "payment.unapplied": ("application/P-1-1", _PAID),
    "payment.reversed": ("payment/P-1", {"payment": "P-1", "amount": "10.00", **_EUR}),
    "payment.refunded": ("payment/P-1", {"payment": "P-1", "amount": "10.00", **_EUR}),
    "dispute.opened": ("invoice/INV-1", _DISPUTE),
    "dispute.resolved": ("invoice/INV-1", _DISPUTE),
    "promise.made": ("invoice/INV-1", _DISPUTE),
    "receivable.written_off": ("invoice/INV-1", {**_INVOICE, **_EUR, "amount": "10.00"}),
    "receivable.recovered": ("invoice/INV-1", {**_INVOICE, **_EUR, "amount": "10.00"}),
    "revenue.recognised": ("order/SO-1", {"order_line": "SO-1/1", **_EUR, "amount": "10.00"}),
    "revenue.reversed": ("order/SO-1", {"order_line": "SO-1/1", **_EUR, "amount": "10.00"}),
    "contract.non_renewal_notified": ("order/SO-1", {"order": "SO-1", "on": "2026-12-31"}),
    "contract.expired": ("order/SO-1", {"order": "SO-1", "on": "2026-12-31"}),
    "contract.churned": ("order/SO-1", {"order": "SO-1", "on": "2026-12-31"}),
    "milestone.corrected": (
        "correction/K-1",
        {"target": {"source": ERP, "id": "o1"}, "reason": "typo", "replacement": _REPLACEMENT},
    ),
    "milestone.voided": ("correction/K-2", {"target": {"source": ERP, "id": "o1"}, "reason": "typo"}),
    "deals.linked": ("link/1", {"keys": _BOTH}),
    "deal.split": ("split/1", {"keys": ["erp/netsuite/acme:order:SO-1"]}),
    "period.closed": ("period/2026-03", _PERIOD),
    "period.reopened": ("period/2026-03", _PERIOD),
    "fx.rate_fixed": (
        "rate/EURUSD", {"base": "EUR", "quote": "USD", "rate": "1.0825", "on": "2026-03-31", "kind": "spot"},
    ),
    "policy.activated": ("policy/booking", _POLICY),
    "exception.acknowledged": ("exception/1", _EXCEPTION),
    "exception.assigned": ("exception/1", _EXCEPTION),
    "exception.resolved": ("exception/1", _EXCEPTION),
    "control_total.reported": (
        "total/1",
        {"object": "invoice", "from": "2026-03-01", "to": "2026-03-31", "count": 2, "amount": "10.00", **_EUR,
         "ids": ["INV-1", "INV-2"]},
    ),
}  # fmt: skip


def _sample(name: str, subject: str, fields: dict[str, Any]) -> Event:
    made = event(name, subject, f"{name}-1", source=CRM, sequence="7", **fields)
    made["data"] |= {"effective_on": "2026-02-28", "dimensions": {"customer": "C-1", "segment": "smb"}}
    made["data"].setdefault("keys", ["crm/salesforce/acme:opportunity:006A"])
    return made | {
        "correlationid": "corr", "causationid": "cause", "traceparent": "00-ab-cd-01", "actor": "kim",
    }  # fmt: skip


#: By stored name.
SAMPLES: dict[str, Event] = {
    f"{name}.v1": _sample(name, subject, fields) for name, (subject, fields) in _FIELDS.items()
}
