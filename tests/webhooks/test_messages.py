"""Webhooks from outside: what each sender sends, and what it hears, over a real socket."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.running import TOKEN
from tests.api.samples import order
from tests.sources.samples_stripe import st_event, st_invoice
from tests.webhooks import signing
from tests.webhooks.conftest import MAX_BODY, NEXT, ORGANISATION, SECRET, STANDARD, URL, Served

JSON = {"Content-Type": "application/json"}
ACK = "<Ack>true</Ack>"
NACK = "<Ack>false</Ack>"


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def seconds() -> int:
    return int(time.time())


def post(
    client: httpx.Client, feed: str, body: bytes, headers: dict[str, str], **more: Any
) -> httpx.Response:
    return client.post(f"/v1/sources/{feed}", content=body, headers=JSON | headers, **more)


def outcomes(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["outcome"] for one in answer.json()["results"]]


def one_position(answer: httpx.Response) -> int:
    ((milestone,),) = [one["milestones"] for one in answer.json()["results"]]
    position: int = milestone["position"]
    return position


def rejections(served: Served, feed: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = served.api.get(f"/v1/sources/{feed}/rejections").json()["rejections"]
    return found


def kept(served: Served, position: int) -> tuple[bytes, dict[str, str]]:
    """The bytes of a milestone and the headers that are kept with them."""
    shown = served.api.get(f"/v1/milestones/{position}").json()["payload"]
    return served.api.get(f"/v1/milestones/{position}/payload").content, shown["headers"]


SENDERS: dict[str, Callable[[bytes], dict[str, str]]] = {
    "events": lambda body: signing.stripe(body, SECRET, seconds()),
    "hubspot": lambda body: signing.hubspot_v3(body, SECRET, URL, seconds() * 1_000),
    "standard": lambda body: signing.standard(body, STANDARD, f"msg_{hash(body)}", seconds()),
    "books": lambda body: signing.intuit(body, SECRET),
    "shared": lambda body: {"X-Signature-Token": SECRET},
}


# ---- what is let in


@pytest.mark.parametrize(
    "media", ["application/x-ndjson", "application/jsonl; charset=utf-8", "application/jsonlines"]
)
def test_json_lines_are_cut_into_records(served: Served, media: str) -> None:
    name = media.partition(";")[0].rpartition("/")[2]
    lines = [dumped(order(f"line-{name}-{n}")) for n in range(3)]
    body = b"\xef\xbb\xbf" + lines[0] + b"\r\n\n" + lines[1] + b"\nno json\n" + lines[2]
    answer = post(served.outside, "open", body, {"Content-Type": media})
    assert outcomes(answer) == ["recorded", "recorded", "quarantined", "recorded"]


def test_a_byte_order_mark_before_a_message_is_passed_over(served: Served) -> None:
    for body in (dumped(order("marked-1")), dumped([order("marked-2")])):
        assert outcomes(post(served.outside, "open", b"\xef\xbb\xbf" + body, {})) == ["recorded"]


@pytest.mark.parametrize("feed", SENDERS)
def test_a_proven_message_is_durable_when_it_is_answered(served: Served, feed: str) -> None:
    event = order(f"in-{feed}")
    body = dumped(event)
    headers = SENDERS[feed](body)
    answer = post(served.outside, feed, body, headers)
    assert outcomes(answer) == ["recorded"]
    stored, told = kept(served, one_position(answer))
    assert stored == body
    assert told["cairn-proof"].startswith(
        {"events": "stripe; secret=one", "hubspot": "hubspot v3; secret=one", "standard": "standard_webhooks",
         "books": "quickbooks", "shared": "token; secret=one"}[feed]
    )  # fmt: skip
    assert SECRET not in json.dumps(told)
    # sent again, however it is signed now, it is a duplicate
    again = post(served.outside, feed, body, SENDERS[feed](body))
    assert outcomes(again) == ["duplicate"]


@pytest.mark.parametrize("feed", [name for name in SENDERS if name != "shared"])
def test_a_message_altered_by_one_byte_is_turned_away(served: Served, feed: str) -> None:
    body = dumped(order(f"altered-{feed}"))
    headers = SENDERS[feed](body)
    answer = post(served.outside, feed, body.replace(b"1000.00", b"1000.01"), headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "signature_wrong"
    assert outcomes(post(served.outside, feed, body, headers)) == ["recorded"]


def test_a_body_of_several_events_is_one_record_each_and_a_bad_one_sinks_no_other(served: Served) -> None:
    body = dumped([order("batch-1"), {"not": "an event"}, order("batch-2"), order("batch-1")])
    answer = post(served.outside, "hubspot", body, SENDERS["hubspot"](body))
    assert outcomes(answer) == ["recorded", "quarantined", "recorded", "duplicate"]


def test_the_system_s_own_mapping_reads_a_message(served: Served) -> None:
    body = dumped(st_event("invoice.finalized", st_invoice(id="in_77", charge=None, payment_intent=None)))
    headers = signing.stripe(body, SECRET, seconds())
    answer = post(served.outside, "stripe", body, headers)
    assert outcomes(answer) == ["recorded"]
    position = answer.json()["results"][0]["milestones"][0]["position"]
    shown = served.api.get(f"/v1/milestones/{position}").json()
    assert shown["event"]["source"] == "/billing/stripe/acme"


def test_what_yields_nothing_is_answered_well_so_that_it_is_not_sent_again(served: Served) -> None:
    body = dumped({"object": "event", "id": "evt_9", "type": "plan.created", "created": 1_704_100_000,
                   "data": {"object": {"object": "plan", "id": "p"}}})  # fmt: skip
    answer = post(served.outside, "stripe", body, signing.stripe(body, SECRET, seconds()))
    assert answer.status_code == 200
    assert answer.json()["results"] == [{"outcome": "ignored", "reason": "master_data"}]


@pytest.mark.parametrize("body", [b"{", b"not json \xff\xfe", b'{"a": 1}', b"[1, 2", b'"x"'])
def test_a_proven_body_that_can_not_be_understood_is_kept_and_answered_well(
    served: Served, body: bytes
) -> None:
    answer = post(served.outside, "stripe", body, signing.stripe(body, SECRET, seconds()))
    assert outcomes(answer) == ["quarantined"]
    entry = answer.json()["results"][0]["milestones"][0]["quarantine"]
    shown = served.api.get(f"/v1/quarantine/{entry}").json()
    assert shown["mapping"].startswith("stripe")


@pytest.mark.parametrize("body", [b"", b"  \n", b"[]"])
def test_a_body_without_records_is_a_trial_of_the_address(served: Served, body: bytes) -> None:
    answer = post(served.outside, "events", body, signing.stripe(body, SECRET, seconds()))
    assert outcomes(answer) == []


# ---- clocks, replays, rotation


def test_an_old_signature_is_refused_and_a_repeated_one_does_no_harm(served: Served) -> None:
    body = dumped(order("replayed"))
    stale = signing.stripe(body, SECRET, seconds() - 301)
    assert post(served.outside, "events", body, stale).json()["reason"] == "timestamp_stale"
    ahead = signing.stripe(body, SECRET, seconds() + 400)
    assert post(served.outside, "events", body, ahead).json()["reason"] == "timestamp_ahead"
    fresh = signing.stripe(body, SECRET, seconds())
    assert outcomes(post(served.outside, "events", body, fresh)) == ["recorded"]
    replayed = post(served.outside, "events", body, fresh)
    assert replayed.json()["results"] == [{"outcome": "duplicate", "replayed": True}]


def test_a_repeated_message_of_several_records_is_answered_for_each(served: Served) -> None:
    body = dumped([order("twice-1"), {"not": "an event"}])
    headers = signing.stripe(body, SECRET, seconds())
    assert outcomes(post(served.outside, "events", body, headers)) == ["recorded", "quarantined"]
    assert outcomes(post(served.outside, "events", body, headers)) == ["duplicate", "duplicate"]


def test_a_message_sent_by_many_at_once_is_recorded_once_and_counted_every_time(served: Served) -> None:
    body = dumped(order("at-once"))
    headers = signing.stripe(body, SECRET, seconds())
    before = served.api.get("/v1/sources/events").json()["records"]
    with ThreadPoolExecutor(16) as senders:
        answers = list(senders.map(lambda _: post(served.outside, "events", body, headers).json(), range(32)))
    told = Counter(one["outcome"] for answer in answers for one in answer["results"])
    assert told == {"recorded": 1, "duplicate": 31}
    after = served.api.get("/v1/sources/events").json()["records"]
    assert after["recorded"] - before["recorded"] == 1
    assert after["duplicate"] - before["duplicate"] == 31


def test_a_notification_without_a_clock_may_rightly_come_twice(served: Served) -> None:
    body = dumped(order("unclocked"))
    headers = signing.intuit(body, SECRET)
    first = post(served.outside, "books", body, headers)
    again = post(served.outside, "books", body, headers)
    assert outcomes(again) == ["duplicate"]
    assert one_position(again) == one_position(first)


def test_both_secrets_hold_while_one_is_changed_and_an_expired_one_is_named(served: Served) -> None:
    for number, secret in enumerate((SECRET, NEXT)):
        body = dumped(st_event("invoice.finalized", st_invoice(id=f"in_rolled_{number}")))
        answer = post(served.outside, "stripe", body, signing.stripe(body, secret, seconds()))
        assert outcomes(answer) == ["recorded"]
    body = dumped(st_event("invoice.finalized", st_invoice(id="in_rolled_2")))
    refused = post(served.outside, "stripe", body, signing.stripe(body, "the secret before it", seconds()))
    assert refused.json()["reason"] == "secret_not_in_force"
    assert "'gone'" not in refused.text
    assert "'gone'" in rejections(served, "stripe")[0]["detail"]


# ---- what is turned away


def test_what_was_turned_away_is_listed_without_its_bytes(served: Served) -> None:
    body = dumped(order("turned-away"))
    for headers in ({}, {"Stripe-Signature": "x"}, signing.stripe(body, "wrong", seconds())):
        assert post(served.outside, "turned", body, headers).status_code == 401
    found = rejections(served, "turned")
    assert [one["reason"] for one in found] == ["signature_wrong", "signature_malformed", "signature_missing"]
    assert {one["size"] for one in found} == {len(body)}
    assert len({one["digest"] for one in found}) == 1
    page = served.api.get("/v1/sources/turned/rejections", params={"limit": 2}).json()
    rest = served.api.get("/v1/sources/turned/rejections", params={"limit": 2, "cursor": page["next"]})
    assert [one["id"] for one in page["rejections"] + rest.json()["rejections"]] == [
        one["id"] for one in found
    ]
    assert rest.json()["next"] is None
    counted = served.api.get("/v1/sources/turned").json()
    assert counted["rejected"] == dict.fromkeys(
        ("signature_malformed", "signature_missing", "signature_wrong"), 1
    )
    assert counted["records"]["input"] == 0
    assert 'cairn_feed_rejections_total{feed="turned",reason="signature_wrong"} 1.0' in (
        served.api.get("/metrics").text
    )


def test_a_huge_body_is_refused_before_it_is_read(served: Served) -> None:
    body = b" " * (MAX_BODY + 1)
    answer = post(served.outside, "events", body, signing.stripe(body, SECRET, seconds()))
    assert answer.status_code == 413
    found = rejections(served, "events")[0]
    assert (found["reason"], found["digest"], found["size"]) == ("body_too_large", None, len(body))


def test_a_feed_may_take_less_at_once_than_the_api(served: Served) -> None:
    assert outcomes(post(served.outside, "small", b"{}" + b" " * 1_022, {})) == ["quarantined"]
    answer = post(served.outside, "small", b"{}" + b" " * 1_023, {})
    assert (answer.status_code, "max_body of small" in answer.json()["detail"]) == (413, True)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "image/png"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Encoding": "gzip"},
    ],
)
def test_a_body_of_another_kind_is_refused_once_its_sender_is_proven(
    served: Served, headers: dict[str, str]
) -> None:
    body = dumped(order("other-kind"))
    signed = signing.stripe(body, SECRET, seconds())
    answer = post(served.outside, "events", body, signed | headers)
    assert answer.status_code == 415
    assert rejections(served, "events")[0]["reason"] == "media_type_unknown"
    assert post(served.outside, "events", body, headers).status_code == 401


def test_headers_and_addresses_that_make_no_sense_are_turned_away(served: Served) -> None:
    body = dumped(order("hostile"))
    twice = [("Stripe-Signature", value) for value in signing.stripe(body, SECRET, seconds()).values()] * 2
    answer = served.outside.post("/v1/sources/events", content=body, headers=twice)
    assert answer.json()["reason"] == "signature_malformed"
    long = {"Stripe-Signature": "t=1," + "v1=0," * 4_000}
    assert post(served.outside, "events", body, long).json()["reason"] == "signature_malformed"
    many = "&".join(f"a{number}=1" for number in range(200))
    refused = served.outside.post(f"/v1/sources/outbound?{many}&token={SECRET}", content=body)
    assert refused.status_code == 401
    for name in ("..", "%2e%2e", "events%00", "EVENTS", "a" * 5_000):
        assert served.outside.post(f"/v1/sources/{name}", content=body).status_code in (401, 404, 405)


def test_feeds_are_named_only_to_those_who_may_know(served: Served) -> None:
    for feed in ("nobody", "pulled"):
        assert post(served.outside, feed, b"{}", {}).status_code == 401
        answer = post(served.api, feed, b"{}", {})
        assert answer.status_code == 404
        assert "stripe" in answer.json()["allowed"]
    for path in ("/v1/sources", "/v1/sources/events", "/v1/sources/events/rejections"):
        assert served.outside.get(path).status_code == 401
    assert served.api.get("/v1/sources/nobody").status_code == 404
    assert served.api.get("/v1/sources/nobody/rejections").status_code == 404


def test_a_feed_that_proves_nothing_asks_for_the_token_unless_it_is_open(served: Served) -> None:
    body = dumped(order("unproven"))
    assert post(served.outside, "unproven", body, {}).status_code == 401
    assert outcomes(post(served.api, "unproven", body, {})) == ["recorded"]
    assert outcomes(post(served.outside, "open", body, {})) == ["duplicate"]


def test_nobody_can_say_that_they_were_proven(served: Served) -> None:
    claim = {"Cairn-Proof": "stripe; secret=one"}
    body = dumped(order("claimed"))
    answer = post(served.outside, "open", body, claim)
    assert kept(served, one_position(answer))[1]["cairn-proof"] == "none"
    events = served.api.post(
        "/v1/events", content=dumped(order("claimed-2")), headers=claim | {"Content-Type": "application/json"}
    )
    position = events.json()["results"][0]["position"]
    assert "cairn-proof" not in kept(served, position)[1]


# ---- what particular senders wait to hear


def test_salesforce_hears_an_ack_in_every_case(served: Served) -> None:
    body = signing.outbound("<Id>04l1</Id><sObject/>", "<Id>04l2</Id><sObject/>")
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
    path = f"/v1/sources/outbound?token={SECRET}"
    taken = served.outside.post(path, content=body, headers=headers)
    assert (taken.status_code, ACK in taken.text) == (200, True)
    assert taken.headers["content-type"].startswith("text/xml")
    counted = served.api.get("/v1/sources/outbound").json()["records"]
    assert counted["input"] == 2
    refused = [
        (served.outside.post("/v1/sources/outbound", content=body, headers=headers), 401),
        (served.outside.post(path, content=body, headers={"Content-Type": "image/png"}), 415),
        (served.outside.post(path, content=b" " * (MAX_BODY + 1), headers=headers), 413),
        (served.outside.post(
            path, content=signing.outbound("", organisation="00D000000000009EAA"), headers=headers
        ), 401),
    ]  # fmt: skip
    for answer, status in refused:
        assert (answer.status_code, NACK in answer.text) == (status, True)
    assert ORGANISATION not in refused[-1][0].text
    reasons = [one["reason"] for one in rejections(served, "outbound")]
    assert reasons[:4] == [
        "organisation_unknown",
        "body_too_large",
        "media_type_unknown",
        "credentials_missing",
    ]


def test_a_subscription_s_handshake_is_echoed_as_plain_text(served: Served) -> None:
    token = "a3b9+/= <script>"
    answer = served.outside.post("/v1/sources/central", params={"validationToken": token})
    assert (answer.status_code, answer.text) == (200, token)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    odd = served.outside.post("/v1/sources/central", params={"validationToken": "a\r\nb"})
    assert odd.status_code == 422
    # nobody else's address echoes anything
    assert served.outside.post("/v1/sources/events?validationToken=x").status_code == 401


def test_notifications_in_a_list_are_one_record_each(served: Served) -> None:
    def notifications(state: str) -> bytes:
        return dumped({"value": [{"clientState": state, "resource": f"r{number}"} for number in range(3)]})

    assert outcomes(post(served.outside, "central", notifications(SECRET), {})) == ["quarantined"] * 3
    answer = post(served.outside, "central", notifications("guessed"), {})
    assert (answer.status_code, answer.json()["reason"]) == (401, "credentials_wrong")


def test_basic_authentication_is_challenged(served: Served) -> None:
    answer = post(served.outside, "billing", b"{}", {})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="cairn"')
    # the API's own token is no password of the feed
    assert post(served.api, "billing", b"{}", {}).json()["reason"] == "credentials_missing"
    wrong = post(served.outside, "billing", b"{}", signing.basic("cb", TOKEN))
    assert wrong.json()["reason"] == "credentials_wrong"
    assert outcomes(post(served.outside, "billing", b"{}", signing.basic("cb", SECRET))) == ["quarantined"]


# ---- what is counted


def test_input_is_the_sum_of_what_the_records_came_to(served: Served) -> None:
    headers = signing.basic("st", SECRET)
    invoice = st_event("invoice.finalized", st_invoice(id="in_counted", charge=None, payment_intent=None))
    plan = {"object": "plan", "id": "p"}
    sent = [invoice, invoice, plan, plan, {"object": "invoice"}, {"object": "nothing that is known"}]
    for body in map(dumped, sent):
        assert post(served.outside, "counted", body, headers).status_code == 200
    shown = served.api.get("/v1/sources/counted").json()
    records = shown["records"]
    assert records["input"] == len(sent)
    assert (records["recorded"], records["duplicate"]) == (1, 1)
    assert sum(records["ignored"].values()) + sum(records["quarantined"].values()) == 4
    assert records["ignored"]["master_data"] == 2
    assert shown["mapping"]["name"] == "stripe"
    assert shown["webhook"]["scheme"] == "basic"
    assert shown["silent_seconds"] < 60
    # the invoice says 2024: so far is the feed behind
    assert shown["lag_seconds"] > 365 * 86_400
    today = shown["last_message_at"][:10]
    span = {"from": today, "to": today}
    assert served.api.get("/v1/sources/counted", params=span).json()["records"] == records
    before = served.api.get("/v1/sources/counted", params={"to": "2020-01-01"}).json()["records"]
    assert before["input"] == 0


def test_every_feed_is_listed_whether_it_has_brought_something_or_not(served: Served) -> None:
    found = {one["name"]: one for one in served.api.get("/v1/sources").json()["sources"]}
    assert {"stripe", "pulled", "open"} <= found.keys()
    assert found["pulled"]["ways"] == ["folder"]
    assert found["pulled"]["last_message_at"] is None
    secrets = {one["name"]: one["in_force"] for one in found["stripe"]["webhook"]["secrets"]}
    assert secrets == {"one": True, "two": True, "gone": False}
    assert SECRET not in served.api.get("/v1/sources").text
    for one in found.values():
        records = one["records"]
        plain = sum(records[name] for name in ("recorded", "duplicate", "conflict", "waiting"))
        assert records["input"] == plain + sum(records["ignored"].values()) + sum(
            records["quarantined"].values()
        )
    assert served.api.get("/v1/sources", params={"from": "x"}).status_code == 422
