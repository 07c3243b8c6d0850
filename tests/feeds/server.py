"""A source system for tests: an HTTP server in a thread that answers as real ones do, faults and all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """An answer. cut: bytes after which the connection is closed; slow: seconds between its bytes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})
    cut: int | None = None
    wait: Callable[[], None] | None = None


def as_json(value: Any, **more: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"}, **more)


Handle = Callable[[Asked], Answer]


class SourceServer:
    """Answers by `handle`, after those of `script` are used up; remembers what it was asked."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.script: list[Answer | Handle] = []
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def _answer(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                outer._serve(self, asked)

            do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the names are the library's

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def _serve(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        with self._lock:
            self.asked.append(asked)
            first = self.script.pop(0) if self.script else self.handle
        answer = first if isinstance(first, Answer) else first(asked)
        if answer.wait is not None:
            answer.wait()
        try:
            handler.send_response(answer.status)
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(answer.body)))
            handler.end_headers()
            handler.wfile.write(answer.body if answer.cut is None else answer.body[: answer.cut])
        except OSError:
            return
        if answer.cut is not None:
            handler.close_connection = True

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def source_server(handle: Handle) -> Iterator[SourceServer]:
    server = SourceServer(handle)
    try:
        yield server
    finally:
        server.close()
