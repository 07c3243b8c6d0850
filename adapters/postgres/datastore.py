"""Connections of the log: the readers' pool, the writer's own connection, and errors as the library has them.

Belongs here: what the event sourcing library calls a datastore. Does not belong here: what is written and
read over these connections (`recorder`, `unit`), and pools for everybody else (`connections`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from eventsourcing import persistence
from eventsourcing import postgres as library
from psycopg import Connection, IsolationLevel
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from adapters.postgres.binary import register_arrays
from adapters.postgres.connections import checked_schema, conninfo_for
from domain.ledger import ConnectionLost

#: A writer that stands still inside its transaction is cut off after this time, so that others go on.
IDLE_SECONDS: Final = 60

_ERRORS: Final = (
    (psycopg.OperationalError, persistence.OperationalError),
    (psycopg.IntegrityError, persistence.IntegrityError),
    (psycopg.DataError, persistence.DataError),
    (psycopg.ProgrammingError, persistence.ProgrammingError),
    (psycopg.NotSupportedError, persistence.NotSupportedError),
    (psycopg.InternalError, persistence.InternalError),
    (psycopg.InterfaceError, persistence.InterfaceError),
)


@contextmanager
def translated(connection: Connection[Any]) -> Iterator[None]:
    """The driver's errors as the library's; a broken connection as ConnectionLost."""
    try:
        yield
    except psycopg.Error as error:
        if connection.broken or connection.closed:
            raise ConnectionLost(str(error)) from error
        for theirs, ours in _ERRORS:
            if isinstance(error, theirs):
                raise ours(str(error)) from error
        raise persistence.PersistenceError(str(error)) from error


class LogDatastore(library.PostgresDatastore):
    """Connections for reading as the application's role, in the schema, and one for writing."""

    def __init__(self, conninfo: str, schema: str, *, lock_timeout: int) -> None:
        self.conninfo = conninfo
        self.schema = checked_schema(schema)
        self.lock_timeout = lock_timeout
        self.originator_id_type = "uuid"
        self.enable_db_functions = False
        self.single_row_tracking = True
        self.pool_open_timeout = None
        self.db_type_names: set[str] = set()
        self.psycopg_type_adapters = {}
        self.psycopg_python_types = {}
        self.pool = library.ConnectionPool(
            conninfo_for(conninfo, schema, application_name="cairn reader"),
            connection_class=Connection[DictRow],
            kwargs={"row_factory": dict_row, "autocommit": True},
            min_size=0,
            max_size=8,
            open=False,
            check=ConnectionPool.check_connection,
        )

    def register_type_adapters(self) -> None:
        """The log has no composite types."""

    def connect_writer(self) -> Connection[Any]:
        """A connection for appending: its plans always use the indexes, whatever the planner has seen yet."""
        connection: Connection[Any] = psycopg.connect(
            conninfo_for(
                self.conninfo,
                self.schema,
                application_name="cairn writer",
                lock_timeout=f"{self.lock_timeout}s",
                idle_in_transaction_session_timeout=f"{IDLE_SECONDS}s",
                enable_seqscan="off",
                plan_cache_mode="force_generic_plan",
                jit="off",
            ),
            autocommit=True,
        )
        # an answer means durable, even where the database's default says otherwise
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.autocommit = False
        # each statement sees what was committed before it began; so what follows the lock sees everything
        connection.isolation_level = IsolationLevel.READ_COMMITTED
        register_arrays(connection)
        return connection
