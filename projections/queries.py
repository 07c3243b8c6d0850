"""Named SQL: the files of projections/sql, read once, with the tables of a generation put in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from psycopg import sql

_FOLDER: Final = Path(__file__).parent / "sql"


@cache
def text(name: str) -> str:
    """The text of projections/sql/<name>.sql."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def statement(name: str, generation: int | None = None) -> sql.SQL:
    """A named statement; `{generation}` becomes `g<number>`, so it can only ever name one generation."""
    body = text(name)
    if generation is not None:
        body = body.replace("{generation}", f"g{int(generation)}")
    return sql.SQL(body)


def copy_into(table: str, generation: int) -> sql.Composed:
    """Binary COPY into a table of a generation."""
    return sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(f"{table}_g{int(generation)}"))
