"""Business keys: which of them join deals, and which one names a deal.

A key is `<role>/<system>/<instance>:<object>:<native id>`, e.g. `erp/netsuite/acme:order:SO-1001`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: Kinds that never join two deals (contract.md section 2, "One deal").
NEVER_JOIN: Final = frozenset({"payment", "customer", "product"})

_RANK: Final = {
    kind: rank
    for rank, kind in enumerate(
        ("opportunity", "quote", "contract", "subscription", "order", "invoice", "payment")
    )
}
_LAST: Final = len(_RANK)


def kind_of(key: str) -> str:
    """The object kind of a key: `order` of `erp/netsuite/acme:order:SO-1`."""
    return key.split(":", 2)[1]


def is_key(text: str) -> bool:
    """Whether the text has the form of a key: three parts, none empty, the first with three segments."""
    parts = text.split(":", 2)
    if len(parts) != 3 or not parts[1] or not parts[2]:
        return False
    segments = parts[0].split("/")
    return len(segments) == 3 and all(segments)


def rank_of(kind: str) -> int:
    """Where a kind stands among those that name deals, from the opportunity on; the last for any other."""
    return _RANK.get(kind, _LAST)


def joins(key: str) -> bool:
    """Whether deals that share this key are one deal."""
    return kind_of(key) not in NEVER_JOIN


def own_key(source: str, subject: str) -> str:
    """The key of a milestone's own subject: `/erp/netsuite/acme`, `order/SO-1` -> the key of SO-1."""
    kind, _, native = subject.partition("/")
    return f"{source[1:]}:{kind}:{native}"


def payment_key(source: str, number: str) -> str:
    """The key that `data.payment` means."""
    return f"{source[1:]}:payment:{number}"


def name_order(key: str) -> tuple[int, str]:
    """Sort key by which a deal's public name is the smallest of its keys."""
    return (rank_of(kind_of(key)), key)


def public_name(keys: Iterable[str]) -> str:
    """The deal's public name: its smallest key (contract.md section 2)."""
    return min(keys, key=name_order)
