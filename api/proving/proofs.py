"""The proof that a report carries: from which log, which tree, which books, and what was asked.

Belongs here: making it, reading it strictly, and the question in a form that asks the same again on any day.
Does not belong here: checking it against a bundle (`reports`), the tree (adapters/transparency).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import date
from typing import Any, Final

import msgspec
from psycopg import Connection

from api import inclusions, reporting
from api.parameters import ParameterRefused, Question, question
from domain.instants import format_instant, parse_instant
from domain.policies import Policies
from projections.generations import Generation

PROOF: Final = "proof"


class Books(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A generation that was read. rules: digest of the code that made it. policies: versions, as adopted."""

    generation: int
    rules: str
    code_version: str
    policies: list[Any]

    @property
    def adopted(self) -> Policies:
        """The policies. Raises msgspec.ValidationError, PolicyRefused."""
        return Policies.from_json(msgspec.json.encode(self.policies).decode())


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The question: the view, and parameters as in an address, what defaults to the day written out."""

    view: str
    parameters: dict[str, str]

    @property
    def question(self) -> Question:
        """The question that it is. Raises ParameterRefused."""
        return question(self.view, list(self.parameters.items()), date.max)


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a report proves itself by (docs/audit.md). size: milestones known, which is a size of the tree.

    root, consistency: base64. books: to which the answer is pinned; beside: others that were read, under
    other policies.
    """

    origin: str
    size: int
    root: str
    checkpoint: str
    consistency: list[str]
    books: Books
    beside: list[Books]
    question: Asked


def proved(
    connection: Connection[Any],
    asked: Question,
    show: Callable[[Connection[Any], int], inclusions.Proof],
) -> dict[str, Any]:
    """The answer to a report's question with its proof as the last member.

    show: what the tree says of its first milestones. Raises what `report` and `show` raise, ParameterRefused.
    """
    explicit = Asked(asked.view, parameters(asked))
    answer, (books, *beside) = answered(connection, asked)
    size = answer["known"]["position"]
    shown = show(connection, size)
    proof = Proof(
        shown.origin,
        size,
        b64encode(shown.root).decode(),
        shown.checkpoint,
        [b64encode(one).decode() for one in shown.hashes],
        books,
        beside,
        explicit,
    )
    return {**answer, PROOF: msgspec.to_builtins(proof)}


def answered(connection: Connection[Any], asked: Question) -> tuple[dict[str, Any], list[Books]]:
    """The answer to a report's question; the books that it is pinned to, and then others that were read.

    Raises what `report` raises.
    """
    seen: list[Generation] = []

    def noted(pinned: Generation, read: list[Generation]) -> None:
        seen.extend((pinned, *read))

    answer = reporting.report(connection, asked, None, noted)
    return answer, [_books(one) for one in {one.id: one for one in seen}.values()]


def _books(one: Generation) -> Books:
    policies = msgspec.json.decode(one.policies.to_json())
    return Books(one.id, one.rules, one.code_version, policies)


def parameters(asked: Question) -> dict[str, str]:
    """The parameters that ask a question, whenever they are sent. Raises ParameterRefused."""
    found: dict[str, str | None] = {}
    if asked.is_at:
        found["at"] = asked.end.isoformat()
    else:
        found["from"] = None if asked.start is None else asked.start.isoformat()
        found["to"] = asked.end.isoformat()
    if asked.known.instant is not None:
        found["known_at"] = format_instant(asked.known.instant)
        instant = parse_instant(found["known_at"])
        if instant is None or instant.microseconds != asked.known.instant:
            raise ParameterRefused("known_at lies outside of the calendar: nothing can be proved by it")
    elif asked.known.position is not None:
        found["known_position"] = str(asked.known.position)
    found["basis"] = asked.basis
    found["by"] = ",".join(asked.by) or None
    found |= asked.filters
    if asked.convert is not None:
        day = "" if asked.convert.on is None else f":{asked.convert.on.isoformat()}"
        found |= {"currency": asked.convert.into, "rate": f"{asked.convert.rate}{day}"}
    found["policy"] = ",".join(asked.policies) or None
    found["generation"] = None if asked.generation is None else str(asked.generation)
    found["limit"] = str(asked.limit)
    found["cursor"] = asked.cursor
    return {name: value for name, value in found.items() if value is not None}
