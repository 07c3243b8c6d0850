"""Files of feeds for tests, with their secrets in files beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.feeds.proof import Message
from adapters.feeds.secret import Secret
from adapters.feeds.setup import Feed, read_feeds


def secret_in(folder: Path, name: str, value: str, **span: str) -> dict[str, str]:
    """A secret as the file of feeds names it."""
    (folder / name).write_text(value + "\n")
    return {"file": name, **span}


def resolved(env: str | None, file: Path | None) -> str:
    assert env is None
    assert file is not None
    return file.read_text().strip()


def feeds_in(folder: Path, feeds: Mapping[str, Any]) -> Path:
    """The file of feeds with these."""
    path = folder / "sources.yaml"
    path.write_text(json.dumps({"feeds": dict(feeds)}, indent=1))
    return path


def webhook_in(folder: Path, **section: Any) -> Any:
    """A webhook section, read as the house reads it."""
    path = feeds_in(folder, {"one": {"mapping": "any", "webhook": section}})
    feed: Feed = read_feeds(path, resolve=resolved)["one"]
    return feed.setup.webhook


def message(body: bytes, headers: Mapping[str, str], query: bytes = b"", method: str = "POST") -> Message:
    """A message as a server hands it on."""
    sent = tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items())
    return Message(method, query, sent, body)


__all__ = ["Secret", "feeds_in", "message", "resolved", "secret_in", "webhook_in"]
