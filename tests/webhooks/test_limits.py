"""Webhooks beyond their limits: too many records, bodies that are too large, names that can't be a feed's."""

from __future__ import annotations

import socket
import time

import pytest

from tests.webhooks import signing
from tests.webhooks.conftest import MAX_BODY, SECRET, Served
from tests.webhooks.test_messages import outcomes, post, seconds


def test_a_message_of_too_many_records_is_kept_whole_and_answered_well(served: Served) -> None:
    body = b"[" + b"1," * 10_000 + b"1]"
    for feed in ("stripe", "events"):
        headers = signing.stripe(body, SECRET, seconds())
        answer = post(served.outside, feed, body, headers)
        assert outcomes(answer) == ["quarantined"]
        (milestone,) = answer.json()["results"][0]["milestones"]
        (reason,) = milestone["reasons"]
        assert reason["code"] == "too_many_records"
        assert "send fewer" in reason["message"]
        assert outcomes(post(served.outside, feed, body, headers)) == ["duplicate"]


@pytest.mark.parametrize("stated", [True, False], ids=["stated", "chunked"])
def test_a_sender_that_sends_all_of_it_first_hears_that_it_is_too_large(
    served: Served, *, stated: bool
) -> None:
    address, size = served.outside.base_url, MAX_BODY + 900_000
    length = f"Content-Length: {size}" if stated else "Transfer-Encoding: chunked"
    with socket.create_connection((address.host, address.port or 80), timeout=20) as sender:
        head = f"POST /v1/sources/open HTTP/1.1\r\nHost: ledger\r\nConnection: close\r\n{length}\r\n\r\n"
        sender.sendall(head.encode())
        for _ in range(size // 100_000):
            piece = b" " * 100_000
            sender.sendall(piece if stated else b"186a0\r\n" + piece + b"\r\n")
            time.sleep(0.01)
        sender.sendall(b"" if stated else b"0\r\n\r\n")
        assert sender.recv(12) == b"HTTP/1.1 413"


@pytest.mark.parametrize("name", ["%00", "a%00b", "A", "%ED%A0%80", "x" * 200])
@pytest.mark.parametrize("rest", ["", "/rejections"])
def test_what_can_not_name_a_feed_is_not_found(served: Served, name: str, rest: str) -> None:
    assert served.api.get(f"/v1/sources/{name}{rest}").status_code == 404
