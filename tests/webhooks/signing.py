"""Senders: each signs as its own documentation says, independently of how the house checks it."""

from __future__ import annotations

import base64
import hashlib
import hmac

Headers = dict[str, str]


def stripe(body: bytes, secret: str, at: int, *more: str) -> Headers:
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": ",".join([f"t={at}", *more, f"v1={digest}", "v0=0123"])}


def hubspot_v1(body: bytes, secret: str) -> Headers:
    digest = hashlib.sha256(secret.encode() + body).hexdigest()
    return {"X-HubSpot-Signature": digest, "X-HubSpot-Signature-Version": "v1"}


def hubspot_v2(body: bytes, secret: str, url: str, method: str = "POST") -> Headers:
    digest = hashlib.sha256(f"{secret}{method}{url}".encode() + body).hexdigest()
    return {"X-HubSpot-Signature": digest, "X-HubSpot-Signature-Version": "v2"}


def hubspot_v3(body: bytes, secret: str, url: str, at_ms: int, method: str = "POST") -> Headers:
    """url: as HubSpot signs it, its characters decoded already."""
    signed = f"{method}{url}".encode() + body + str(at_ms).encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return {
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        "X-HubSpot-Request-Timestamp": str(at_ms),
    }


def standard(body: bytes, secret: str, number: str, at: int, *before: str) -> Headers:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{number}.{at}.".encode() + body, hashlib.sha256).digest()
    signatures = [*before, "v1," + base64.b64encode(digest).decode()]
    return {
        "webhook-id": number,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }


def intuit(body: bytes, secret: str) -> Headers:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"intuit-signature": base64.b64encode(digest).decode()}


def github(body: bytes, secret: str) -> Headers:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def slack(body: bytes, secret: str, at: int) -> Headers:
    digest = hmac.new(secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Signature": f"v0={digest}", "X-Slack-Request-Timestamp": str(at)}


def basic(user: str, password: str) -> Headers:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def outbound(
    *notifications: str,
    organisation: str = "00D000000000001EAA",
    session: str | None = None,
    host: str = "acme.my.salesforce.com",
) -> bytes:
    """An Outbound Message of Salesforce. notifications: what stands in each."""
    said = '<SessionId xsi:nil="true"/>' if session is None else f"<SessionId>{session}</SessionId>"
    inner = "\n".join(f"   <Notification>{one}</Notification>" for one in notifications)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>{organisation}</OrganizationId>
   <ActionId>04k000000000001AAA</ActionId>
   {said}
   <EnterpriseUrl>https://{host}/services/Soap/c/62.0/{organisation}</EnterpriseUrl>
   <PartnerUrl>https://{host}/services/Soap/u/62.0/{organisation}</PartnerUrl>
{inner}
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>""".encode()
