"""The documents of the real files, added up the plain way: json, csv and XML read by hand, nothing of ours.

Belongs here: what each set says it has invoiced, credited, received and applied, by reading the fields that a
person would read. Does not belong here: anything of adapters, domain or projections, against which this is
a check. `python -m scripts.straight ../shared/data` prints the sums of every set.
"""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

CENT = Decimal("0.01")
ZERO = Decimal()


class Document(NamedTuple):
    """A document of a set. amount: gross, of an order net; tax is part of it.

    kind: opportunity, quote, order, invoice, credit, receipt, refund, reversal, reinstatement, application.
    day: by which the first of those with one number is told. where: the file, and what of it, as imports
    name it.
    """

    kind: str
    number: str
    currency: str
    amount: Decimal
    tax: Decimal
    day: str
    where: str


Found = Iterator[Document]
Sums = dict[str, dict[str, Decimal]]


def single(documents: Iterable[Document]) -> list[Document]:
    """One document a number: the first by day."""
    first: dict[tuple[str, str], Document] = {}
    for one in sorted(documents, key=lambda one: one.day):
        first.setdefault((one.kind, one.number), one)
    return list(first.values())


def totals(documents: Iterable[Document]) -> Sums:
    """By currency the sums of each kind, and `tax` of invoices. A number counts once."""
    found: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for one in single(documents):
        found[one.currency][one.kind] += one.amount
        if one.kind == "invoice":
            found[one.currency]["tax"] += one.tax
    return {currency: dict(sums) for currency, sums in found.items()}


def quickbooks(folder: Path) -> Found:
    """Cash sales are invoice, receipt and application at once; a refund receipt is credit and refund."""
    kinds = {
        "invoices": ("invoice",),
        "sales_receipts": ("invoice", "receipt", "application"),
        "credit_memos": ("credit",),
        "refund_receipts": ("credit", "refund"),
        "payments": ("receipt",),
        "estimates": ("quote",),
    }
    for n, line in _lines(folder / "expected_records.jsonl"):
        record = json.loads(line, parse_float=Decimal)
        data, where = record["data"], f"expected_records.jsonl:{n}"
        for kind in kinds.get(record["stream"], ()):
            number = f"{record['stream']}/{data['Id']}"
            tax = Decimal(data.get("TxnTaxDetail", {}).get("TotalTax", 0))
            currency = data["CurrencyRef"]["value"]
            yield Document(kind, number, currency, Decimal(data["TotalAmt"]), tax, data["TxnDate"], where)
            for paid in data["Line"] if record["stream"] == "payments" else ():
                applied = f"{data['Id']}-{paid['LinkedTxn'][0]['TxnId']}"
                yield Document("application", applied, currency, Decimal(paid["Amount"]), ZERO, "", where)


def chargebee(folder: Path) -> Found:
    """Cents. A transaction that succeeded is a receipt, applied to the invoices that it lists."""
    for n, line in _lines(folder / "expected_records.jsonl"):
        record = json.loads(line)
        data, where = record["data"], f"expected_records.jsonl:{n}"
        kind = {"invoice": "invoice", "credit_note": "credit"}.get(record["stream"])
        if kind is not None:
            yield _cents(kind, data["id"], data, data["total"], where, tax=data.get("tax") or 0)
        if record["stream"] == "transaction" and data["status"] == "success":
            yield _cents("receipt", data["id"], data, data["amount"], where)
            for paid in data["linked_invoices"]:
                number = f"{data['id']}-{paid['invoice_id']}"
                yield _cents("application", number, data, paid["applied_amount"], where)


def stripe_webhooks(folder: Path) -> Found:
    """One event a file, its object as it then was."""
    for file in sorted(folder.glob("*.json")):
        event = json.loads(file.read_bytes())
        yield from _stripe(event["data"]["object"], file.name, event["type"])


def stripe_objects(folder: Path) -> Found:
    """One object a file."""
    for file in sorted(folder.glob("*.json")):
        yield from _stripe(json.loads(file.read_bytes()), file.name)


def stripe_fixtures(file: Path) -> Found:
    """One file of named objects."""
    for name, found in json.loads(file.read_bytes())["resources"].items():
        yield from _stripe(found, f"{file.name}#{name}")


def _stripe(data: dict[str, Any], where: str, event: str = "") -> Found:
    """Cents. Drafts, previews and what did not succeed are no documents."""
    kind, status = data.get("object"), data.get("status")
    if kind == "invoice" and status in ("open", "paid") and data.get("id"):
        yield _cents("invoice", data["id"], data, data["total"], where, tax=data.get("tax") or 0)
        if status == "paid":
            number = f"{data['charge']}-{data['id']}"
            yield _cents("application", number, data, data["amount_paid"], where)
    if kind == "charge" and data.get("captured"):
        yield _cents("receipt", data["id"], data, data["amount"], where)
        for refund in data["refunds"]["data"] if data.get("refunds") else ():
            yield _cents("refund", f"{refund['id']}@{refund['created']}", refund, refund["amount"], where)
    if kind == "refund" and status == "succeeded":
        yield _cents("refund", f"{data['id']}@{data['created']}", data, data["amount"], where)
    if kind == "credit_note":
        yield _cents("credit", data["id"], data, data["amount"], where)
    if kind == "dispute" and data.get("id"):
        # what was taken out of the account, and what of it was put back
        moved = [one["amount"] for one in data.get("balance_transactions") or ()]
        taken, back = -sum(n for n in moved if n < 0), sum(n for n in moved if n > 0)
        number = f"{data['id']}@{data['created']}"
        if taken:
            yield _cents("reversal", number, data, taken, where)
        if back or event == "charge.dispute.funds_reinstated":
            yield _cents("reinstatement", number, data, back or taken, where)
    if kind == "quote" and status in ("open", "accepted"):
        yield _cents("quote", data["id"], data, data["amount_total"], where)


def salesforce(folder: Path) -> Found:
    """Opportunities, all of them deleted, and orders without a currency: counted, nothing to add up."""
    for name in ("opportunity", "opportunity_history"):
        for n, row in _rows(folder / f"sf_{name}_data.csv"):
            assert row["is_deleted"] == "true"
            yield _counted("opportunity", row["id"], f"sf_{name}_data.csv:{n}")
    for n, row in _rows(folder / "sf_order_data.csv"):
        yield _counted("order", row["id"], f"sf_order_data.csv:{n}")


def hubspot(folder: Path) -> Found:
    """Deals without amounts, of stages that no pipeline of the set has; those merged into others are gone."""
    for n, row in _rows(folder / "merged_deal_data.csv"):
        yield _counted("opportunity", row["merged_deal_id"], f"merged_deal_data.csv:{n}")


def sap(folder: Path) -> Found:
    """Billing documents that accounting has posted: the one of the set has no accounting document."""
    for file in sorted((folder / "Outputs").glob("*.json")):
        for row in json.loads(file.read_bytes()).get("message", ()):
            if row.get("AccountingDocument") and row.get("TotalGrossAmount"):
                amount, tax = Decimal(row["TotalGrossAmount"]), Decimal(row["TotalTaxAmount"])
                number, currency = row["BillingDocument"], row["TransactionCurrency"]
                yield Document(
                    "invoice", number, currency, amount, tax, row["BillingDocumentDate"], file.name
                )


def netsuite(folder: Path) -> Found:
    """Invoices and credit memos that were read whole; one that is merely proposed has no number yet."""
    for file in sorted(folder.rglob("*.xml")):
        for record in ET.parse(file).iter():
            told = next((v for k, v in record.attrib.items() if k.endswith("}type")), "")
            kind = {"Invoice": "invoice", "CreditMemo": "credit"}.get(told.split(":")[-1])
            total = next((e.text for e in record if e.tag.endswith("}total")), None)
            if kind is None or total is None or "internalId" not in record.attrib:
                continue
            field = {e.tag.split("}")[-1]: e for e in record}
            currency = field["currency"].get("internalId", "") if "currency" in field else ""
            tax = field["taxTotal"].text if "taxTotal" in field else "0"
            place = str(file.relative_to(folder))
            day = (field["tranDate"].text or "")[:10] if "tranDate" in field else ""
            number = record.attrib["internalId"]
            yield Document(kind, number, currency, Decimal(total), Decimal(tax or 0), day, place)


def ofbiz(folder: Path) -> Found:
    """Rows. Each invoice item is rounded by itself; purchases are another side of the house."""
    rows = defaultdict(list)
    for row in ET.parse(folder / "OrderDemoData.xml").getroot():
        rows[row.tag].append(row.attrib)

    def told(
        kind: str, row: dict[str, str], currency: str, names: str, amount: Decimal, tax: Decimal
    ) -> Document:
        number, day = (row.get(name, "") for name in names.split())
        return Document(
            kind, number, row.get("currencyUom") or currency, amount, tax, day, f"{kind} {number}"
        )

    for order in rows["OrderHeader"]:
        if order["orderTypeId"] == "SALES_ORDER":
            items = _of(rows["OrderItem"], "orderId", order)
            adjustments = _of(rows["OrderAdjustment"], "orderId", order)
            net = [Decimal(one["quantity"]) * Decimal(one["unitPrice"]) for one in items]
            net += [Decimal(a["amount"]) for a in adjustments if a["orderAdjustmentTypeId"] != "SALES_TAX"]
            yield told("order", order, "", "orderId orderDate", sum(net, ZERO), ZERO)
    sold = {one["invoiceId"]: one for one in rows["Invoice"] if one["invoiceTypeId"] == "SALES_INVOICE"}
    for invoice in sold.values():
        gross, tax = ZERO, ZERO
        for item in _of(rows["InvoiceItem"], "invoiceId", invoice):
            worth = (Decimal(item["quantity"]) * Decimal(item["amount"])).quantize(CENT, ROUND_HALF_UP)
            gross += worth
            tax += worth if item["invoiceItemTypeId"] == "ITM_SALES_TAX" else ZERO
        yield told("invoice", invoice, invoice["currencyUomId"], "invoiceId invoiceDate", gross, tax)
    received = {
        one["paymentId"]: one for one in rows["Payment"] if one["paymentTypeId"] == "CUSTOMER_PAYMENT"
    }
    for paid in received.values():
        amount = Decimal(paid["amount"])
        yield told("receipt", paid, paid["currencyUomId"], "paymentId effectiveDate", amount, ZERO)
    for applied in rows["PaymentApplication"]:
        if applied.get("invoiceId") in sold and applied["paymentId"] in received:
            currency, amount = (
                received[applied["paymentId"]]["currencyUomId"],
                Decimal(applied["amountApplied"]),
            )
            yield told("application", applied, currency, "paymentApplicationId -", amount, ZERO)


def _counted(kind: str, number: str, where: str) -> Document:
    return Document(kind, number, "", ZERO, ZERO, "", where)


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with file.open(encoding="utf-8", newline="") as stream:
        yield from enumerate(csv.DictReader(stream), 2)


def _of(rows: list[dict[str, str]], name: str, head: dict[str, str]) -> Iterator[dict[str, str]]:
    return (row for row in rows if row.get(name) == head[name])


def _cents(
    kind: str, number: str, data: dict[str, Any], amount: int, where: str, *, tax: int = 0
) -> Document:
    currency = str(data.get("currency_code") or data["currency"]).upper()
    day = str(data.get("date") or data.get("created") or "")
    # a text where integers stand is not understood here either: such a file is in quarantine
    worth = Decimal(str(amount)) / 100
    return Document(kind, number, currency, worth, Decimal(tax) / 100, day, where)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    return zip(count(1), file.read_text(encoding="utf-8").splitlines(), strict=False)


#: By folder or file below ../shared/data.
SETS: dict[str, Callable[[Path], Found]] = {
    "quickbooks": quickbooks,
    "chargebee": chargebee,
    "stripe/webhooks": stripe_webhooks,
    "stripe/objects": stripe_objects,
    "stripe/fixtures3.json": stripe_fixtures,
    "salesforce": salesforce,
    "hubspot": hubspot,
    "sap": sap,
    "netsuite": netsuite,
    "ofbiz": ofbiz,
}


def main(folder: Path) -> None:
    """Print the sums of every set."""
    for name, documents in SETS.items():
        for currency, sums in sorted(totals(documents(folder / name)).items()):
            told = "  ".join(f"{kind} {amount:.2f}" for kind, amount in sorted(sums.items()))
            print(f"{name:24}{currency or '???':5}{told}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
