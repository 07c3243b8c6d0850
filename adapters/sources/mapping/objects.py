"""`objects`: what is looked at first, then what is told; and the versions of a payload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from adapters.sources.base import Milestone
from adapters.sources.mapping.codes import OBJECTS
from adapters.sources.mapping.context import AMOUNT, RAW, Context, Want
from adapters.sources.mapping.document import Fields, Flaw, Item, unknown
from adapters.sources.mapping.milestones import Told, milestones, role_of
from adapters.sources.mapping.scope import Scope, Test, required
from adapters.sources.mapping.sums import term
from domain.arrivals import Fetch

#: From an object to its milestones, or the reason to ignore it, or what it points to. Raises Unreadable.
Reads: TypeAlias = Callable[[Scope], "list[Milestone] | str | Fetch"]
#: A step of `first`: the reason to ignore the object, or what has to be fetched instead, or None to go on.
_Step: TypeAlias = Callable[[Scope], "str | Fetch | None"]
_STEPS: Final = ("ignore", "refuse", "expect", "check", "fetch")


def object_(item: Item, context: Context) -> Reads:
    """A compiled object. Raises Flaw."""
    members = item.members("an object: currency, let, first, milestones")
    versions = members.get("versions")
    if versions is None:
        return _one(item, context)
    base = {name: member for name, member in members.items() if name != "versions"}
    found: list[tuple[Test | None, Reads]] = []
    alternatives = versions.items("a list of versions")
    for i, told in enumerate(alternatives):
        own = dict(told.members("a version of the object"))
        when = own.pop("when", None)
        if when is None and i < len(alternatives) - 1:
            context.file.problems.add(told, "a version without `when` comes last: it fits everything")
        merged = Item(_overlaid(base, own), told.line, told.field)
        test = None if when is None else _lets(context, merged).condition(when)
        found.append((test, _one(merged, context)))

    def read(scope: Scope) -> list[Milestone] | str | Fetch:
        reads = next((reads for fits, reads in found if fits is None or fits(scope)), None)
        if reads is None:
            scope.node().refuse(
                "version_unknown", "the mapping knows no such version of the payload; extend it"
            )
        return reads(scope)

    return read


def _overlaid(base: dict[str, Item], own: dict[str, Item]) -> dict[str, Item]:
    merged = {**base, **own}
    if "let" in base and "let" in own:
        lets = {**base["let"].members("a map of lets"), **own["let"].members("a map of lets")}
        merged["let"] = Item(lets, own["let"].line, own["let"].field)
    return merged


def _lets(context: Context, item: Item) -> Context:
    members = item.members()
    return context.with_lets(members.get("let"))


def _one(item: Item, context: Context) -> Reads:
    with Fields(item, context.file.problems) as fields:
        fields.know("also")
        role = fields.take("role")
        if role is not None:
            context = replace(context, role=role_of(role))
        if "code" in fields:
            return _coded(fields.need("code"), context)
        context = context.with_lets(fields.take("let")).with_currency(fields.take("currency"))
        first = fields.take("first")
        steps = [] if first is None else _steps(first, context)
        listed = fields.need("milestones")
        told = milestones(listed, context)
        otherwise = fields.take("otherwise")
    is_whole = len(told) == len(listed.items())
    if otherwise is None and is_whole and all(one.conditional for one in told):
        context.file.problems.add(item, "needs `otherwise`: the reason where none of its milestones is told")
    return _reader(steps, told, None if otherwise is None else otherwise.text("a reason"))


def _reader(steps: list[_Step], told: list[Told], otherwise: str | None) -> Reads:
    def read(scope: Scope) -> list[Milestone] | str | Fetch:
        for step in steps:
            reason = step(scope)
            if reason is not None:
                return reason
        found: dict[tuple[object, object], Milestone] = {}
        for one in told:
            for event in one.tell(scope):
                if found.setdefault((event["source"], event["id"]), event) != event:
                    scope.node().refuse(
                        "id_repeated", "two rows come to one id and differ; add `together` or `edition`"
                    )
        if not found:
            assert otherwise is not None, "a mapping whose milestones are all conditional says why"
            return otherwise
        return list(found.values())

    return read


def _coded(item: Item, context: Context) -> Reads:
    name = item.text("the name of a code")
    if name not in OBJECTS:
        raise Flaw(item, unknown(name, OBJECTS, "code of an object"))
    context.file.codes.add(f"{name}@{OBJECTS[name].version}")
    run = OBJECTS[name].run

    def read(scope: Scope) -> list[Milestone] | str | Fetch:
        found = run(scope.node(), scope.run.instance)
        return found if isinstance(found, str) else list(found)

    return read


def _steps(item: Item, context: Context) -> list[_Step]:
    found: list[_Step] = []
    for told in item.items("a list of steps: ignore, refuse, expect, check"):
        try:
            with Fields(told, context.file.problems) as fields:
                found.append(_step(fields, context))
        except Flaw as flaw:
            context.file.problems.note(flaw)
    return found


def _step(fields: Fields, context: Context) -> _Step:
    kind = next((name for name in _STEPS if name in fields), None)
    if kind is None:
        raise Flaw(fields.item, f"is no step: {unknown(next(iter(fields), ''), _STEPS, 'step')}")
    if kind in ("ignore", "refuse", "fetch"):
        return {"ignore": _ignore, "refuse": _refuse, "fetch": _fetch}[kind](fields, context)
    when = fields.take("when")
    step = {"expect": _expect, "check": _check}[kind](fields, context)
    if when is None:
        return step
    holds = context.condition(when)
    return lambda scope: step(scope) if holds(scope) else None


def _ignore(fields: Fields, context: Context) -> _Step:
    """{ignore: reason, when: c}"""
    reason, holds = _code(fields.need("ignore")), context.condition(fields.need("when"))
    return lambda scope: reason if holds(scope) else None


def _fetch(fields: Fields, context: Context) -> _Step:
    """{fetch: kind, of: id, when: c, reason: word}: the message says only that something has changed."""
    told, of, when, why = (fields.take(name) for name in ("fetch", "of", "when", "reason"))
    assert told is not None, "the step was found by it"
    kind = required(
        context.value(told, Want("id", "the kind of record to fetch")), "the kind of record to fetch"
    )
    native = None if of is None else required(context.value(of, Want("id", "its id")), "its id")
    holds = None if when is None else context.condition(when)
    reason = "notification" if why is None else _code(why)

    def step(scope: Scope) -> Fetch | None:
        if holds is not None and not holds(scope):
            return None
        return Fetch(kind(scope), None if native is None else native(scope), reason)

    return step


def _refuse(fields: Fields, context: Context) -> _Step:
    """{refuse: code, when: c, at: path, message: what to do}"""
    code, holds = _code(fields.need("refuse")), context.condition(fields.need("when"))
    at, message = fields.take("at"), fields.need("message", "what to do about it").text("what to do")
    place = Scope.node if at is None else context.value(at, RAW).place

    def step(scope: Scope) -> None:
        if holds(scope):
            place(scope).refuse(code, message)

    return step


def _expect(fields: Fields, context: Context) -> _Step:
    """{expect: path, among: [a, b]}"""
    path, among, what = fields.need("expect"), fields.take("among"), fields.take("what")
    wanted = Want("code", f"{path.value if isinstance(path.value, str) else 'a word'}")
    if what is not None:
        wanted = wanted._replace(what=what.text())
    value = context.value(path, wanted)
    words = None if among is None else frozenset(among.words())
    get = required(value, wanted.what)

    def step(scope: Scope) -> None:
        found = get(scope)
        if words is not None and found not in words:
            value.place(scope).refuse(
                "value_unknown", f"is none of {' '.join(sorted(words))}; extend the mapping"
            )

    return step


def _check(fields: Fields, context: Context) -> _Step:
    """{check: amount or list of them, is: amount, at: path, code: c, message: m}"""
    told, equal = fields.need("check"), fields.need("is")
    at, code, message = (fields.take(name) for name in ("at", "code", "message"))
    items = told.value if isinstance(told.value, list) else [told]
    terms = [term(item, AMOUNT, context).get for item in items]
    value = context.value(equal, AMOUNT)
    whole = required(value, "an amount")
    place = value.place if at is None else context.value(at, RAW).place
    refusal = "total_mismatch" if code is None else _code(code)
    words = "the parts do not add up to it; fetch it whole" if message is None else message.text()

    def step(scope: Scope) -> None:
        if sum(get(scope) for get in terms) != whole(scope):
            place(scope).refuse(refusal, words)

    return step


def _code(item: Item) -> str:
    text = item.text("a snake_case word")
    if not (text.isascii() and text.replace("_", "").isalnum() and text == text.lower()):
        raise Flaw(item, "needs a snake_case word, such as not_order_to_cash")
    return text
