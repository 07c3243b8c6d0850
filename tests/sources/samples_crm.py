"""Payloads in the shapes of HubSpot and of Salesforce's interfaces, with invented values."""

import json
from typing import Any

Payload = dict[str, Any]

OPPORTUNITY = "006A00000012345"
OPPORTUNITY_18 = "006A00000012345IAA"


# --- HubSpot --------------------------------------------------------------------------------------


def hs_event(kind: str, **more: Any) -> Payload:
    return {
        "eventId": 1,
        "subscriptionId": 25,
        "portalId": 33,
        "appId": 1160452,
        "occurredAt": 1717228800123,
        "subscriptionType": kind,
        "attemptNumber": 0,
        "changeSource": "CRM",
        "objectId": 4711,
        **more,
    }


def hs_deal(*, history: dict[str, list[Payload]] | None = None, **properties: Any) -> Payload:
    deal: Payload = {
        "id": "4711",
        "properties": {
            "amount": "1500.5",
            "closedate": "2024-06-30T16:50:06.678Z",
            "deal_currency_code": "EUR",
            "dealname": "Office of person@example.com",
            "dealstage": "contractsent",
            "dealtype": "newbusiness",
            "hs_lastmodifieddate": "2024-06-01T08:00:00.500Z",
            "hs_primary_associated_company": "88",
            "hubspot_owner_id": "7",
            "pipeline": "default",
            **properties,
        },
        "createdAt": "2024-05-01T08:00:00.000Z",
        "updatedAt": "2024-06-01T08:00:00.500Z",
        "archived": False,
    }
    return deal if history is None else {**deal, "propertiesWithHistory": history}


def hs_change(value: str, timestamp: str) -> Payload:
    return {"value": value, "timestamp": timestamp, "sourceType": "CRM_UI", "sourceId": "userId:7"}


def hs_old_deal(stage: str = "contractsent", **more: Any) -> Payload:
    told = {
        "amount": "1500.5",
        "closedate": "1719766206678",
        "deal_currency_code": "EUR",
        "dealstage": stage,
        "dealtype": "existingbusiness",
        "hs_lastmodifieddate": "1717228800500",
    }
    properties = {name: {"value": value, "timestamp": 1717228800500} for name, value in told.items()}
    links = {"associatedVids": [27], "associatedCompanyIds": [88], "associatedDealIds": []}
    return {
        "portalId": 33,
        "dealId": 4711,
        "isDeleted": False,
        "associations": links,
        "properties": properties,
        **more,
    }


def hs_rows(kind: str, *rows: dict[str, str]) -> Payload:
    """Rows of one deal, as they are cut from a file."""
    return {"object": kind, "row": rows[0], "rows": list(rows)}


def hs_row(**more: str) -> Payload:
    row = {
        "deal_id": "4711",
        "is_deleted": "false",
        "deal_pipeline_id": "default",
        "deal_pipeline_stage_id": "contractsent",
        "owner_id": "7",
        "property_amount": "1500.5",
        "property_closedate": "2024-06-30 16:50:06",
        "property_deal_currency_code": "EUR",
        "property_dealtype": "newbusiness",
        "property_hs_lastmodifieddate": "2024-06-01 8:00:00",
    }
    return hs_rows("deal", {**row, **more})


def hs_history(*changes: tuple[str, str, str]) -> Payload:
    """(time, property, value)"""
    rows = [
        {"deal_id": "4711", "timestamp": t, "name": n, "value": v, "source": "CRM"} for t, n, v in changes
    ]
    return hs_rows("deal_property_history", *rows)


def hs_stages(*stages: tuple[str, str]) -> Payload:
    """(time, stage)"""
    return hs_rows("deal_stage", *({"deal_id": "4711", "date_entered": t, "value": s} for t, s in stages))


# --- Salesforce -----------------------------------------------------------------------------------


def sf_header(change: str, entity: str = "Opportunity", **more: Any) -> Payload:
    return {
        "commitNumber": 2**63 - 1,
        "commitUser": "0055f000003xyz",
        "sequenceNumber": 2,
        "entityName": entity,
        "changeType": change,
        "changedFields": [],
        "nulledFields": [],
        "diffFields": [],
        "changeOrigin": "com/salesforce/api/soap/61.0;client=x",
        "transactionKey": "000d-1f",
        "commitTimestamp": 1717228800653,
        "recordIds": [OPPORTUNITY],
        **more,
    }


def sf_change(change: str, entity: str = "Opportunity", **more: Any) -> Payload:
    """A change event as CometD delivers it."""
    header = sf_header(change, entity, **more)
    data = {"schema": "x_3k", "payload": {"ChangeEventHeader": header}, "event": {"replayId": 6}}
    return {"channel": f"/data/{entity}ChangeEvent", "data": data}


def sf_decoded(*, as_text: bool = False, known: bool = True, **header: Any) -> Payload:
    """A change event as the Pub/Sub API gives it, decoded, beside its schema."""
    names = ["ChangeEventHeader", "Name", "StageName", "Amount", "NextStep", "LastModifiedDate"]
    schema = {"type": "record", "name": "OpportunityChangeEvent", "fields": [{"name": n} for n in names]}
    payload = {"ChangeEventHeader": sf_header("UPDATE", **header), "Name": None, "StageName": None}
    told: Any = json.dumps(schema) if as_text else schema
    return {"schema": told, "payload": payload} if known else {"payload": payload}


def sf_event(name: str, **fields: Any) -> Payload:
    """A Platform Event as CometD delivers it."""
    payload = {"CreatedDate": "2024-06-01T08:00:00.000Z", "CreatedById": "0055f000003xyz", **fields}
    event = {"EventUuid": "a-1", "replayId": 7}
    return {"channel": f"/event/{name}", "data": {"schema": "y", "payload": payload, "event": event}}


def sf_record(kind: str = "Opportunity", **fields: Any) -> Payload:
    return {"attributes": {"type": kind, "url": f"/services/data/v62.0/sobjects/{kind}/x"}, **fields}


def sf_won(**more: Any) -> Payload:
    fields = {
        "Id": OPPORTUNITY_18,
        "AccountId": "001A",
        "Amount": 120000.5,
        "CloseDate": "2024-06-30",
        "CurrencyIsoCode": "EUR",
        "IsClosed": True,
        "IsDeleted": False,
        "IsWon": True,
        "Probability": 100.0,
        "StageName": "Closed Won",
        "SystemModstamp": "2024-06-01T08:00:00.000+0000",
        "Type": "New Customer",
    }
    return sf_record(**{**fields, **more})


def sf_open(**more: Any) -> Payload:
    return sf_won(
        **{"IsClosed": False, "IsWon": False, "StageName": "Negotiation", "Probability": 65.0, **more}
    )


def sf_outbound(*notifications: tuple[str, dict[str, str]]) -> bytes:
    """An Outbound Message: (kind, fields) of each notification."""
    inner = "".join(
        f'<Notification><Id>04l{i}</Id><sObject xsi:type="sf:{kind}"'
        ' xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        + "".join(f"<sf:{name}>{value}</sf:{name}>" for name, value in fields.items())
        + "</sObject></Notification>"
        for i, (kind, fields) in enumerate(notifications)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        '<OrganizationId>00D5f000001</OrganizationId><ActionId>04k5f</ActionId><SessionId xsi:nil="true"/>'
        "<EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/61.0</EnterpriseUrl>"
        f"{inner}</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


ALL: dict[str, list[Payload]] = {
    "hubspot": [
        hs_event("deal.creation"),
        hs_event("deal.deletion"),
        hs_event("deal.merge", primaryObjectId=1, mergedObjectIds=[2, 3], newObjectId=4),
        hs_deal(),
        hs_deal(
            history={
                "dealstage": [hs_change("contractsent", "2024-05-02T08:00:00Z")],
                "amount": [hs_change("5", "2024-05-02T08:00:00Z")],
            }
        ),
        hs_deal(dealstage="closedwon", hs_merged_object_ids="5;6"),
        hs_old_deal(),
    ],
    "hubspot_csv": [
        hs_row(),
        hs_row(deal_pipeline_stage_id="closedwon"),
        hs_history(
            ("2024-05-02 08:00:00", "dealstage", "contractsent"),
            ("2024-05-02 08:00:00", "deal_currency_code", "EUR"),
            ("2024-05-02 08:00:00", "amount", "5"),
        ),
        hs_stages(("2024-05-02 08:00:00", "closedlost")),
    ],
    "salesforce_api": [
        sf_change("UPDATE", changedFields=["StageName"]),
        sf_change("DELETE"),
        sf_decoded(changedFields=["0x24"]),
        sf_event("Won__e", Opportunity__c=OPPORTUNITY),
        sf_won(),
        sf_open(),
        sf_open(IsDeleted=True),
    ],
}
