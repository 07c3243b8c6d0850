"""What mappings can't say as data: pure functions that they name by `code:` (docs/mappings.md, "Code").

Each is registered with a version, which is part of the digest of every mapping that names it: raise it
whenever the function answers something else. Does not belong here: anything that a form of the language can
say.
"""

from __future__ import annotations

import re
from typing import Final

from adapters.sources.mapping.codes import value_code
from adapters.sources.payload import Node, Unreadable, read_json

_BITMAP: Final = re.compile(r"(?:(\d{1,4})-)?0x([0-9A-Fa-f]{1,512})", re.ASCII)
_SALESFORCE_SUFFIX: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHORT: Final = 15


@value_code("salesforce_id", version=1)
def salesforce_id(node: Node, _currency: str | None) -> str | None:
    """A record id in its 18 characters: the 15 of older exports tell records apart by case alone.

    The three behind them say which of each five letters are capitals. Anything else stands as it is.
    """
    if not node.given:
        return None
    native = node.identifier()
    if len(native) != _SHORT or not (native.isascii() and native.isalnum()):
        return native
    fives = (native[i : i + 5] for i in range(0, _SHORT, 5))
    return native + "".join(
        _SALESFORCE_SUFFIX[sum(1 << i for i, letter in enumerate(five) if letter.isupper())] for five in fives
    )


@value_code("salesforce_commit", version=1)
def salesforce_commit(node: Node, _currency: str | None) -> str | None:
    """When a ChangeEventHeader's change was committed, in microseconds, its place in the transaction added.

    Comparable with the microseconds of a record's SystemModstamp: commits are told in milliseconds, and
    changes of one transaction have numbers from 1.
    """
    if not node.given:
        return None
    milliseconds = node.at("commitTimestamp").integer("the time of the commit in milliseconds")
    number = node.at("sequenceNumber").integer("the number of the change in its transaction")
    return str(milliseconds * 1_000 + min(max(number, 0), 999))


@value_code("salesforce_changed_fields", version=1)
def salesforce_changed_fields(node: Node, _currency: str | None) -> str | None:
    """The fields that a change event says have changed, by name, joined by commas; of a whole message.

    The Pub/Sub API tells them as bitmaps over the fields of the event's schema: bit n of `0x...` is field n,
    and `n-0x...` are fields within field n, which is then the one that has changed. nulledFields and
    diffFields name fields that have changed, too. None where nothing is told, or not enough to tell.
    """
    message = next((inner for inner in _unwrapped(node) if inner.at("payload").given), node)
    payload = message.at("payload") if message.at("payload").given else message
    header = payload.at("ChangeEventHeader")
    told = [
        entry.text("a field or a bitmap")
        for kind in ("changedFields", "nulledFields", "diffFields")
        for entry in header.at(kind).items()
    ]
    if not told:
        return None
    names: set[str] = set()
    schema = _schema_fields(message.at("schema"))
    for entry in told:
        bitmap = _BITMAP.fullmatch(entry)
        if bitmap is None:
            names.add(entry.partition(".")[0])
            continue
        bits = int(bitmap[2], 16)
        places = [n for n in range(bits.bit_length()) if bits >> n & 1]
        if bitmap[1] is not None:
            places = [int(bitmap[1])] if bits else []
        if any(place >= len(schema) for place in places):
            return None
        names.update(schema[place] for place in places)
    return ",".join(sorted(names)) or None


def _unwrapped(node: Node) -> tuple[Node, ...]:
    return node.at("data"), node.at("detail"), node


def _schema_fields(node: Node) -> list[str]:
    """The fields of an Avro schema, an object or the text of one; none of a schema's mere id."""
    found = node.value
    if isinstance(found, str) and found.lstrip().startswith("{"):
        try:
            found = read_json(found.encode())
        except (Unreadable, UnicodeEncodeError):
            return []
    fields = Node(found, node.pointer).at("fields") if isinstance(found, dict) else Node(None)
    return [field.at("name").text("a field's name") for field in fields.items()]
