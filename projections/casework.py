"""One deal folded again with the rules and policies of this process, beside what the live generation holds.

To look into a case: which postings would go and come, which figures would change, whether the laws would
hold. It writes nothing. Belongs here: one deal and all that is folded together with it. Does not belong here:
whole ledgers (projections/checking), several generations.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from psycopg import Connection

from domain.instants import from_date
from domain.policies import Policies
from projections import alternatives, deals, generations, laws, queries
from projections.figures import Figures, Posting, Sums
from projections.generations import Generation, NoGeneration
from projections.journal import copy_rows
from projections.refolding import Folded, sets_by, values_of
from projections.verification import Compared, Difference, compare, slice_of

#: The number by which the laws find the fold's postings; no generation has it.
_NONE = 0


class Change(NamedTuple):
    """What a deal's figures are in the live generation, and what they would be. deal: its number."""

    deal: int
    name: str | None
    before: Figures
    after: Figures


class Case(NamedTuple):
    """A deal folded again. streams: those that are folded together with its own; milestones: all of theirs.

    live, ours: digests of the rules that made the live generation, and of this process; policies: those that
    it was folded under. differences: rows that would go (journal) and come (fold). changes: of the deals
    whose figures would change on the day. breaches: of the laws, by the rows of the fold.
    """

    deals: list[int]
    generation: int
    position: int
    streams: list[int]
    milestones: int
    live: str
    ours: str
    policies: list[str]
    differences: list[Difference]
    changes: list[Change]
    breaches: list[dict[str, Any]]

    @property
    def is_same(self) -> bool:
        """Whether nothing would change."""
        return not self.differences and not self.changes


def refold(connection: Connection[Any], key: str, at: date, *, policies: Policies | None = None) -> Case:
    """Fold the deal of a key again, as far as the live generation has come.

    at: the day of the figures and the laws. policies: those to fold under; default: all that are activated,
    as a rebuild adopts them. Raises DealUnknown, NoGeneration.
    """
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        live = generations.live(connection)
        if live is None:
            raise NoGeneration("nothing has been projected yet")
        if policies is None:
            policies = alternatives.adopting(connection)
        found = deals.find(connection, key, live.id, live.position)
        sets = sets_by(connection, live.position)
        roots = sorted(set(map(sets.root, found.streams)))
        one = slice_of("", live, 1, 0)._replace(roots=tuple(roots), policies=policies.to_json())
        compared = compare(connection, one, sets)
        return Case(
            deals.numbers_of(connection, key, live.id, live.position),
            live.id,
            live.position,
            [stream for root in roots for stream in sets.members(root)],
            compared.folded.milestones,
            live.rules,
            generations.rules_digest(),
            list(policies.stamps),
            compared.differences,
            _changes(connection, live, compared, policies, at),
            _breaches(connection, live, compared.folded, at),
        )


def _changes(
    connection: Connection[Any], live: Generation, compared: Compared, policies: Policies, at: date
) -> list[Change]:
    """The deals whose figures would be others, in the order of their numbers."""
    cursor = connection.cursor(binary=True)
    asked = {"deals": compared.deals, "known": live.position}
    cursor.execute(queries.statement("history_postings", live.id), asked)
    before = _sums([Posting(*row) for row in cursor.fetchall()], live.policies, at)
    after = _sums(map(_posting, compared.folded.rows["posting"]), policies, at)
    numbers = [number for number in {**before, **after} if before.get(number, {}) != after.get(number, {})]
    names: dict[int, str] = {}
    for row in compared.folded.rows["deal_name"]:
        values = values_of("deal_name", row)
        names[values["deal"]] = values["name"] or names.get(values["deal"], "")
    return [
        Change(number, names.get(number), before.get(number, {}), after.get(number, {}))
        for number in sorted(numbers)
    ]


def _sums(postings: Iterable[Posting], policies: Policies, at: date) -> dict[int, Figures]:
    """The figures of every deal that has postings."""
    held = list(postings)
    sums = Sums(policies)
    sums.take(held)
    return {number: sums.on(at, (number,)) for number in sorted({posting.deal for posting in held})}


def _posting(row: bytes) -> Posting:
    held = values_of("posting", row)
    stated, effective, start, end, due = (
        None if held[name] is None else from_date(held[name])
        for name in ("stated", "effective", "span_start", "span_end", "due")
    )
    assert stated is not None
    assert effective is not None
    return Posting(
        held["deal"], held["fact"], held["position"], held["amount"], stated, effective, start, end, due,
        held["debit"], held["credit"], held["currency"],
    )  # fmt: skip


def _breaches(
    connection: Connection[Any], live: Generation, folded: Folded, at: date
) -> list[dict[str, Any]]:
    """The laws by the postings of the fold, in a table that ends with the transaction."""
    table, like = f"posting_g{_NONE}", f"posting_g{int(live.id)}"
    connection.execute(f"CREATE TEMPORARY TABLE {table} (LIKE {like}) ON COMMIT DROP")
    copy_rows(connection.cursor(), "posting", _NONE, folded.rows["posting"])
    return laws.check(connection, _NONE, at, live.position)
