"""Salesforce Outbound Messages: what their envelope must say, and cutting them into notifications."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.feeds.outbound import NotOutbound, notifications, read_outbound
from adapters.feeds.proof import ProofRefused
from adapters.feeds.receiving import prove, records_of
from api.routes import sources
from tests.feeds.pulled import feed
from tests.webhooks.configuring import message, secret_in, webhook_in
from tests.webhooks.signing import outbound

NOW = 1_780_000_000
ORGANISATION = "00D000000000001"
SESSION = f"{ORGANISATION}!AQEAQ.session.of.the.tests"
ONE = "<Id>04l000000000001AAA</Id><sObject><Name>Ä &amp; B</Name></sObject>"
TWO = "<Id>04l000000000002AAA</Id><sObject><Name>C</Name></sObject>"


def section(folder: Path, **more: Any) -> Any:
    return webhook_in(folder, scheme="salesforce_outbound", organizations=[ORGANISATION], **more)


def reason(webhook: Any, body: bytes, query: bytes = b"") -> str:
    with pytest.raises(ProofRefused) as refusal:
        prove(webhook, message(body, {}, query), NOW)
    assert SESSION not in str(refusal.value)
    return refusal.value.reason


def test_an_organisation_counts_in_either_length_of_its_id(tmp_path: Path) -> None:
    for id_ in (ORGANISATION, f"{ORGANISATION}EAA"):
        prove(section(tmp_path), message(outbound(ONE, organisation=id_), {}), NOW)
    strange = outbound(ONE, organisation="00D000000000002EAA")
    assert reason(section(tmp_path), strange) == "organisation_unknown"


def test_a_session_must_be_the_organisations(tmp_path: Path) -> None:
    with_session, without = outbound(ONE, session=SESSION), outbound(ONE)
    strange = outbound(ONE, session="00D000000000002!AQEAQ.x")
    free, needed, absent = (section(tmp_path, session=how) for how in ("any", "required", "absent"))
    prove(free, message(with_session, {}), NOW)
    prove(free, message(without, {}), NOW)
    prove(needed, message(with_session, {}), NOW)
    assert reason(free, strange) == "session_wrong"
    assert reason(needed, without) == "session_missing"
    assert reason(absent, with_session) == "session_unwanted"


@pytest.mark.parametrize(
    "host", ["evil.example", "salesforce.com.evil.example", "evilsalesforce.com", "x@evil.example", "[", ""]
)
def test_addresses_must_be_salesforces(tmp_path: Path, host: str) -> None:
    assert reason(section(tmp_path), outbound(ONE, host=host)) == "address_wrong"


def test_addresses_must_be_the_organisations_own(tmp_path: Path) -> None:
    body = outbound(ONE).replace(b"/62.0/00D000000000001EAA", b"/62.0/00D000000000002EAA")
    assert reason(section(tmp_path), body) == "address_wrong"
    strict = section(tmp_path, hosts=["acme.my.salesforce.com"])
    prove(strict, message(outbound(ONE), {}), NOW)
    assert reason(strict, outbound(ONE, host="other.my.salesforce.com")) == "address_wrong"


def test_a_token_in_the_address_is_asked_for_where_one_is_set(tmp_path: Path) -> None:
    webhook = section(tmp_path, secrets=[secret_in(tmp_path, "token", "s3cret")])
    assert prove(webhook, message(outbound(ONE), {}, b"token=s3cret"), NOW).secret == "token"
    assert reason(webhook, outbound(ONE), b"token=other") == "credentials_wrong"
    assert reason(webhook, outbound(ONE)) == "credentials_missing"
    # who is proven may send what can't be read: it is kept for a person to look at
    assert prove(webhook, message(b"<broken", {}, b"token=s3cret"), NOW).secret == "token"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<broken",
        b"{}",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        outbound(ONE).replace(b"?>", b'?><!DOCTYPE x SYSTEM "http://evil.example/x">', 1),
        outbound(ONE).replace(b"soap.sforce.com/2005/09", b"soap.sforce.com/other"),
        b"<a>" * 100 + b"</a>" * 100,
        *(b'<?xml version="1.0" encoding="%s"?><a/>' % one for one in (b"idna", b"rot13", b"hex", b"utf-99")),
    ],
)
def test_what_is_no_outbound_message_is_refused_where_nothing_else_proves_it(
    tmp_path: Path, body: bytes
) -> None:
    assert reason(section(tmp_path), body) == "body_unreadable"
    with pytest.raises(NotOutbound):
        read_outbound(body)


def test_a_message_of_several_notifications_becomes_one_message_each() -> None:
    body = outbound(ONE, TWO, TWO)
    cut = notifications(body)
    assert len(cut) == 3
    for piece, wanted in zip(cut, (ONE, TWO, TWO), strict=True):
        assert piece.count(b"<Notification>") == 1
        assert wanted.encode() in piece
        found = read_outbound(piece)
        assert found.organisation == "00D000000000001EAA"
        assert len(found.notifications) == 1
    # the same notification in another company is the same record
    assert notifications(outbound(TWO, ONE))[1] == cut[0]
    assert notifications(outbound(ONE)) == [outbound(ONE)]


def test_notifications_without_anything_between_them_are_cut_as_well(tmp_path: Path) -> None:
    body = outbound(ONE, TWO).replace(b"\n", b"").replace(b"   <Notification>", b"<Notification>")
    assert [piece.count(b"<Id>") for piece in records_of(section(tmp_path), body)] == [1, 1]
    empty = outbound("", "").replace(b"<Notification></Notification>", b"<Notification/>")
    assert [piece.count(b"<Notification/>") for piece in notifications(empty)] == [1, 1]


def test_what_nobody_foresaw_is_not_acknowledged_either(caplog: pytest.LogCaptureFixture) -> None:
    answer = sources._unacknowledged(feed(folder={"path": "/nowhere"}), KeyError("x"))
    assert answer.status_code == 500
    assert b"<Ack>false</Ack>" in bytes(answer.body)
    assert "shop" in caplog.text
