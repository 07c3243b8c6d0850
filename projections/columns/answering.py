"""A report read off the columns: the rows, order, pages and totals that projections/reports reads with SQL.

Belongs here: putting question, scan and netting together; rows and totals. Does not belong here: any of
those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from domain.instants import from_date
from projections.answers import Report, Row, amounts_of, rows_of
from projections.columns.asking import Asked, Beyond, asked, monthly_of
from projections.columns.cells import Cells
from projections.columns.keeping import Columns, State
from projections.columns.netting import NET, netted, ratios, reduced
from projections.columns.picking import Piece, Wanted, Which, pieces, taken
from projections.columns.rows import Pair
from projections.columns.scanning import CLASSES, At, Frame, Signature, Sums, Target, signature_of
from projections.formulas import readings
from projections.measures import Measure, View
from projections.questions import Query, checked, windows

Array = NDArray[Any]

#: Cells times windows of one measure that a question may take; SQL does with less memory.
MOST_CELLS: Final = 1 << 25
#: Rows of an answer that is kept, for those who ask the same again.
MOST_KEPT: Final = 1_000
#: Cells from which on those are left out that no posting falls into.
_MANY: Final = 1 << 19
#: How many of what is netted should fall into the same row one after the other.
_RUN: Final = 8


def answer(columns: Columns, connection: Connection[Any], query: Query) -> Report | None:
    """A report; None where SQL has to answer. Raises ReportRefused."""
    if query.generation != columns.generation or query.convert is not None:
        return None
    view = checked(query)
    state = columns.at_least(connection, query.known)
    if state is None or not state.bounds.exact:
        return None
    # what was known at a position never changes, so neither does its report
    key = (
        *(
            part
            for name, part in zip(query._fields, query, strict=True)
            if name not in ("filters", "policies")
        ),
        tuple(sorted(query.filters.items())),
        query.policies.to_json(),
    )
    found: Report | None = columns.answers.get(key)
    if found is None:
        try:
            found = _Answering(state, asked(columns, state, connection, query, view)).report()
        except Beyond:
            return None
        if len(found.rows) <= MOST_KEPT:
            columns.answers.put(key, found)
    return found


class _Job(NamedTuple):
    """Targets to add up in cells."""

    cells: Cells
    targets: list[Target]

    def frame_of(self, frame: Frame) -> Frame:
        """The frame, without the eve where nothing asks for it."""
        begins = any(one.when in ("span", "class", "before") for one in self.targets)
        return frame if begins else frame._replace(eve=None)


class _Answering:
    """One question."""

    def __init__(self, state: State, asked_: Asked) -> None:
        self._state = state
        self._asked = asked_
        self._query = asked_.query
        self._digits = CLASSES if asked_.by_class else 1
        self._spans = windows(self._query)
        self._pairs = sorted(set().union(*(segment.pairs for segment in state.segments)))
        self._prepare_cells()

    def _prepare_cells(self) -> None:
        """Cells of rows, and those within which something is netted."""
        passes, within = self._asked.passes, self._asked.within
        keys = [one.keys for one in passes]
        most = len(self._asked.currencies.texts)
        for column in self._asked.groups:
            most *= len(column.texts)
        codes = [one.codes for one in passes]
        self._inner: Cells | None = None
        self._into: list[Array] = []
        if within is not None:
            inner = len(within.texts)
            self._inner = Cells(codes, keys, most * inner, self._digits)
            codes = [code // inner for code in codes]
        self._rows = Cells(codes, keys, most, self._digits)
        if self._asked.view.net_by == "deal":
            self._inner, self._into = self._netting(len(passes))

    def _netting(self, passes: int) -> tuple[Cells, list[Array]]:
        """Cells of deals in a currency, by product of those in it too; and which row's cell each falls into.

        Those of one row follow each other for the most part, or are put in order.
        """
        keys = self._state.keys
        places = np.arange(len(keys.deal if self._asked.by_product else keys.of_own), dtype=np.uint32)
        of, into = [], []
        for number in range(passes):
            rows = self._rows.at(number, places if self._asked.by_product else keys.of_own, None)
            own = places
            if _RUN * int(np.count_nonzero(np.diff(rows))) > len(rows):
                order = np.argsort(rows.astype(np.uint16) if self._rows.size < 2**16 else rows, kind="stable")
                own, rows = np.empty_like(places), rows.take(order)
                own[order] = places
            of.append(own if self._asked.by_product else own.take(keys.own))
            into.append(rows)
        return Cells.plain(of, len(places)), into

    # -- sums ----------------------------------------------------------------------------------------------

    def report(self) -> Report:
        """The rows of the page, and the totals."""
        sums: dict[str, Array] = {}
        for view, numbers in readings(self._query):
            found = self._sums(view)
            if not sums:
                sums = {name: np.zeros_like(values) for name, values in found.items()}
            for name, values in found.items():
                sums[name][numbers] = values[numbers]
        return self._told(sums)

    def _sums(self, view: View) -> dict[str, Array]:
        """Everything that stands in a row, by window and cell, as a view is read."""
        frame = self._frame(view)
        taken = self._taken(view, frame)
        if self._digits > 1:
            self._narrow(taken)
        jobs = self._jobs(view)
        self._check(jobs, len(frame.ends))
        sums: dict[str, Array] = {}
        inner: dict[str, Array] = {}
        for number, one in enumerate(self._asked.passes):
            own = frame if len(one.windows) == len(frame.ends) else frame.only(one.windows)
            found = [self._scan(job, job.frame_of(own), number, taken[number]) for job in jobs]
            if view.net_by == "deal":
                found[0] |= netted(view, found[1], self._into[number], self._rows.size)
            elif view.net_by:
                _add(inner, found[0], one.windows, len(frame.ends))
                continue
            _add(sums, found[0], one.windows, len(frame.ends))
        if view.net_by == "customer":
            assert self._inner is not None, "ratios are worked out within something"
            assert self._asked.within is not None, "within customers"
            codes, _ = self._inner.codes(np.arange(self._inner.size))
            into = self._rows.find(codes // len(self._asked.within.texts))
            both = {**inner, **ratios(view, inner)}
            sums = {name: reduced(values, into, self._rows.size) for name, values in both.items()}
        return sums

    def _jobs(self, view: View) -> list[_Job]:
        targets = [
            Target(one, self._counts(one), bucket)
            for one, bucket in zip(view.base, _buckets(view), strict=True)
        ]
        if view.net_by == "customer":
            assert self._inner is not None, "ratios are worked out within something"
            return [_Job(self._inner, targets)]
        shown = [target for target in targets if not target.measure.hidden]
        if view.net_by != "deal":
            return [_Job(self._rows, shown)]
        assert self._inner is not None, "liabilities are worked out within deals"
        hidden = [target for target in targets if target.measure.hidden]
        if view.liability == "invoiced":
            hidden = [_net(hidden)]
        return [_Job(self._rows, shown), _Job(self._inner, hidden)]

    def _counts(self, measure: Measure) -> dict[Pair, int]:
        return {pair: sign for pair in self._pairs if (sign := measure.counts(*pair))}

    def _frame(self, view: View) -> Frame:
        from_eve = any(one.when in ("span", "class", "before") for one in view.base)
        start = self._query.start
        return Frame(
            self._asked.ends,
            from_date(start) - 1 if start is not None and from_eve else None,
            tuple(one.bucket[1] for one in view.base if one.bucket is not None and one.bucket[1] is not None),
            any(one.when == "beyond" for one in view.base),
            monthly_of(self._query.policies),
        )

    def _taken(self, view: View, frame: Frame) -> list[list[Piece]]:
        """The postings of each pass."""
        wanted = {}
        for pair in self._pairs:
            whens = {one.when for one in view.base if one.counts(*pair)}
            if whens:
                moves = whens <= {"span", "class"}
                wanted[pair] = Wanted(
                    frame.eve if moves else None,
                    None if "beyond" in whens else frame.ends[-1],
                    "class" in whens or self._asked.by_class,
                    "bucket" in whens,
                )
        held, only = self._state.segments, self._asked.only
        return [pieces(held, wanted, only, one.keys) for one in self._asked.passes]

    def _cells_of(self, cells: Cells, number: int, piece: Piece) -> At:
        """The cells of the postings of a piece."""
        own: Array | None = None
        if cells.digits > 1:
            own = np.zeros(len(piece.key), np.uint8) if piece.class_ is None else piece.class_
        of_all: Array | None = None

        def at(which: Which) -> Array:
            nonlocal of_all
            if of_all is None and isinstance(which, slice | None):
                of_all = cells.at(number, piece.key, own)
            if of_all is not None:
                return taken(of_all, which)
            return cells.at(number, taken(piece.key, which), None if own is None else taken(own, which))

        return at

    def _narrow(self, taken: Sequence[list[Piece]]) -> None:
        for cells in (self._rows, self._inner):
            if cells is not None and cells.size > _MANY and not cells.is_narrow:
                cells.narrow(
                    self._cells_of(cells, number, piece)(None)
                    for number, found in enumerate(taken)
                    for piece in found
                )

    def _check(self, jobs: Sequence[_Job], ends: int) -> None:
        if any(job.cells.size * (ends + 1) * len(job.targets) > MOST_CELLS for job in jobs):
            raise Beyond("too many cells")

    def _scan(self, job: _Job, frame: Frame, number: int, taken: Sequence[Piece]) -> dict[str, Array]:
        """The sums of each target, by window and cell, in one pass."""
        alike: dict[Signature, Sums] = {}
        for piece in taken:
            signature, sign = signature_of(job.targets, piece.pair)
            if not signature:
                continue
            if signature not in alike:
                alike[signature] = Sums(frame, job.cells.size, [job.targets[n] for n, _ in signature])
            alike[signature].add(piece, self._cells_of(job.cells, number, piece), sign)
        found: dict[str, Array] = {}
        for n, target in enumerate(job.targets):
            sums: Array | None = None
            for signature, own in alike.items():
                count = dict(signature).get(n)
                if count is not None:
                    values = own.of(target)
                    values = values if count == 1 else values * count
                    sums = values if sums is None else sums + values
            name = target.measure.name
            found[name] = np.zeros((len(frame.ends), job.cells.size), np.int64) if sums is None else sums
        return found

    # -- rows ----------------------------------------------------------------------------------------------

    def _told(self, sums: dict[str, Array]) -> Report:
        view, query = self._asked.view, self._query
        shown = [*view.summed, *view.netted]
        some = np.zeros((len(self._spans), self._rows.size), bool)
        for name in shown:
            some |= sums[name] != 0
        places = np.flatnonzero(some.reshape(-1))
        numbers, cells = np.divmod(places, self._rows.size) if self._rows.size else (places, places)
        digits = self._digits_of(cells)
        flat = {name: values.reshape(-1)[places] for name, values in sums.items()}
        totals = [] if view.whole else self._totals(flat, numbers, digits[-1])
        order = np.arange(len(places)) if self._digits == 1 else np.lexsort((*reversed(digits), numbers))
        page = order[query.offset : query.offset + query.limit]
        names, texts = self._texts()
        groups = {
            name: [own[rank] for rank in ranks[page].tolist()]
            for name, own, ranks in zip(names, texts, digits, strict=True)
        }
        amounts = {name: values[page].tolist() for name, values in flat.items()}
        rows = rows_of(view, query, self._spans, numbers[page].tolist(), groups, amounts)
        return Report(rows, totals, len(order) > query.offset + query.limit)

    def _texts(self) -> tuple[list[str], list[Sequence[str | None]]]:
        """The names of a row's groups with their texts by rank, as the question has them; currency last."""
        own: dict[str, Sequence[str | None]] = {column.name: column.texts for column in self._asked.groups}
        if self._asked.by_class:
            own["class"] = [str(number) for number in range(CLASSES)]
        names = [name for name in dict.fromkeys(self._query.by) if name in own]
        return [*names, "currency"], [*(own[name] for name in names), self._asked.currencies.texts]

    def _digits_of(self, cells: Array) -> list[Array]:
        """The rank of each group of cells, in the same order."""
        codes, rest = self._rows.codes(cells)
        codes, currency = np.divmod(codes, len(self._asked.currencies.texts))
        found: dict[str, Array] = {}
        for column in reversed(self._asked.groups):
            codes, found[column.name] = np.divmod(codes, len(column.texts))
        if self._asked.by_class:
            found["class"] = rest
        return [*(found[name] for name in dict.fromkeys(self._query.by) if name in found), currency]

    def _totals(self, flat: dict[str, Array], numbers: Array, currency: Array) -> list[Row]:
        """By currency: turnovers over all windows, what stands on a day in the last one."""
        view, texts = self._asked.view, self._asked.currencies.texts
        last = np.flatnonzero(numbers == len(self._spans) - 1)
        sums = {}
        for name in (*view.summed, *view.netted):
            found = np.zeros(len(texts), np.int64)
            if view.totalled_from(name) == "last":
                np.add.at(found, currency[last], flat[name][last])
            else:
                np.add.at(found, currency, flat[name])
            sums[name] = found.tolist()
        totals = []
        for rank in sorted(set(currency.tolist())):
            row = {"currency": texts[rank], **{name: values[rank] for name, values in sums.items()}}
            totals.append(amounts_of(view, row) | {"currency": texts[rank]})
        return totals


def _add(into: dict[str, Array], found: dict[str, Array], numbers: Sequence[int], windows_: int) -> None:
    """Add the windows of a pass to those of the others."""
    for name, values in found.items():
        if name not in into:
            if len(numbers) == windows_:
                into[name] = values
                continue
            into[name] = np.zeros((windows_, values.shape[1]), np.int64)
        into[name] = into[name].copy()
        into[name][numbers] += values


def _net(hidden: Sequence[Target]) -> Target:
    """What is billed less what is performed, as one."""
    by_name = {target.measure.name: target.counts for target in hidden}
    position, performed = by_name["net_position"], by_name["net_performed"]
    counts = {
        pair: position.get(pair, 0) - performed.get(pair, 0) for pair in sorted({*position, *performed})
    }
    return Target(Measure(NET, "end"), {pair: count for pair, count in counts.items() if count})


def _buckets(view: View) -> list[int]:
    """The place of each measure among the ageing ones; 0 for the others."""
    ageing = [one.name for one in view.base if one.bucket is not None]
    return [ageing.index(one.name) if one.bucket is not None else 0 for one in view.base]
