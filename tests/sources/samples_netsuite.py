"""NetSuite documents as SuiteTalk answers them, as the REST API does, and as saved searches export them.

The shapes are those of NetSuite's schema and REST record browser; the values are our own.
"""

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from adapters.sources import SOURCES, Translation
from domain.contract import parse_event

SOAP = SOURCES["netsuite"]
REST = SOURCES["netsuite_rest"]
CSV = SOURCES["netsuite_csv"]
ERP = "erp/netsuite/acme"

_SPACES = (
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:core="urn:core_{0}.platform.webservices.netsuite.com" '
    'xmlns:tran="urn:sales_{0}.transactions.webservices.netsuite.com"'
)


def ref(id_: str, name: str) -> dict[str, Any]:
    """A reference of SOAP."""
    return {"@internalId": id_, "core:name": name}


def element(name: str, value: Any) -> str:
    """XML of a name and its content; "@a" are attributes, lists repeat the element."""
    if isinstance(value, list):
        return "".join(element(name, one) for one in value)
    if not isinstance(value, dict):
        return f"<{name}>{escape(str(value))}</{name}>"
    attributes = "".join(f" {k[1:]}={quoteattr(str(v))}" for k, v in value.items() if k.startswith("@"))
    inner = "".join(element(k if ":" in k else f"tran:{k}", v) for k, v in value.items() if k[0] != "@")
    return f"<{name}{attributes}>{inner}</{name}>"


def record(kind: str, id_: str = "", **fields: Any) -> str:
    """A record as it stands in an answer."""
    head = {"@xsi:type": f"tran:{kind}"} | ({"@internalId": id_} if id_ else {})
    return element("record", {**head, **fields})


def envelope(answer: str, inner: str, api: str = "2019_2") -> bytes:
    """A SOAP answer."""
    space = f'xmlns="urn:messages_{api}.platform.webservices.netsuite.com"'
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        f'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" {_SPACES.format(api)}><soapenv:Body>'
        f"<{answer} {space}>{inner}</{answer}></soapenv:Body></soapenv:Envelope>"
    ).encode()


def got(kind: str, id_: str = "7001", api: str = "2019_2", **fields: Any) -> bytes:
    """What `get` answers."""
    status = '<core:status isSuccess="true"/>'
    return envelope("getResponse", f"<readResponse>{status}{record(kind, id_, **fields)}</readResponse>", api)


def wrote(answer: str, base: str, *, success: bool = True) -> bytes:
    """What a write answers."""
    detail = "" if success else "<core:statusDetail><core:code>USER_ERROR</core:code></core:statusDetail>"
    status = f'<core:status isSuccess="{str(success).lower()}">{detail}</core:status>'
    return envelope(answer, f"<writeResponse>{status}{base}</writeResponse>")


def told(payload: bytes, source: Any = SOAP) -> list[dict[str, Any]]:
    """The milestones of a payload, each accepted by the contract."""
    translation = source.translate(payload, "acme")
    assert translation.refused == ()
    assert translation.ignored is None
    for milestone in translation.milestones:
        parse_event(milestone)
    return [dict(milestone) for milestone in translation.milestones]


def why(payload: bytes, source: Any = SOAP) -> str:
    """Why a payload yields nothing: its reason, or the code and pointer of its refusal."""
    translation: Translation = source.translate(payload, "acme")
    assert translation.milestones == ()
    if translation.refused:
        return f"{translation.refused[0].code} {translation.refused[0].pointer}"
    return translation.ignored or str(translation.needed)


def invoice(**changes: Any) -> dict[str, Any]:
    """An invoice with a discount of the document, shipping and tax for the whole of it."""
    fields: dict[str, Any] = {
        "createdDate": "2026-03-02T09:15:30.000-08:00",
        "lastModifiedDate": "2026-03-02T09:15:30.000-08:00",
        "entity": ref("854", "Example Works"),
        "tranDate": "2026-03-01T00:00:00.000-08:00",
        "tranId": "INV1042",
        "createdFrom": ref("6001", "Sales Order #SO866"),
        "subsidiary": ref("2", "Example Inc"),
        "class": ref("5", "Hardware"),
        "currency": ref("1", "US Dollar"),
        "dueDate": "2026-03-31T00:00:00.000-08:00",
        "subTotal": "300.0",
        "discountTotal": "-30.0",
        "taxTotal": "20.0",
        "altShippingCost": "12.5",
        "total": "302.5",
        "status": "Open",
        "itemList": {
            "item": [
                {
                    "item": ref("217", "Pump"),
                    "line": "1",
                    "orderLine": "1",
                    "quantity": "2.0",
                    "amount": "200.0",
                    "isTaxable": "true",
                },
                {
                    "item": ref("218", "Manual"),
                    "line": "2",
                    "orderLine": "2",
                    "quantity": "1.0",
                    "amount": "100.0",
                    "isTaxable": "false",
                },
            ]
        },
    }
    return {**fields, **changes}


def rest(kind: str, id_: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The same document as the REST API answers it."""
    link = f"https://1234567.suitetalk.api.netsuite.com/services/rest/record/v1/{kind}/{id_}"
    found: dict[str, Any] = {"links": [{"rel": "self", "href": link}], "id": id_}
    for name, value in fields.items():
        found[_REST.get(name, name)] = _of_rest(name, value)
    return found


_REST = {"itemList": "item", "applyList": "apply", "creditList": "credit"}
_AMOUNTS = {
    "amount",
    "total",
    "subTotal",
    "discountTotal",
    "taxTotal",
    "altShippingCost",
    "payment",
    "quantity",
}


def _of_rest(name: str, value: Any) -> Any:
    if isinstance(value, dict) and "core:name" in value:
        return {"id": value["@internalId"], "refName": value["core:name"]}
    if name in _REST:
        (rows,) = value.values()
        return {
            "items": [{k: _of_rest(k, v) for k, v in row.items()} for row in rows],
            "totalResults": len(rows),
        }
    if name == "status" and isinstance(value, str):
        return {"id": value, "refName": value}
    if name == "orderStatus":
        return {"id": "B", "refName": "Pending Fulfillment"}
    if name in ("createdDate", "lastModifiedDate"):
        return {"2026-03-02T09:15:30.000-08:00": "2026-03-02T17:15:30Z"}[value]
    if name in ("tranDate", "dueDate"):
        return value[:10]
    if value in ("true", "false"):
        return value == "true"
    if name in _AMOUNTS:
        return float(value)
    return int(value) if name in ("line", "orderLine", "doc") else value
