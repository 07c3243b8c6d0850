"""A bounded load of HTTP requests over keep-alive connections, with as little of its own work as can be.

Method: each connection writes one request, waits for the whole answer, and writes the next, until the time
is over or its requests are used up. The client shares the machine with the server; both routes that are
compared bear the same client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final, NamedTuple


class Measured(NamedTuple):
    """Requests answered, seconds, and each request's latency in milliseconds, sorted."""

    answered: int
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.answered / self.seconds

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that `share` of the requests stayed below."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


#: What the servers of benchmarks are started with, and asked with.
TOKEN: Final = "a-token-for-benchmarks-only"
ASKING: Final = {"authorization": f"Bearer {TOKEN}"}
_ASKING: Final = "".join(f"{name}: {value}\r\n" for name, value in ASKING.items())


def post(path: str, body: bytes, media: str) -> bytes:
    """The bytes of a POST request."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\n{_ASKING}content-type: {media}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    """The bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n{_ASKING}\r\n".encode()


async def _connection(port: int, requests: Iterator[bytes], until: float, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for request in requests:
            begun = time.perf_counter()
            if begun >= until:
                return
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the server answered {head[:60]!r}")
            at = head.lower().index(b"content-length:") + 15
            await reader.readexactly(int(head[at : head.index(b"\r", at)]))
            latencies.append((time.perf_counter() - begun) * 1000)
    finally:
        writer.close()


async def _run(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Measured:
    latencies: list[float] = []
    begun = time.perf_counter()
    await asyncio.gather(
        *(_connection(port, requests, begun + seconds, latencies) for _ in range(connections))
    )
    taken = time.perf_counter() - begun
    if not latencies:
        raise RuntimeError(f"no request was answered within {taken:.1f} s")
    return Measured(len(latencies), taken, sorted(latencies))


def drive(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> Measured:
    """Send requests from one shared iterator over so many connections, for so long at most."""
    return asyncio.run(_run(port, requests, connections, seconds))
