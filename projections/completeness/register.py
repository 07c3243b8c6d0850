"""The register of what milestones say of the objects of their sources: a row a milestone, behind the log.

The log has no columns for source, object and amount, and appending is not to pay for any. The projector takes
milestones in before the live generation gets as far as they are, so whoever reads a generation finds in the
register all that the generation knows. Belongs here: filling it. Does not belong here: reading it (objects).
"""

from __future__ import annotations

from typing import Any, Final

from psycopg import Connection

from domain import milestones as m
from domain.instants import to_date
from domain.stored import CODEC
from projections import queries
from projections.completeness.worth import worth

#: Milestones read at a time.
BATCH: Final = 20_000
_INT64: Final = 2**63
_TYPES: Final = (
    "bigint", "text", "text", "text", "text", "date", "boolean", "bigint", "text", "bigint", "bigint",
)  # fmt: skip
_COPY: Final = """COPY source_milestone (position, source, object, native_id, topic, effective, by_time,
    instant, currency, amount, number) FROM STDIN (FORMAT binary)"""


def position(connection: Connection[Any]) -> int:
    """The last position of the log that the register holds."""
    row = connection.execute("SELECT coalesce(max(position), 0) FROM source_milestone").fetchone()
    assert row is not None
    return int(row[0])


def take_in(connection: Connection[Any], schema: str, upto: int) -> int:
    """Take in the milestones up to a position, in the caller's transaction: how many. One at a time does."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{schema}.register",))
    after = begun = position(connection)
    while after < upto:
        cursor = connection.cursor(binary=True)
        cursor.execute(queries.statement("read_log"), {"after": after, "limit": min(BATCH, upto - after)})
        rows = [_row(CODEC.decode(topic, state), at) for at, _, topic, state in cursor]
        with connection.cursor().copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for row in rows:
                copy.write_row(row)
        after = rows[-1][0]
    return max(0, after - begun)


def _row(milestone: m.Milestone, position: int) -> tuple[Any, ...]:
    kind, _, native = milestone.subject.partition("/")
    said = worth(milestone)
    amount = said.amount if said.amount is not None and abs(said.amount) < _INT64 else None
    return (
        position,
        milestone.source,
        kind,
        native,
        milestone.name,
        to_date(milestone.effective),
        m.BY_TIME in milestone.attributes,
        milestone.instant,
        None if amount is None else said.currency,
        amount,
        number_of(milestone.sequence),
    )


def number_of(sequence: str | None) -> int | None:
    """A sequence as a whole number of 64 bits; None where it is none."""
    if sequence is None or len(sequence) > 20:
        return None
    digits = sequence[1:] if sequence[:1] == "-" else sequence
    if not (digits.isascii() and digits.isdigit()):
        return None
    number = int(sequence)
    return number if -_INT64 <= number < _INT64 else None
