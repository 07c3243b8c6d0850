"""Another version of a rule, for tests: a module of rules that posts more, with another digest.

Belongs here: changing the rules of this process. Does not belong here: what becomes of it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import pytest

from projections import digests, fold
from projections.book import DealBook
from projections.journal import TABLES
from tests.projections.served import House

#: Source of won revenue to won, and not ordered: two accounts that any deal may have.
_DEBIT, _CREDIT = 11, 13


def changed(monkeypatch: pytest.MonkeyPatch, *parts: str, by: str = "0123456789abcdef") -> None:
    """These parts of the rules post one amount more wherever a function of theirs has a say."""
    told = {**digests.rules_digests(), **dict.fromkeys(parts, by)}
    monkeypatch.setattr(digests, "rules_digests", lambda: told)
    monkeypatch.setattr(digests, "rules_digest", lambda: f"others {by} {parts}")
    monkeypatch.setattr(fold, "_rules", {})
    rules = [module for name, module in sys.modules.items() if name.startswith("projections.rules.")]
    for part in parts:
        if part.startswith("rules/"):
            module = sys.modules[f"projections.{part.replace('/', '.')}"]
            for function in _of_deals(module):
                _replace(monkeypatch, [*rules, fold], function)


def _of_deals(module: ModuleType) -> list[Callable[..., Any]]:
    """The functions of a module that are told a deal, and may post to it."""
    return [
        function
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and inspect.signature(function, eval_str=False).return_annotation in ("None", "DealBook")
        and {"deal", "book"} & set(inspect.signature(function).parameters)
        and not function.__name__.startswith("_")
    ]


def _replace(
    monkeypatch: pytest.MonkeyPatch, modules: list[ModuleType], function: Callable[..., Any]
) -> None:
    @wraps(function)
    def more(*given: Any, **named: Any) -> Any:
        found = function(*given, **named)
        deal = found if isinstance(found, DealBook) else next(one for one in given if type(one) is DealBook)
        if deal.fact:
            deal.post(_DEBIT, _CREDIT, "EUR", 100, "S")
        return found

    for module in modules:
        for name, value in list(vars(module).items()):
            if value is function:
                monkeypatch.setattr(module, name, more)
    for kind, rule in list(fold.PAYMENT_RULES.items()):
        if rule is function:
            monkeypatch.setitem(fold.PAYMENT_RULES, kind, more)


def rows_that_differ(house: House, one: int, other: int) -> dict[str, int]:
    """Rows that only one of two generations has, by table; nothing where they are the same."""
    found = {}
    for table in TABLES:
        a, b = f"{table}_g{one}", f"{table}_g{other}"
        row = house.connection.execute(
            f"SELECT count(*) FROM ((TABLE {a} EXCEPT ALL TABLE {b}) UNION ALL"
            f" (TABLE {b} EXCEPT ALL TABLE {a})) differing"
        ).fetchone()
        assert row is not None
        if row[0]:
            found[table] = int(row[0])
    return found
