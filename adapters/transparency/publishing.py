"""Checkpoints elsewhere: a file or an address outside of the ledger, by which later ones are checked.

Belongs here: reading what is published, and publishing the next. A published checkpoint that the ledger's
tree denies is never overwritten: it is the proof. Does not belong here: signing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from adapters.transparency.keys import replace
from adapters.transparency.signing import Tampered, check_begins
from adapters.transparency.tiles import Tree
from domain.notes import MOST_BYTES, Checkpoint, NoteRefused, read_checkpoint, read_note

_PATIENCE: Final = 10.0


class PublishFailed(RuntimeError):
    """The place can't be read or written; the message says why, without what an address may hide."""


def is_address(place: str) -> bool:
    """Whether it is an address, not a file."""
    return place.startswith(("http://", "https://"))


def shown(place: str) -> str:
    """A place as it may be shown: an address without user, password and query."""
    if not is_address(place):
        return place
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def fetch(place: str) -> bytes | None:
    """What stands at a place, None where nothing does. Raises PublishFailed."""
    try:
        if not is_address(place):
            with Path(place).expanduser().open("rb") as file:
                return file.read(MOST_BYTES + 1)
        with httpx.stream("GET", place, timeout=_PATIENCE, follow_redirects=False) as answer:
            if answer.status_code in (404, 410):
                return None
            if answer.status_code != 200:
                raise PublishFailed(f"{shown(place)} answers {answer.status_code} when it is read")
            content = b""
            for part in answer.iter_bytes():
                content += part
                if len(content) > MOST_BYTES:
                    break
            return content
    except FileNotFoundError:
        return None
    except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise PublishFailed(f"{shown(place)} can't be read: {_why(error)}") from None


def publish(place: str, note: str, tree: Tree) -> bool:
    """Publish a checkpoint of this tree or an earlier one: whether that was needed.

    What is there already is read first. Raises Tampered where the tree denies it, PublishFailed.
    """
    there = fetch(place)
    if there is not None and there.strip():
        if there == note.encode():
            return False
        coming = read_checkpoint(read_note(note.encode()).text)
        check_published(shown(place), there, coming, tree)
    try:
        if not is_address(place):
            replace(Path(place).expanduser(), note.encode())
            return True
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        answer = httpx.put(
            place, content=note.encode(), headers=headers, timeout=_PATIENCE, follow_redirects=False
        )
    except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise PublishFailed(f"{shown(place)} can't be written: {_why(error)}") from None
    if not 200 <= answer.status_code < 300:
        raise PublishFailed(f"{shown(place)} answers {answer.status_code} when it is written")
    return True


def check_published(place: str, there: bytes, coming: Checkpoint, tree: Tree) -> None:
    """Check that the tree goes on from what is published. Raises Tampered, PublishFailed."""
    try:
        said = read_checkpoint(read_note(there).text)
    except NoteRefused as error:
        raise PublishFailed(f"{place} holds something else than a checkpoint ({error})") from None
    if said.origin != coming.origin:
        raise Tampered(
            f"{place} holds a checkpoint of another log, {said.origin}, and this one is {coming.origin} now:"
            " name another place if that is right"
        )
    check_begins(tree, said, f"the checkpoint that is published at {place}")
    if said.size > coming.size:
        raise PublishFailed(f"{place} holds a later checkpoint already")


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


__all__ = ["PublishFailed", "Tampered", "check_published", "fetch", "is_address", "publish", "shown"]
