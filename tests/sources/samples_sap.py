"""Rows of SAP's OData services in the shapes that its documentation gives; all values are made up."""

from typing import Any

JANUARY_5 = "/Date(1736035200000)/"
FEBRUARY_1 = "/Date(1738368000000)/"


def page(*rows: dict[str, Any]) -> dict[str, Any]:
    """An answer of version 2."""
    return {"d": {"results": list(rows)}}


def page_v4(*rows: dict[str, Any]) -> dict[str, Any]:
    """An answer of version 4."""
    return {"@odata.context": "$metadata#Rows", "value": list(rows)}


def order_item(**changed: Any) -> dict[str, Any]:
    """An item of a sales order."""
    return {
        "SalesOrder": "0000004711", "SalesOrderItem": "000010", "SalesOrderItemCategory": "TAN",
        "Material": "000000000000000021", "RequestedQuantity": "10", "TransactionCurrency": "EUR",
        "NetAmount": "1000.00", "TaxAmount": "190.00", "DeliveryStatus": "A", "SalesDocumentRjcnReason": "",
        **changed,
    }  # fmt: skip


def order(*items: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A sales order of version 2, with its items expanded."""
    return {
        "__metadata": {"type": "API_SALES_ORDER_SRV.A_SalesOrderType"},
        "SalesOrder": "4711", "SalesOrderType": "OR", "SoldToParty": "0010100001",
        "CreationDate": JANUARY_5,
        "LastChangeDate": None, "LastChangeDateTime": "/Date(1736071200000+0000)/",
        "SalesOrderDate": JANUARY_5,
        "TransactionCurrency": "EUR", "TotalNetAmount": "1000.00", "OverallSDDocumentRejectionSts": "A",
        "TotalCreditCheckStatus": "", "to_Item": {"results": list(items or [order_item()])},
        **changed,
    }  # fmt: skip


def delivery(*items: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """An outbound delivery whose goods have left."""
    row = {
        "DeliveryDocument": "80000000", "DeliveryDocumentItem": "000010", "ActualDeliveryQuantity": "4",
        "ReferenceSDDocument": "0000004711", "ReferenceSDDocumentItem": "000010",
        "ReferenceSDDocumentCategory": "C",
    }  # fmt: skip
    return {
        "DeliveryDocument": "80000000", "DeliveryDocumentType": "LF", "SDDocumentCategory": "J",
        "OverallGoodsMovementStatus": "C", "ActualGoodsMovementDate": FEBRUARY_1,
        "ActualGoodsMovementTime": "PT14H05M00S", "SoldToParty": "10100001",
        "to_DeliveryDocumentItem": {"results": [{**row, **item} for item in items or ({},)]},
        **changed,
    }  # fmt: skip


def billing_item(**changed: Any) -> dict[str, Any]:
    """An item of a billing document."""
    return {
        "BillingDocument": "90000000", "BillingDocumentItem": "10", "Material": "21", "BillingQuantity": "4",
        "NetAmount": "400.00", "TaxAmount": "76.00", "SalesDocument": "4711", "SalesDocumentItem": "10",
        "ReferenceSDDocument": "80000000", "ReferenceSDDocumentCategory": "J",
        **changed,
    }  # fmt: skip


def billing(*items: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A billing document that accounting has."""
    return {
        "BillingDocument": "90000000", "BillingDocumentType": "F2", "SDDocumentCategory": "M",
        "BillingDocumentCategory": "L", "CreationDate": "/Date(1738454400000)/",
        "CreationTime": "PT09H30M00S",
        "BillingDocumentDate": FEBRUARY_1, "CancelledBillingDocument": "", "TransactionCurrency": "EUR",
        "TotalNetAmount": "400.00", "TaxAmount": "76.00", "TotalGrossAmount": "476.00",
        "CustomerPaymentTerms": "NT30", "CompanyCode": "1010", "AccountingDocument": "9400000012",
        "AccountingTransferStatus": "C", "SoldToParty": "10100001",
        "to_Item": {"results": list(items or [billing_item()])},
        **changed,
    }  # fmt: skip


def item(number: str, amount: str, **changed: Any) -> dict[str, Any]:
    """An item of accounting on a customer's account: of a billing document, open."""
    return {
        "CompanyCode": "1010", "FiscalYear": "2025", "AccountingDocument": number,
        "AccountingDocumentItem": "001",
        "AccountingDocumentType": "RV", "FinancialAccountType": "D", "Customer": "10100001",
        "DebitCreditCode": "H" if "-" in amount else "S", "AmountInTransactionCurrency": amount,
        "TransactionCurrency": "EUR", "PostingDate": FEBRUARY_1, "ReferenceDocument": "0090000000",
        "ClearingAccountingDocument": "", "ClearingDate": None, "IsReversed": False, "IsReversal": False,
        **changed,
    }  # fmt: skip


def cleared(by: str = "1400000001") -> dict[str, str]:
    """What an item says that was cleared."""
    return {"ClearingAccountingDocument": by, "ClearingDate": "/Date(1740787200000)/"}


def receipt(number: str, amount: str, **changed: Any) -> dict[str, Any]:
    """A customer's item of an incoming payment."""
    told = {
        "AccountingDocumentType": "DZ",
        "ReferenceDocument": "",
        "AccountingDocumentItem": "002",
        **changed,
    }
    return item(number, amount, **told)
