"""Conditions: tests of a value, and all, any, not, some, every of them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from adapters.sources.mapping.context import FLAG, NUMBER, PRESENT, RAW, Context
from adapters.sources.mapping.document import Fields, Flaw, Item, is_yes, unknown
from adapters.sources.mapping.forms import LONGEST_MATCHED, regex
from adapters.sources.mapping.members import member_among
from adapters.sources.mapping.numbers import compared
from adapters.sources.mapping.paths import member_name
from adapters.sources.mapping.reading import plain
from adapters.sources.mapping.scope import Get, Scope, Test

_HEADS: Final = ("path", "flag", "all", "any", "not", "some", "every")
_TESTS: Final = (
    "is", "in", "not", "given", "missing", "zero", "greater", "less", "matches", "same_as", "has",
)  # fmt: skip
#: Forms that make numbers.
_RECKONING: Final = ("sum", "minus", "product", "abs", "total")


def condition(item: Item, context: Context) -> Test:
    """A compiled condition; a list means all of them. Raises Flaw."""
    if isinstance(item.value, list):
        return _all([context.condition(inner) for inner in item.value])
    with Fields(item, context.file.problems, "a condition: {path: ..., is: ...}") as fields:
        head = next((name for name in _HEADS if name in fields), None)
        if head is None:
            raise Flaw(item, f"is no condition: {unknown(next(iter(fields), ''), _HEADS, 'form')}")
        fields.know(head)
        if head == "path":
            return _tests(fields, context)
        inner = fields.need(head)
        if head == "flag":
            get = context.value(inner, FLAG).get
            return lambda scope: get(scope) is True
        if head in ("some", "every"):
            return _of_list(fields, head, context)
        if head == "not":
            holds = context.condition(inner)
            return lambda scope: not holds(scope)
        parts = [context.condition(part) for part in inner.items("a list of conditions")]
        return _all(parts) if head == "all" else _any(parts)


def _all(parts: list[Test]) -> Test:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda scope: first(scope) and second(scope)
    if len(parts) == 3:
        one, two, three = parts
        return lambda scope: one(scope) and two(scope) and three(scope)

    def each(scope: Scope) -> bool:
        for holds in parts:  # noqa: SIM110 - a generator takes twice the time
            if not holds(scope):
                return False
        return True

    return each


def _any(parts: list[Test]) -> Test:
    if len(parts) == 2:
        first, second = parts
        return lambda scope: first(scope) or second(scope)
    return lambda scope: any(holds(scope) for holds in parts)


def _of_list(fields: Fields, head: str, context: Context) -> Test:
    """{some: list, where: c}, {every: list, where: c}"""
    each, where = context.list_(fields.need(head)), fields.take("where")
    if where is None:
        if head == "every":
            raise Flaw(fields.item, "`every` needs `where`")
        return lambda scope: bool(each.items(scope))
    holds = context.inside().condition(where)
    many: Callable[[Any], bool] = any if head == "some" else all
    return lambda scope: many(holds(inner) for inner in each.scopes(scope))


def _tests(fields: Fields, context: Context) -> Test:
    told = [name for name in _TESTS if name in fields]
    fields.know(*_TESTS)
    if not told:
        raise Flaw(fields.item, f"needs a test beside `path`: {' '.join(_TESTS)}")
    item = fields.need("path")
    return _all([_test(name, fields.need(name), item, context) for name in told])


def _test(name: str, operand: Item, item: Item, context: Context) -> Test:
    if name in ("given", "missing"):
        given = is_yes(operand) == (name == "given")
        get = context.value(item, PRESENT).get  # also an object or a list
        return (lambda scope: get(scope) is not None) if given else (lambda scope: get(scope) is None)
    if name == "has":
        return _has(operand.text(), item, context)
    reckoned = isinstance(item.value, dict) and any(form in item.value for form in _RECKONING)
    if reckoned and name in ("zero", "greater", "less"):
        return _numeric(name, operand, context.value(item, NUMBER).get)
    get = context.value(item, RAW).get
    if name in ("is", "in", "not"):
        words = frozenset([operand.text()] if name == "is" else operand.words())
        return _among(item, get, words, inside=name != "not")
    if name == "matches":
        expression = regex(operand)
        return lambda scope: (
            (found := get(scope)) is not None
            and len(found) <= LONGEST_MATCHED
            and expression.fullmatch(found) is not None
        )
    if name == "same_as":
        other = context.value(operand, RAW).get
        return lambda scope: (found := get(scope)) is not None and found == other(scope)
    return _numeric(name, operand, get)


def _among(item: Item, get: Get, words: frozenset[str], *, inside: bool) -> Test:
    """Whether a value is one of the words; `inside` false: whether it is none of them."""
    name = member_name(item)
    if name is not None:
        return member_among(name, words, inside=inside)
    return (lambda scope: get(scope) in words) if inside else (lambda scope: get(scope) not in words)


def _has(word: str, item: Item, context: Context) -> Test:
    each = context.list_(item)
    return lambda scope: any(plain(value) == word for value in each.items(scope))


def _numeric(name: str, operand: Item, get: Get) -> Test:
    if name == "zero":
        zero = is_yes(operand)

        def is_zero(scope: Scope) -> bool:
            found = get(scope)
            if type(found) is str and found.isdigit() and found.isascii():
                return (not found.strip("0")) is zero
            return (compared(found) == 0) is zero

        return is_zero
    limit = compared(operand.text("a number"))
    if limit is None:
        raise Flaw(operand, "needs a number")
    bound: Fraction = limit
    greater = name == "greater"

    def beyond(scope: Scope) -> bool:
        found = compared(get(scope))
        return found is not None and (found > bound if greater else found < bound)

    return beyond
