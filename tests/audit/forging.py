"""Bundles taken apart and put together again, as somebody would who wants to change one unseen.

Belongs here: everything that a forger can compute anew without the ledger's key. Does not belong here: tests.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from adapters.bundles import forms
from adapters.bundles.container import Writer, members_of
from adapters.bundles.reading import Bundle, manifest_of
from adapters.transparency.keys import Signer, make_key
from domain.leaves import accepted_digest, entry
from domain.merkle import leaf_hash, root_of
from domain.notes import Note

Members = dict[str, bytes]
Sign = Callable[[str], str]


def apart(bundle: bytes) -> Members:
    """The members of a bundle, in order."""
    file = io.BytesIO(bundle)
    return {
        name: bundle[one.offset : one.offset + one.size]
        for name, one in members_of(file, forms.NAMES).items()
    }


def together(members: Members, sign: Sign | None = None) -> bytes:
    """A bundle of members. sign: signs a manifest of them; default: the manifest stays as it is."""
    file = io.BytesIO()
    writer = Writer(file)
    for name in forms.NAMES[:-1]:
        writer.whole(name, members[name])
    if sign is None:
        manifest = members[forms.MANIFEST]
    else:
        origin = msgspec.json.decode(members[forms.ABOUT])["origin"]
        manifest = sign(forms.manifest_text(origin, writer.written)).encode()
    writer.whole(forms.MANIFEST, manifest)
    writer.end()
    return file.getvalue()


def old_signature(bundle: bytes) -> Sign:
    """Signs nothing: puts the old signature below whatever text there is."""
    note = manifest_of(Bundle(io.BytesIO(bundle), members_of(io.BytesIO(bundle), forms.NAMES))).note
    return lambda text: Note(text, note.signatures).rendered


def lines(members: Members, name: str) -> list[dict[str, Any]]:
    """The lines of a member."""
    return [msgspec.json.decode(line) for line in members[name].splitlines()]


def with_lines(members: Members, name: str, changed: list[dict[str, Any]]) -> Members:
    """With other lines in a member."""
    return {**members, name: b"".join(msgspec.json.encode(line) + b"\n" for line in changed)}


def rogue(folder: Path, name: str) -> Signer:
    """Somebody's own key under the ledger's name."""
    path = folder / "rogue.key"
    make_key(path)
    return Signer(path, name)


def with_planted(bundle: bytes, signer: Signer, planted: Signer) -> bytes:
    """As the ledger exports it where somebody has put a key and its checkpoint into the tables."""
    members = apart(bundle)
    keys = [*lines(members, forms.KEYS), {"key": planted.key.text, "size": 0}]
    first, *rest = lines(members, forms.CHECKPOINTS)
    text = first["note"].partition("\n\n")[0] + "\n"
    again = {**first, "note": planted.sign(text).rendered}
    members = with_lines(members, forms.KEYS, keys)
    members = with_lines(members, forms.CHECKPOINTS, [first, again, *rest])
    return together(members, lambda manifest: signer.sign(manifest).rendered)


def recomputed(members: Members) -> Members:
    """With the leaves and the root that the milestones, payloads and commits come to now."""
    commits = [msgspec.convert(one, forms.Commit) for one in lines(members, forms.COMMITS)]
    payloads = {one["inbox"]: one for one in lines(members, forms.PAYLOADS)}
    hashes = []
    for line in lines(members, forms.MILESTONES):
        stored = msgspec.convert(line, forms.Stored)
        payload = msgspec.convert(payloads[stored.inbox], forms.Payload)
        commit = next((one for one in commits if one.first <= stored.position <= one.last), commits[-1])
        accepted = accepted_digest(
            payload.inbox, _microseconds(payload.received_at), payload.source, payload.content_type,
            payload.headers, stored.mapping or payload.mapping, payload.digest,
        )  # fmt: skip
        hashes.append(
            leaf_hash(
                entry(
                    stored.position, _microseconds(commit.recorded_at), stored.stream, stored.version,
                    stored.topic, stored.identity, stored.digest, stored.state, accepted,
                )
            )
        )  # fmt: skip
    about = msgspec.json.decode(members[forms.ABOUT])
    about |= {"size": len(hashes), "root": b64encode(root_of(hashes)).decode()}
    told = forms.line_of(msgspec.convert(about, forms.About))
    return {**members, forms.LEAVES: b"".join(hashes), forms.ABOUT: told}


def _microseconds(text: str) -> int:
    return forms.microseconds(text, "", "")
