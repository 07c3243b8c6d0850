"""scripts/audit asks for known faults of what is pinned, and tells "none" from "nobody could be asked"."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def audit(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "audit", *words], capture_output=True, text=True, timeout=120, check=False
    )


@contextmanager
def advisories(known: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """An advisory database with one fault of each of these packages: its address, and who was asked about."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            about: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = about["package"]["name"]
            asked.append(name)
            told = {"vulns": [fault(name, known[name])]} if name in known else {}
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def fault(name: str, mended: str) -> dict[str, Any]:
    events = [{"introduced": "0"}, {"fixed": mended}]
    package = {"name": name, "ecosystem": "PyPI"}
    return {
        "id": "OSV-1", "summary": "made up", "details": "made up", "published": "2026-01-01T00:00:00Z",
        "affected": [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
    }  # fmt: skip


def test_every_pinned_dependency_is_asked_about_and_none_is_at_fault() -> None:
    with advisories({}) as (address, asked):
        done = audit("--osv-url", address)
    assert done.returncode == 0, done.stderr
    assert "0 known faults" in done.stdout
    assert {"psycopg", "fastapi", "cryptography", "pytest"} <= set(asked)


def test_a_known_fault_is_named_with_what_mends_it() -> None:
    with advisories({"fastapi": "999.0"}) as (address, _):
        done = audit("--osv-url", address)
    assert done.returncode == 1
    assert "OSV-1, mended in 999.0" in done.stdout
    assert "1 known faults" in done.stdout


def test_where_nobody_can_be_asked_that_is_no_pass() -> None:
    done = audit("--osv-url", "http://127.0.0.1:9/v1/query")
    assert done.returncode == 3
    assert "known faults" not in done.stdout
    check = (ROOT / "scripts" / "check").read_text()
    assert "dependency audit: NOT DONE" in check
    assert 'CAIRN_AUDIT:-}" = require' in check
