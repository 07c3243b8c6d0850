"""Freshness: from the answer to an append until a report shows it, while milestones come at a steady rate.

Method: a client posts single milestones at a fixed rate over 8 connections, whether or not earlier ones
have been answered (a sender does not wait for us). Ten times a second, the moment its POST is answered, it
asks for the report of the deal that the milestone belongs to with `at_least` its position, and the time
until that answer is taken: it holds the milestone. Rates that were not kept are told as `achieved`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final

import orjson

from scripts.bench_events import events
from scripts.benching.load import get, post

PER_SECOND: Final = 500
_CONNECTIONS: Final = 8
_SAMPLES_A_SECOND: Final = 10
MEDIA: Final = "application/cloudevents+json"


class _Line:
    """One keep-alive connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> bytes:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        at = head.lower().index(b"content-length:") + 15
        body = await self._reader.readexactly(int(head[at : head.index(b"\r", at)]))
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the server answered {head[:40]!r} {body[:300]!r}")
        return body

    def close(self) -> None:
        self._writer.close()


async def _line(port: int) -> _Line:
    return _Line(*await asyncio.open_connection("127.0.0.1", port))


async def _shown(line: _Line, deal: str, position: int) -> float:
    """Milliseconds until a report shows a position."""
    begun = time.perf_counter()
    await line.ask(get(f"/v1/reports/backlog?at=2026-06-30&deal={deal}&at_least={position}"))
    return (time.perf_counter() - begun) * 1000


async def _run(port: int, bodies: Iterator[bytes], seconds: float) -> tuple[list[float], int, float]:
    posts: asyncio.Queue[bytes | None] = asyncio.Queue()
    shown: list[float] = []
    answered = 0
    begun = time.perf_counter()
    due = begun

    async def sender() -> None:
        nonlocal answered, due
        line, asking = await _line(port), await _line(port)
        while (body := await posts.get()) is not None:
            answer = orjson.loads(await line.ask(post("/v1/events", body, MEDIA)))
            answered += 1
            if time.perf_counter() >= due:
                due += 1 / _SAMPLES_A_SECOND
                result = answer["results"][0]
                deal = orjson.loads(body)["data"]["keys"][0]
                shown.append(await _shown(asking, deal, int(result["position"])))
        line.close()
        asking.close()

    senders = [asyncio.create_task(sender()) for _ in range(_CONNECTIONS)]
    sent = 0
    while (passed := time.perf_counter() - begun) < seconds:
        while sent < passed * PER_SECOND:
            posts.put_nowait(next(bodies))
            sent += 1
        await asyncio.sleep(0.002)
    taken = time.perf_counter() - begun
    done = answered
    for _ in senders:
        posts.put_nowait(None)
    await asyncio.gather(*senders)
    return sorted(shown), done, taken


def measure(port: int, seconds: float, seed: int = 11) -> dict[str, float]:
    """{"p50_ms", "p99_ms", "achieved"}: until reports show a milestone, and POSTs answered a second."""
    number = int(seconds * PER_SECOND * 1.2) + 1_000
    bodies = (line.rstrip(b"\n") for line in events(number, max(1, number // 10), seed))
    shown, answered, taken = asyncio.run(_run(port, bodies, seconds))
    return {
        "p50_ms": shown[len(shown) // 2],
        "p99_ms": shown[min(len(shown) - 1, int(len(shown) * 0.99))],
        "achieved": answered / taken,
    }
