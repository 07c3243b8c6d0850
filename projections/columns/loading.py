"""The journal read into columns: everything up to a position, block by block, and what came in after it.

Belongs here: the statements, bytes and tuples into arrays. Does not belong here: when it is read (keeping),
the order of rows (rows).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from projections import queries
from projections.columns.bounds import Bounds
from projections.columns.deals import NO_KEYS, NOTHING_SAID, Dimension, Index, Keys, Names, Said
from projections.columns.labels import Labels
from projections.columns.rows import NO_DAY, Raw, Segment, segment_of
from projections.columns.texts import Texts

Array = NDArray[Any]

#: Pages of the journal that are read at once: 8 kB each, some 75 postings.
_PAGES: Final = 512
_FETCHED: Final = 20_000
_VALUES: Final = 1_000
#: A row of columns_postings.sql.
_ROW: Final = np.dtype(
    [
        *((name, ">i8") for name in ("deal", "position", "amount", "fact", "line", "object")),
        *((name, ">i4") for name in ("stated", "effective", "start", "end", "due")),
        *((name, ">i2") for name in ("debit", "credit", "class")),
        *((name, ">i4") for name in ("sku", "currency")),
    ]
)
#: The columns that are kept, as small as they may be.
_KEPT: Final = {
    "deal": np.int64, "position": np.int64, "amount": np.int64, "stated": np.int32, "effective": np.int32,
    "start": np.int32, "end": np.int32, "due": np.int32, "debit": np.int16, "credit": np.int16,
    "class": np.uint8, "sku": np.int32, "currency": np.int32, "fact": np.int64, "line": np.int32,
    "object": np.int32,
}  # fmt: skip
#: Postings that a page holds, rather too many: memory that is never written to is none.
_PER_PAGE: Final = 100
#: What was said of one value of a dimension, in columns_said.sql.
_SAID: Final = np.dtype([("deal", ">i8"), ("position", ">i8"), ("effective", ">i4")])


class Size(NamedTuple):
    """How much there is to read: pages, rows about, and the position up to which there is something."""

    pages: int
    rows: int
    position: int


class Book:
    """What the codes of the columns of one generation stand for. Only one thread may add.

    currencies: by code; like all texts they are never forgotten. labels: of order lines and documents; lines,
    objects: of each that a posting names, which (deal, currency) and label it is.
    """

    def __init__(self) -> None:
        self.skus = Texts()
        self.currencies = Texts()
        self.names = Texts()
        self.values: defaultdict[str, Texts] = defaultdict(Texts)
        self.deals = Index(np.zeros(0, np.int64))
        self.owns = Index(np.zeros(0, np.int64))
        self.keys = Index(np.zeros(0, np.int64))
        self.labels = Labels()
        self.lines = Index(np.zeros(0, np.int64))
        self.objects = Index(np.zeros(0, np.int64))

    def put_in_order(self) -> None:
        """Work out the order of all texts, so that no question has to."""
        for texts in (self.skus, self.currencies, self.names, *self.values.values()):
            texts.ranks()


NO_DIMENSION: Final = Dimension(NOTHING_SAID, 0, NOTHING_SAID)


class Items(NamedTuple):
    """What order lines and documents are of, by number: number of (deal, currency), and of the label."""

    line_own: Array
    line_label: Array
    object_own: Array
    object_label: Array


NO_ITEMS: Final = Items(*(np.zeros(0, np.int32) for _ in range(4)))


def _items(book: Book, before: Items) -> Items:
    """All items by now."""
    lines = _with_parts(book.lines.values, before.line_own, before.line_label)
    return Items(*lines, *_with_parts(book.objects.values, before.object_own, before.object_label))


def _with_parts(values: Array, own: Array, label: Array) -> tuple[Array, Array]:
    if len(values) == len(own):
        return own, label
    later = np.divmod(values[len(own) :], LABELS)
    found = [np.concatenate([a, b.astype(np.int32)]) for a, b in zip((own, label), later, strict=True)]
    return found[0], found[1]


class Loaded(NamedTuple):
    """Everything of a generation up to a position."""

    position: int
    segment: Segment
    keys: Keys
    names: Names
    dimensions: dict[str, Dimension]
    bounds: Bounds
    items: Items


def size(connection: Connection[Any], generation: int) -> Size | None:
    """How much a generation has; None where it is not there."""
    row = connection.execute(queries.statement("columns_size", generation), {"id": generation}).fetchone()
    return None if row is None or row[2] is None else Size(*row)


def load(connection: Connection[Any], generation: int, found: Size, book: Book) -> Loaded:
    """Read a generation, in the caller's transaction, in which everything is seen as of one moment."""
    texts = connection.execute(
        queries.statement("columns_texts", generation), {"upto": found.position}
    ).fetchall()
    for sku, currency in texts:
        book.skus.code(sku)
        book.currencies.code(currency)
    book.labels.load(_streamed(connection, "columns_labels", generation, found.position))
    columns = _postings(connection, generation, found, book)
    book.labels.forget_hashes()
    named = _named(_streamed(connection, "columns_names", generation, found.position), book)
    said = _said_by_value(connection, generation, found.position, book)
    book.deals = Index(np.concatenate([columns["deal"], named.deal, *(own.deal for own in said.values())]))
    raw, first = _keyed(columns, book)
    columns.clear()
    keys = _grown(NO_KEYS, raw.key, first, book)
    bounds = Bounds().and_(raw)
    given = [*raw]
    del raw, first
    dimensions = {
        name: Dimension(_numbered(own, book).ordered(), found.position, NOTHING_SAID)
        for name, own in said.items()
    }
    names = named._replace(deal=book.deals.numbers(named.deal))
    return Loaded(found.position, segment_of(given), keys, names, dimensions, bounds, _items(book, NO_ITEMS))


def _streamed(
    connection: Connection[Any], statement: str, generation: int, upto: int
) -> Iterator[tuple[Any, ...]]:
    """The rows of a statement, fetched in bounded pieces, in the caller's transaction."""
    with connection.cursor(name=statement) as cursor:
        cursor.execute(queries.statement(statement, generation), {"after": 0, "upto": upto})
        while rows := cursor.fetchmany(_FETCHED):
            yield from rows


def _postings(connection: Connection[Any], generation: int, found: Size, book: Book) -> dict[str, Array]:
    """Every column of the postings, in the order of the table."""
    asked = {
        "none": NO_DAY,
        "upto": found.position,
        "skus": book.skus.ranks().texts[1:],
        "currencies": book.currencies.ranks().texts[1:],
    }
    coded: dict[str, Callable[[Array], Array]] = {
        "sku": _codes(book.skus).__getitem__,
        "currency": _codes(book.currencies).__getitem__,
        "line": book.labels.hashed,
        "object": book.labels.hashed,
    }
    # into place at once: blocks that are put together later leave holes in the heap, which it keeps
    columns = {name: np.empty((found.pages + 1) * _PER_PAGE, kind) for name, kind in _KEPT.items()}
    size_ = 0
    cursor = connection.cursor(binary=True)
    for page in range(0, found.pages + 1, _PAGES):
        block = {"first": f"({page},0)", "end": f"({page + _PAGES},0)"}
        cursor.execute(queries.statement("columns_postings", generation), {**asked, **block})
        row = cursor.fetchone()
        if row is None or row[0] is None:
            continue
        read = np.frombuffer(row[0], _ROW)
        for name, into in columns.items():
            if size_ + len(read) > len(into):
                columns[name] = into = np.concatenate([into, np.empty(len(into) + len(read), into.dtype)])
            into[size_ : size_ + len(read)] = coded[name](read[name]) if name in coded else read[name]
        size_ += len(read)
    return {name: column[:size_] for name, column in columns.items()}


def _codes(texts: Texts) -> Array:
    """The code of each text by its place in order; place 0: none."""
    of = texts.ranks().of
    codes = np.zeros(len(of), np.int64)
    codes[of] = np.arange(len(of))
    return codes


#: Numbers of keys go by product, then currency, then deal, so that those of one row mostly follow each other.
DEALS: Final = 2**40
OWNS: Final = 2**31
_NEVER: Final = 2**31
LABELS: Final = 2**31


def _keyed(columns: dict[str, Array], book: Book) -> tuple[Raw, Array]:
    """Postings with keys in place of deals, currencies and products, and the days from which they count."""
    owns = columns.pop("currency").astype(np.int64) * DEALS + book.deals.numbers(columns.pop("deal"))
    if not len(book.owns.values):
        book.owns = Index(owns)
    own = book.owns.numbers(owns)
    del owns
    book.lines = _numbered_in(book.lines, own, columns, "line")
    book.objects = _numbered_in(book.objects, own, columns, "object")
    keys = columns.pop("sku").astype(np.int64) * OWNS + own
    del own
    if not len(book.keys.values):
        book.keys = Index(keys)
    raw = Raw(
        columns["debit"], columns["credit"], columns["position"], book.keys.numbers(keys).astype(np.int32),
        columns["amount"], columns["effective"], columns["stated"], columns["class"], columns["due"],
        columns["start"], columns["end"], columns["fact"], columns["line"], columns["object"],
    )  # fmt: skip
    return raw, np.minimum(raw.effective, raw.stated)


def _numbered_in(index: Index, own: Array, columns: dict[str, Array], name: str) -> Index:
    """Labels of a column as numbers of items, each a label in a deal and currency."""
    values = own * LABELS + columns[name]
    if not len(index.values):
        index = Index(values)
    columns[name] = index.numbers(values).astype(np.int32)
    return index


def _grown(before: Keys, keys: Array, days: Array, book: Book) -> Keys:
    """All keys by now. days: on which postings of these keys count."""
    known = len(before.deal)
    sku, own = np.divmod(book.keys.values[known:], OWNS)
    currency, deal = np.divmod(book.owns.values[own], DEALS)
    columns: tuple[Array, ...] = (deal, currency, sku, own)
    if known:
        columns = tuple(np.concatenate(both) for both in zip(before[:4], columns, strict=True))
    of_own = before.of_own
    if len(own):
        of_own = np.zeros(len(book.owns.values), np.int64)
        of_own[: len(before.of_own)] = before.of_own
        of_own[own] = np.arange(known, known + len(own))
    first = np.full(len(book.deals.values), _NEVER)
    first[: len(before.first)] = before.first
    np.minimum.at(first, columns[0][keys], days.astype(np.int64))
    deal, currency, sku, own = columns
    return Keys(deal, currency, sku, own, of_own, first)


def _named(rows: Iterable[tuple[Any, ...]], book: Book) -> Names:
    """Names in the order of becoming known, of deals by their number in the ledger."""
    found = np.array([(position, deal, book.names.code(name)) for deal, position, name in rows], np.int64)
    found = found.reshape(-1, 3)
    return Names(*found[np.argsort(found[:, 0], kind="stable")].T.copy())


def _said(rows: Iterable[tuple[Any, ...]], book: Book) -> dict[str, Said]:
    """What was said of each dimension, of deals by their number in the ledger."""
    found: defaultdict[str, list[tuple[int, int, int, int]]] = defaultdict(list)
    for deal, position, effective, name, value in rows:
        found[name].append((effective, deal, position, book.values[name].code(value)))
    return {name: Said(*np.array(values, np.int64).T.copy()) for name, values in found.items()}


def _said_by_value(connection: Connection[Any], generation: int, upto: int, book: Book) -> dict[str, Said]:
    """All that was said up to a position: each value with everything that it was said of, in bytes."""
    found: defaultdict[str, list[Array]] = defaultdict(list)
    with connection.cursor(name="columns_said", binary=True) as cursor:
        cursor.itersize = _VALUES
        cursor.execute(queries.statement("columns_said", generation), {"upto": upto})
        for name, value, packed in cursor:
            read = np.frombuffer(packed, _SAID)
            own = np.empty((len(read), 4), np.int64)
            own[:, 0], own[:, 1], own[:, 2] = read["effective"], read["deal"], read["position"]
            own[:, 3] = book.values[name].code(value)
            found[name].append(own)
    return {name: Said(*np.concatenate(parts).T.copy()) for name, parts in found.items()}


def _numbered(said: Said, book: Book) -> Said:
    return said._replace(deal=book.deals.numbers(said.deal))


class Later(NamedTuple):
    """What came in after a position."""

    raw: Raw | None
    keys: Keys
    names: Names
    said: dict[str, Said]
    items: Items


def later(
    connection: Connection[Any], generation: int, after: int, upto: int, book: Book, before: Keys,
    items: Items,
) -> Later:  # fmt: skip
    """Read what became known after a position, up to another."""
    asked = {"after": after, "upto": upto, "none": NO_DAY}

    def rows(statement: str) -> list[tuple[Any, ...]]:
        return connection.execute(queries.statement(statement, generation), asked).fetchall()

    postings = rows("columns_postings_later")
    named = _named(rows("columns_names"), book)
    read = _said(rows("columns_dimensions"), book)
    said = {name: _numbered(own, book) for name, own in read.items()}
    names = named._replace(deal=book.deals.numbers(named.deal))
    if postings:
        raw, first = _keyed(_columns(postings, book), book)
        return Later(raw, _grown(before, raw.key, first, book), names, said, _items(book, items))
    none = np.zeros(0, np.int64)
    grown = len(book.deals.values) > len(before.first)
    return Later(None, _grown(before, none, none, book) if grown else before, names, said, items)


def _columns(rows: Iterable[tuple[Any, ...]], book: Book) -> dict[str, Array]:
    """Rows of columns_postings_later.sql as columns."""
    order = (
        "deal", "position", "amount", "stated", "effective", "start", "end", "due", "debit", "credit",
        "class", "sku", "currency", "fact", "line", "object",
    )  # fmt: skip
    columns = dict(zip(order, zip(*rows, strict=True), strict=True))
    texts: dict[str, Texts | Labels] = {"sku": book.skus, "currency": book.currencies}
    texts |= {"line": book.labels, "object": book.labels}
    found = {}
    for name, values in columns.items():
        own = [texts[name].code(value) for value in values] if name in texts else values
        found[name] = np.array(own, _KEPT[name])
    return found
