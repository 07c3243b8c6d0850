"""Exceptions that the rules found while folding: told as they stand, since the milestone that made them.

Belongs here: from findings to exceptions. Does not belong here: when a rule finds one (projections/rules).
"""

from __future__ import annotations

from collections.abc import Iterator

from projections.exceptions.asking import Asking, Found
from projections.exceptions.codes import SIGNALLED


def found(asking: Asking, code: str) -> Iterator[Found]:
    """All that stand under one code."""
    assert code in SIGNALLED, "the rules say these codes only"
    standing = asking.signals.get(code, ())
    heads = asking.heads(one.fact for one in standing)
    for one in standing:
        yield Found(
            code,
            one.deal,
            (one.fact,),
            heads[one.fact].instant,
            one.object,
            one.currency,
            abs(one.amount) if one.amount and one.currency else None,
            one.detail,
        )
