"""Dates that the database holds and Python has no name for: a day before 0001-01-01, or after 9999-12-31.

A milestone whose time lay at the end of the calendar could be recorded once, and its business date in UTC be
a day outside. Belongs here: how such days are read, so that one of them stops no answer. Does not belong
here: refusing them at the door (domain/contract).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from psycopg import Connection, DataError
from psycopg.abc import Buffer
from psycopg.types.datetime import DateLoader


class HeldDay(DateLoader):
    """A date; the first or last day of the calendar where it lies outside."""

    def load(self, data: Buffer) -> date:
        """The date in the text that the database gives."""
        try:
            return super().load(data)
        except DataError:
            return date.min if bytes(data).endswith(b"BC") else date.max


def read_all(connection: Connection[Any]) -> None:
    """Let a connection read every date that the database can hold."""
    connection.adapters.register_loader("date", HeldDay)
