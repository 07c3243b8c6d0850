"""Rows as CSV (RFC 4180) that a spreadsheet opens without running anything.

A text that begins like a formula is one to a spreadsheet, whoever wrote it into a source system; it gets
an apostrophe before it (OWASP, "CSV injection"). Decimals stay as they are, negative ones too. Belongs here:
every CSV that is given out. Does not belong here: which columns there are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

#: How a cell begins that spreadsheets take for a formula, after the blanks that some of them skip.
_FORMULA: Final = re.compile(r"[\t\r\n]|\s*[=+\-@\uff0b\uff0d\uff1d\uff20]")
_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


def cell(value: Any) -> Any:
    """What stands in a cell: a text that would be a formula gets an apostrophe, all else stays as it is."""
    if isinstance(value, str) and _FORMULA.match(value) and not _DECIMAL.fullmatch(value):
        return f"'{value}"
    return value


def as_csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The named columns of some rows, in order, with a head; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()
