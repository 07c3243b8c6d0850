"""What a bundle says about its own forms: schemas of the milestones in it, and how they are stored.

Belongs here: those descriptions, generated from the catalogue. Does not belong here: the published schema of
what may be sent (api/schema.py), writing bundles (api/exporting.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from adapters.bundles import forms
from api.schema import DIALECT, milestone_schema
from domain.contract import CATALOGUE
from domain.milestones import Milestone

README: Final = """This is an audit bundle of a Cairn ledger: an uncompressed tar in a canonical form.

`cairn verify FILE --key KEY` checks all of it with no ledger and no network at hand. KEY is the ledger's
public key, which you should have from elsewhere than this file.

about.json          which ledger, how many milestones, made when and by which version
keys.ndjson         the public keys that the ledger has signed with (C2SP verifier keys)
checkpoints.ndjson  every checkpoint that it has signed (C2SP tlog-checkpoint), oldest first
commits.ndjson      which milestones were recorded together, and when
milestones.ndjson   every milestone as it is stored, in the order of recording
payloads.ndjson     every message that they came in, or its digest, in the order of first use
leaf-hashes.bin     SHA-256 of every leaf of the Merkle tree (RFC 9162), 32 bytes each, in order
mappings.ndjson     the mappings that read the messages, where the ledger still has them
schemas.json        what milestones hold, as events and as stored
manifest.txt        SHA-256 and size of each of these, as a C2SP signed note

docs/audit.md and docs/transparency.md of the program describe every byte.
"""

_PARTS: Final[dict[str, str]] = {
    "amount": "integer in minor units of the currency",
    "day": "integer, days since 1970-01-01",
    "quantity": "integer, 10**-9 units",
    "probability": "integer, 10**-9",
    "rate": "decimal in a text",
    "decimal": "decimal in a text",
    "lines": "array of lines, each an array",
    "deal_lines": "array of lines, each an array",
    "replacement": "the event as JSON, in bytes",
    "json": "a JSON object as text",
}


def schemas(topics: Sequence[str]) -> bytes:
    """The schemas of these types of milestones, and how each of them is stored."""
    told: dict[str, Any] = milestone_schema()["$defs"]
    shared = {name: schema for name, schema in told.items() if name not in CATALOGUE}
    events = {name: told[name] for name in topics if name in told}
    described = {
        "events": {
            "$schema": DIALECT,
            "description": "CloudEvents 1.0, as they came in or as a mapping made them of a payload.",
            "$defs": {**shared, **events},
        },
        "stored": {
            "description": "`state` is a MessagePack array: the type's name, then these in order; what is at"
            " its default at the end may be left out.",
            "kinds": _PARTS,
            "types": {name: _stored(name) for name in topics},
        },
        "leaf": "docs/transparency.md: position, recorded time, stream, version, identity, digest, what was"
        " accepted, type, state",
        "format": forms.FORMAT,
    }
    return msgspec.json.format(msgspec.json.encode(described), indent=0) + b"\n"


def _stored(name: str) -> list[str]:
    """The items of a stored milestone, each with how it is read where it is of its type alone."""
    described = CATALOGUE[name]
    common = [*Milestone.__struct_fields__]
    return [*common, *(f"{field.name}: {field.reads.how}" for field in described.fields)]
