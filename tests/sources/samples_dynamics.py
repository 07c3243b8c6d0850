"""Records of Dynamics 365 in the shapes that its documentation gives; all values are made up."""

from typing import Any

COMPANY = "companies(5f8a1c7e-0000-4000-8000-000000000001)"


def page(*records: dict[str, Any]) -> dict[str, Any]:
    """An answer of either system."""
    return {"@odata.context": "https://host/api/v2.0/$metadata#rows", "value": list(records)}


def notification(resource: str, change: str = "updated") -> dict[str, Any]:
    """What Business Central's webhook sends."""
    return {
        "value": [
            {
                "subscriptionId": "webhook", "clientState": "state", "changeType": change,
                "expirationDateTime": "2025-03-01T00:00:00Z", "resource": f"api/v2.0/{COMPANY}/{resource}",
                "lastModifiedDateTime": "2025-02-01T10:00:00.5Z",
            }
        ]
    }  # fmt: skip


def bc_line(**changed: Any) -> dict[str, Any]:
    """A line of an order, invoice or credit memo."""
    return {
        "id": "11111111-0000-4000-8000-000000000001", "documentId": "22222222-0000-4000-8000-000000000001",
        "sequence": 10000, "lineType": "Item", "lineObjectNumber": "1896-S", "quantity": 4,
        "netAmount": 400.0, "netTaxAmount": 76.0, "amountIncludingTax": 476.0,
        **changed,
    }  # fmt: skip


def _document(number: str, status: str, lines: str, rows: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {
        "@odata.etag": 'W/"1"', "id": "22222222-0000-4000-8000-000000000001", "number": number,
        "status": status, "customerNumber": "10000", "currencyCode": "EUR", "totalAmountIncludingTax": 476.0,
        "lastModifiedDateTime": "2025-02-01T10:00:00.5Z", lines: list(rows or (bc_line(),)),
    }  # fmt: skip


def bc_order(*rows: dict[str, Any], status: str = "Open", **changed: Any) -> dict[str, Any]:
    """A sales order of Business Central."""
    return {**_document("S-ORD101", status, "salesOrderLines", rows), "orderDate": "2025-01-05", **changed}


def bc_invoice(*rows: dict[str, Any], status: str = "Open", **changed: Any) -> dict[str, Any]:
    """A sales invoice."""
    told = {"invoiceDate": "2025-02-01", "postingDate": "2025-02-01", "dueDate": "2025-03-01"}
    document = _document("PS-INV1", status, "salesInvoiceLines", rows)
    return {**document, **told, "orderNumber": "S-ORD101", **changed}


def bc_memo(*rows: dict[str, Any], status: str = "Open", **changed: Any) -> dict[str, Any]:
    """A sales credit memo."""
    told = {"creditMemoDate": "2025-02-10", "postingDate": "2025-02-10", "invoiceNumber": "PS-INV1"}
    return {**_document("PS-CR1", status, "salesCreditMemoLines", rows), **told, **changed}


def bc_shipment(*rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A posted shipment."""
    return {
        "id": "33333333-0000-4000-8000-000000000001", "number": "S-SHPT1", "orderNumber": "S-ORD101",
        "postingDate": "2025-01-20", "invoiceDate": "2025-01-20", "customerNumber": "10000",
        "salesShipmentLines": list(rows or (bc_line(),)), **changed,
    }  # fmt: skip


def bc_payment(**changed: Any) -> dict[str, Any]:
    """A line of a customer payment journal."""
    return {
        "id": "44444444-0000-4000-8000-000000000001", "journalId": "55555555-0000-4000-8000-000000000001",
        "lineNumber": 10000, "customerNumber": "10000", "postingDate": "2025-02-20", "documentNumber": "P1",
        "amount": -476.0, "appliesToInvoiceNumber": "PS-INV1", **changed,
    }  # fmt: skip


def order_line(**changed: Any) -> dict[str, Any]:
    """A line of Finance's sales order."""
    return {
        "dataAreaId": "usmf", "SalesOrderNumber": "000697", "InventoryLotId": "013579", "ItemNumber": "D0001",
        "OrderedSalesQuantity": 10, "LineAmount": 1000.0, "SalesOrderLineStatus": "Backorder", **changed,
    }  # fmt: skip


def header(*rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A sales order of Finance, with its lines expanded."""
    return {
        "dataAreaId": "usmf", "SalesOrderNumber": "000697", "SalesOrderStatus": "Backorder",
        "OrderingCustomerAccountNumber": "US-001", "CurrencyCode": "USD", "QuotationNumber": "000012",
        "OrderCreationDateTime": "2025-01-05T12:00:00Z", "SalesOrderLines": list(rows or (order_line(),)),
        **changed,
    }  # fmt: skip


def invoice_header(*rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """An invoice of the public entity."""
    row = {
        "InvoiceNumber": "CIV-1", "InventoryLotId": "013579", "ProductNumber": "D0001", "InvoicedQuantity": 4,
        "LineAmount": 400.0, "LineTotalTaxAmount": 76.0,
    }  # fmt: skip
    return {
        "dataAreaId": "usmf", "InvoiceNumber": "CIV-1", "InvoiceDate": "2025-02-01T12:00:00Z",
        "SalesOrderNumber": "000697", "InvoiceCustomerAccountNumber": "US-001", "CurrencyCode": "USD",
        "TotalInvoiceAmount": 476.0, "TotalTaxAmount": 76.0, "DueDate": "2025-03-03T12:00:00Z",
        "SalesInvoiceLines": list(rows or (row,)), **changed,
    }  # fmt: skip


def journal(*rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """The same invoice as the table CustInvoiceJour has it, its lines without tax of their own."""
    row = {"InventTransId": "013579", "ItemId": "D0001", "Qty": 4, "LineAmount": 400.0}
    return {
        "DataAreaId": "USMF", "InvoiceId": "CIV-1", "InvoiceDate": "2025-02-01", "SalesId": "000697",
        "InvoiceAccount": "US-001", "CurrencyCode": "USD", "InvoiceAmount": 476.0, "SumTax": 76.0,
        "DueDate": "2025-03-03", "CustInvoiceTrans": list(rows or (row,)), **changed,
    }  # fmt: skip


def transaction(**changed: Any) -> dict[str, Any]:
    """A transaction on a customer's account."""
    return {
        "DataAreaId": "usmf", "RecId": 68719476755, "AccountNum": "US-001", "TransType": "Payment",
        "TransDate": "2025-02-20", "Voucher": "ARP-1", "AmountCur": -476.0, "CurrencyCode": "USD", **changed,
    }  # fmt: skip
