"""The journal's rows in PostgreSQL's binary COPY format: packed by struct, many in one write.

Belongs here: bytes of rows. Does not belong here: what they mean (projections/fold) and when they are
written (projections/runner, projections/rebuild).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, Final

from psycopg import Cursor

from projections import queries
from projections.book import NO_DUE, Notice, Row, Signal
from projections.cluster import Change
from projections.packed import DATE, EMPTY, NULL, Texts, copying, length

# A point in time has no span, and most transfers no due date: those columns are null.
_HEAD: Final = Struct(">hiqiqiq").pack
_POINT: Final = Struct(">iqiiii" + "iii" + "ihihih").pack
_SPAN: Final = Struct(">iqiiii" + "iiiii" + "ihihih").pack
_DUE: Final = Struct(">iqiiii" + "iiii" + "ihihih").pack
_NAME: Final = Struct(">hiqiq").pack
_DIMENSION: Final = Struct(">hiqiqii").pack
_SIGNAL: Final = Struct(">hiqiqiqiqiiih").pack
_NOTICE: Final = Struct(">hiqiqih").pack
_FACT_PLACE: Final = Struct(">hiqiqiq").pack
_KEY_PLACE: Final = Struct(">hiqiq").pack
TABLES: Final = (
    "posting", "deal_name", "deal_dimension", "signal", "notice", "fact_place", "key_place",
)  # fmt: skip


class Journal:
    """Collects what changes add to a generation, as bytes ready for COPY."""

    __slots__ = ("_texts", "buffers", "postings")

    def __init__(self) -> None:
        self._texts = Texts(NULL)
        self.buffers: dict[str, list[bytes]] = {table: [] for table in TABLES}
        self.postings = 0

    def add(self, change: Change) -> None:
        """Take in all rows of a change."""
        position = change.position
        self.add_postings(change.rows, position)
        if change.names:
            self.add_names(change.names, position)
        if change.dimensions:
            self.add_dimensions(change.dimensions, position)
        if change.signals or change.notices or change.places:
            self.add_beside(change.signals, change.notices, change.places, position)

    def add_postings(self, rows: Sequence[Row], position: int | None) -> None:
        """Take in postings that are known from a position on; None: each from its fact's."""
        text, texts = self._texts.pack, self._texts.kept.get  # texts: the usual case without a call
        extend = self.buffers["posting"].extend
        of_deal = of_fact = 0
        head = b""
        for (
            deal, fact, debit, credit, currency, amount, stated, effective, start, end, due, sku, line,
            object_, class_,
        ) in rows:  # fmt: skip
            if fact != of_fact or deal != of_deal:
                of_deal, of_fact = deal, fact
                head = _HEAD(16, 8, deal, 8, fact, 8, fact if position is None else position)
            if start != end:
                numbers = _SPAN(
                    8, amount, 4, stated - DATE, 4, effective - DATE, 4, start - DATE, 4, end - DATE,
                    -1, 2, debit, 2, credit, 2, class_,
                )  # fmt: skip
            elif due != NO_DUE:
                numbers = _DUE(
                    8, amount, 4, stated - DATE, 4, effective - DATE, -1, -1, 4, due - DATE,
                    2, debit, 2, credit, 2, class_,
                )  # fmt: skip
            else:
                numbers = _POINT(
                    8, amount, 4, stated - DATE, 4, effective - DATE, -1, -1, -1,
                    2, debit, 2, credit, 2, class_,
                )  # fmt: skip
            extend((
                head,
                numbers,
                texts(currency) or text(currency),
                texts(sku) or text(sku),
                texts(line) or text(line),
                texts(object_) or text(object_),
            ))  # fmt: skip
        self.postings += len(rows)

    def add_names(self, names: Iterable[tuple[int, str]], position: int) -> None:
        """Take in public names: (deal, name), "" where the deal has become part of another."""
        text, append = self._texts.pack, self.buffers["deal_name"].append
        for deal, name in names:
            append(_NAME(3, 8, deal, 8, position) + (text(name) if name else EMPTY))

    def add_dimensions(self, dimensions: Iterable[tuple[int, str, int, str | None]], position: int) -> None:
        """Take in dimensions: (deal, dimension, effective day, value), None where it no longer holds."""
        text, append = self._texts.pack, self.buffers["deal_dimension"].append
        for deal, name, day, value in dimensions:
            head = _DIMENSION(5, 8, deal, 8, position, 4, day - DATE)
            append(head + text(name) + (NULL if value is None else text(value)))

    def add_beside(
        self,
        signals: Iterable[Signal],
        notices: Iterable[Notice],
        places: Iterable[tuple[int | str, int]],
        position: int,
    ) -> None:
        """Take in what stands beside the postings."""
        text, buffers = self._texts.pack, self.buffers
        for deal, fact, code, day, object_, currency, amount, detail, sign in signals:
            head = _SIGNAL(10, 8, deal, 8, fact, 8, position, 8, amount, 4, day - DATE, 2, sign)
            buffers["signal"].append(
                b"".join((head, text(code), text(object_), text(currency), text(detail)))
            )
        for fact, topic, state, sign in notices:
            buffers["notice"].append(
                _NOTICE(5, 8, fact, 8, position, 2, sign) + text(topic) + length(len(state)) + state
            )
        for what, deal in places:
            if isinstance(what, int):
                buffers["fact_place"].append(_FACT_PLACE(3, 8, what, 8, deal, 8, position))
            else:
                buffers["key_place"].append(_KEY_PLACE(3, 8, deal, 8, position) + text(what))

    def take(self, table: str) -> bytes:
        """The rows collected for one table, which is empty afterwards."""
        rows = b"".join(self.buffers[table])
        self.buffers[table].clear()
        return rows

    def write(self, cursor: Cursor[Any], generation: int) -> None:
        """COPY everything collected into a generation's tables."""
        for table in TABLES:
            if self.buffers[table]:
                copy_rows(cursor, table, generation, [self.take(table)])


def copy_rows(cursor: Cursor[Any], table: str, generation: int, rows: Iterable[bytes]) -> None:
    """COPY packed rows into one table of a generation."""
    with copying(cursor, queries.copy_into(table, generation)) as write:
        for block in rows:
            write(block)
