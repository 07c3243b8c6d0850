"""Postings and dimensions of a generation as arrays, read by binary COPY in rows of one length.

Belongs here: reading. Does not belong here: what postings count for (projections/preview/worth), how groups
change over time (projections/preview/grouping).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from psycopg import Connection, sql

from projections import queries
from projections.preview.exact import Amounts, Days, Ints
from projections.questions import DEAL_DIMENSIONS

_EPOCH_DAYS: Final = 10_957  # of 2000-01-01, from which PostgreSQL counts
#: Bytes that are taken apart at once.
_BLOCK: Final = 8 * 2**20
_HEADER: Final = 19


class Postings(NamedTuple):
    """Postings in columns. deal, currency, sku: places in `Texts`; sku 0: none. flow: see `flow_of`.

    first, last: of the span; of a posting without one, the day itself. due: far in the future where none is.
    """

    deal: Ints
    position: Ints
    amount: Amounts
    stated: Ints
    effective: Ints
    first: Ints
    last: Ints
    due: Ints
    flow: Ints
    currency: Ints
    sku: Ints

    def take(self, which: Ints) -> Postings:
        """Some of them."""
        return Postings(*(column[which] for column in self))


class Entries(NamedTuple):
    """Values of dimensions from a day on, as known from a position on; value 0: withdrawn."""

    deal: Ints
    position: Ints
    effective: Ints
    name: Ints
    value: Ints


class Texts(NamedTuple):
    """What stands for numbers in the arrays of both generations. values, skus: from 1 on."""

    currencies: list[str]
    skus: list[str]
    values: list[str]


def flow_of(debit: Any, credit: Any, class_: Any) -> Any:
    """Both accounts and the class of a posting as one number below `FLOWS`."""
    return debit << 11 | credit << 4 | class_


#: Accounts are below 128 (projections/accounts), classes below 16.
FLOWS: Final = 1 << 18


def texts_of(connection: Connection[Any], generations: Sequence[int]) -> Texts:
    """All texts that stand in the journals of some generations."""
    currencies: set[str] = set()
    skus: set[str] = set()
    values: set[str] = set()
    for generation in generations:
        for currency, sku in connection.execute(queries.statement("preview_texts", generation)):
            currencies.add(currency)
            skus.update(() if sku is None else (sku,))
        values |= {row[0] for row in connection.execute(queries.statement("preview_values", generation))}
    return Texts(sorted(currencies), sorted(skus), sorted(values))


_POSTING: Final = ("deal i8", "position i8", "amount i8", "stated i4", "effective i4", "first i4", "last i4",
                   "due i4", "debit i2", "credit i2", "class i2", "currency i4", "sku i4")  # fmt: skip
_ENTRY: Final = ("deal i8", "position i8", "effective i4", "name i4", "value i4")


def postings(
    connection: Connection[Any], generation: int, known: int, texts: Texts, deals: Sequence[int] | None = None
) -> Postings:
    """A generation's postings known by a position, deals by their own numbers. deals: only these."""
    only: sql.Composable = sql.SQL("")
    if deals is not None:
        only = sql.SQL("AND p.deal = ANY({}::bigint[])").format(sql.Literal(list(deals)))
    statement = queries.statement("preview_postings", generation).format(
        currencies=sql.Literal(texts.currencies),
        skus=sql.Literal(texts.skus),
        known=sql.Literal(known),
        only=only,
    )
    parts = [
        (
            rows["deal"].astype(np.int64),
            rows["position"].astype(np.int64),
            rows["amount"].astype(np.int64),
            *(_days(rows[name]) for name in ("stated", "effective", "first", "last", "due")),
            flow_of(
                rows["debit"].astype(np.int32),
                rows["credit"].astype(np.int32),
                rows["class"].astype(np.int32),
            ),
            rows["currency"].astype(np.int16),
            rows["sku"].astype(np.int32),
        )
        for rows in _blocks(connection, statement, _POSTING)
    ]
    return Postings(*_joined(parts, 11))


def entries(connection: Connection[Any], generation: int, known: int, texts: Texts) -> Entries:
    """A generation's values of dimensions known by a position, deals by their own numbers."""
    statement = queries.statement("preview_dimensions", generation).format(
        names=sql.Literal(list(DEAL_DIMENSIONS)),
        values=sql.Literal(texts.values),
        known=sql.Literal(known),
    )
    parts = [
        (
            rows["deal"].astype(np.int64),
            rows["position"].astype(np.int64),
            _days(rows["effective"]),
            rows["name"].astype(np.int16) - 1,
            rows["value"].astype(np.int32),
        )
        for rows in _blocks(connection, statement, _ENTRY)
    ]
    return Entries(*_joined(parts, 5))


def _days(column: Ints) -> Days:
    """Day numbers as int32, infinity as far in the future as that goes."""
    days = column.astype(np.int64) + _EPOCH_DAYS
    return np.minimum(days, 2**31 - 1).astype(np.int32)


def _joined(parts: Sequence[tuple[Ints, ...]], columns: int) -> list[Ints]:
    if not parts:
        return [np.zeros(0, np.int64) for _ in range(columns)]
    return [np.concatenate([part[number] for part in parts]) for number in range(columns)]


def _blocks(connection: Connection[Any], statement: sql.Composed, fields: Sequence[str]) -> Iterator[Ints]:
    """The rows of a statement in blocks, as structured arrays with a length before every field."""
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for field in fields:
        name, kind = field.split()
        layout += [(f"length_of_{name}", ">i4"), (name, f">{kind}")]
    row = np.dtype(layout)
    held, size, begun = [], 0, False
    with connection.cursor() as cursor:
        copying = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(statement)
        with cursor.copy(copying) as copy:
            for piece in copy:
                held.append(piece)
                size += len(piece)
                if size >= _BLOCK:
                    whole = b"".join(held)
                    start = 0 if begun else _HEADER
                    end = start + (len(whole) - start) // row.itemsize * row.itemsize
                    yield np.frombuffer(whole[start:end], row)
                    held, begun = [whole[end:]], True
                    size = len(held[0])
    whole = b"".join(held)[0 if begun else _HEADER : -2]  # two bytes end it
    assert len(whole) % row.itemsize == 0, "every row has the same length"
    if whole:
        yield np.frombuffer(whole, row)
