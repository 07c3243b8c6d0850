"""Which deals two generations post otherwise, and the digests that prove that there are none.

Belongs here: comparing the rows of their tables. Does not belong here: what comes of it in reports.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final, NamedTuple

from psycopg import Connection, sql

from projections import queries

#: The tables of a generation with all their columns. Of `notice`, which has no deals, the topics are told.
TABLES: Final[dict[str, tuple[str, ...]]] = {
    "posting": (
        "deal", "position", "fact", "amount", "stated", "effective", "span_start", "span_end", "due", "debit",
        "credit", "class", "currency", "sku", "line", "object",
    ),
    "deal_name": ("deal", "position", "name"),
    "deal_dimension": ("deal", "position", "effective", "name", "value"),
    "signal": (
        "deal", "position", "fact", "amount", "effective", "sign", "code", "object", "currency", "detail",
    ),
    "notice": ("topic", "fact", "position", "sign", "state"),
    "fact_place": ("fact", "deal", "position"),
    "key_place": ("key", "deal", "position"),
}  # fmt: skip


class Differing(NamedTuple):
    """Numbers of the deals whose rows differ, by table, and types of milestones about the whole ledger."""

    deals: dict[str, list[int]]
    topics: list[str]

    @property
    def is_none(self) -> bool:
        """Whether both journals are the same."""
        return not (self.topics or any(self.deals.values()))

    def of(self, *tables: str) -> set[int]:
        """The deals whose rows in some tables differ."""
        return {deal for table in tables for deal in self.deals[table]}


def differing(connection: Connection[Any], old: int, new: int, known: int) -> Differing:
    """What two generations say otherwise, as known by a position."""
    deals = {}
    for table, columns in TABLES.items():
        if "deal" not in columns:
            continue
        text = (
            queries.text("preview_deals").replace("{columns}", ", ".join(columns)).replace("{table}", table)
        )
        rows = connection.execute(of_both(text, old, new), {"known": known}).fetchall()
        deals[table] = [int(row[0]) for row in rows]
    found = connection.execute(
        of_both(queries.text("preview_notices"), old, new), {"known": known}
    ).fetchall()
    return Differing(deals, sorted({row[0] for row in found}))


def of_both(text: str, old: int, new: int) -> sql.SQL:
    """A text of SQL with {old} and {new} put in."""
    return sql.SQL(text.replace("{old}", f"g{int(old)}").replace("{new}", f"g{int(new)}"))


def standing(
    connection: Connection[Any], old: int, new: int, known: int, found: Differing
) -> dict[str, tuple[int, int]]:
    """By code: how many of what the rules found stand in the old generation alone, and in the new alone."""
    asked = {"deals": found.deals["signal"], "known": known}
    rows = connection.execute(of_both(queries.text("preview_signals"), old, new), asked).fetchall()
    return {code: (int(gone), int(come)) for code, gone, come in rows}


def journal_digest(connection: Connection[Any], generation: int, known: int) -> str:
    """SHA-256 over all rows of a generation known by a position, table by table, sorted by all columns.

    Hexadecimal. Rows are taken as binary COPY writes them, so two generations with one digest are the same.
    """
    digest = sha256()
    for table, columns in TABLES.items():
        names = ", ".join(columns)
        digest.update(f"{table} {names}\n".encode())
        statement = sql.SQL(
            f"COPY (SELECT {names} FROM {table}_g{int(generation)} WHERE position <= {int(known)}"
            f" ORDER BY {names}) TO STDOUT (FORMAT binary)"
        )
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for piece in copy:
                digest.update(piece)
    return digest.hexdigest()
