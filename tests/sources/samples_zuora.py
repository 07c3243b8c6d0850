"""Objects of Zuora in the shapes of its REST API, with values of our own."""

from typing import Any


def metric(
    number: str = "C-1", net: float = 1200, *, monthly: float | None = 100, **more: Any
) -> dict[str, Any]:
    """What an action of an order changes of one charge. more: start, end (after it), term, quantity."""
    start, end = more.get("start", "2026-02-01"), more.get("end", "2027-02-01")
    slice_ = {"startDate": start, "endDate": end, "termNumber": more.get("term", 1), "type": "Regular"}
    found: dict[str, Any] = {
        "chargeNumber": number,
        "productRatePlanChargeId": f"prpc-{number}",
        "originRatePlanId": "rp-1",
        "tcv": [{**slice_, "amount": net}],
        "mrr": [] if monthly is None else [{**slice_, "amount": monthly}],
    }
    if "quantity" in more:
        found["quantity"] = [{**slice_, "amount": more["quantity"]}]
    return found


def action(type_: str, *metrics: dict[str, Any], on: str = "2026-02-01", **more: Any) -> dict[str, Any]:
    """An action of an order."""
    return {
        "type": type_,
        "sequence": 0,
        "triggerDates": [
            {"name": "ContractEffective", "triggerDate": on},
            {"name": "ServiceActivation", "triggerDate": on},
        ],
        "orderMetrics": list(metrics),
        **more,
    }


def order(*actions: dict[str, Any], subscription: str = "A-S1", **more: Any) -> dict[str, Any]:
    """The answer of GET /v1/orders/NUMBER: one subscription unless `subscriptions` gives others."""
    one = {
        "subscriptionNumber": subscription,
        "baseVersion": 1,
        "newVersion": 1,
        "subscriptionOwnerAccountNumber": "A1",
        "orderActions": list(actions),
    }
    return {
        "success": True,
        "order": {
            "orderNumber": "O-1",
            "orderDate": "2026-01-20",
            "createdDate": "2026-01-20 09:30:00",
            "updatedDate": "2026-01-20 09:31:00",
            "existingAccountNumber": "A1",
            "currency": "EUR",
            "status": "Completed",
            "category": "NewSales",
            "subscriptions": [one],
            **more,
        },
    }


def item(net: float = 1200, tax: float = 240, **more: Any) -> dict[str, Any]:
    """A line of an invoice, as the object query expands it."""
    return {
        "id": "ii-1",
        "productRatePlanChargeId": "prpc-C-1",
        "subscriptionNumber": "A-S1",
        "chargeName": "Platform",
        "chargeAmount": net,
        "taxAmount": tax,
        "quantity": 1,
        "serviceStartDate": "2026-02-01",
        "serviceEndDate": "2027-01-31",
        "processingType": "Charge",
        **more,
    }


def invoice(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An invoice with its items."""
    rows = list(items) or [item()]
    return {
        "success": True,
        "id": "inv-1",
        "invoiceNumber": "INV00000001",
        "accountId": "acc-1",
        "accountNumber": "A1",
        "amount": sum(row["chargeAmount"] + row["taxAmount"] for row in rows),
        "balance": 0,
        "currency": "EUR",
        "invoiceDate": "2026-02-01",
        "dueDate": "2026-03-03",
        "createdDate": "2026-02-01T05:00:00Z",
        "postedDate": "2026-02-01T06:00:00Z",
        "status": "Posted",
        "invoiceItems": rows,
        **more,
    }


def credit_memo(**more: Any) -> dict[str, Any]:
    """A credit memo with its items and applications."""
    return {
        "id": "cm-1",
        "number": "CM00000001",
        "accountNumber": "A1",
        "amount": 120,
        "currency": "EUR",
        "creditMemoDate": "2026-04-01",
        "postedOn": "2026-04-01 08:00:00",
        "reasonCode": "Service Downgrade",
        "referredInvoiceId": "inv-1",
        "status": "Posted",
        "creditMemoItems": [
            {"id": "cmi-1", "sku": "PLATFORM", "subscriptionNumber": "A-S1", "amount": 120,
             "taxMode": "TaxInclusive", "taxAmount": 20,
             "serviceStartDate": "2026-04-01", "serviceEndDate": "2026-04-30"},
        ],
        "creditMemoApplications": [
            {"id": "cma-1", "invoiceId": "inv-1", "applicationAmount": 100, "effectiveDate": "2026-04-02",
             "createdDate": "2026-04-02 08:00:00"},
            {"id": "cma-2", "debitMemoId": "dm-1", "applicationAmount": 20, "effectiveDate": "2026-04-02"},
        ],
        **more,
    }  # fmt: skip


def payment(**more: Any) -> dict[str, Any]:
    """A payment with its applications."""
    return {
        "id": "pay-1",
        "number": "P-00000001",
        "accountNumber": "A1",
        "amount": 1440.0,
        "appliedAmount": 1440.0,
        "unappliedAmount": 0,
        "currency": "EUR",
        "effectiveDate": "2026-02-20",
        "createdDate": "2026-02-20T10:00:00Z",
        "status": "Processed",
        "type": "Electronic",
        "paymentApplications": [
            {"id": "pa-1", "invoiceId": "inv-1", "applicationAmount": 1440.0, "effectiveDate": "2026-02-21",
             "createdDate": "2026-02-21T10:00:00Z"},
        ],
        **more,
    }  # fmt: skip


def refund(**more: Any) -> dict[str, Any]:
    """A refund of a payment."""
    return {
        "id": "ref-1",
        "number": "R-00000001",
        "accountId": "acc-1",
        "amount": 100,
        "currency": "EUR",
        "paymentId": "pay-1",
        "refundDate": "2026-05-01",
        "createdDate": "2026-05-01T10:00:00Z",
        "status": "Processed",
        **more,
    }
