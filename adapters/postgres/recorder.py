"""The log's recorder under the event sourcing library's Application, over our own tables.

Belongs here: the library's persistence module (recorder, subscription, factory), and what becomes of broken
connections. Does not belong here: the transaction itself (`unit`), connections (`datastore`), tables and
grants (migrations/).

Settings that the factory reads: DATABASE_URL, DATABASE_SCHEMA, and LOCK_TIMEOUT (seconds that a writer waits
for its turn, default 30). Tables are never made here.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast
from uuid import UUID

import psycopg
from eventsourcing import persistence
from eventsourcing import postgres as library
from eventsourcing.persistence import Notification, StoredEvent
from eventsourcing.utils import Environment, EnvType
from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from adapters.postgres.connections import channel_of, lock_of
from adapters.postgres.datastore import LogDatastore, translated
from adapters.postgres.rows import accepted_tail, event_tail
from adapters.postgres.statements import statements
from adapters.postgres.unit import LogUnit, Memory
from domain.deal import Recorded, stream_id
from domain.ledger import LogEvent

_SQL: Final = statements("recorder")
_LAST: Final = 2**63 - 1
#: Seconds between looks at the log by a subscription that hears nothing.
POLL_SECONDS: Final = 1.0


class LogRecorder(library.PostgresApplicationRecorder):
    """Appends batches under the writers' lock, and reads the log as the library wants to."""

    datastore: LogDatastore

    def __init__(self, datastore: LogDatastore, *, events_table_name: str = "log") -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        self.sql_create_statements.clear()
        self.channel_name = channel_of(datastore.schema)
        self.memory = Memory()
        self._turn = threading.Lock()
        self._writer: Connection[Any] | None = None

    # ---- writing

    @contextmanager
    def unit(self) -> Iterator[LogUnit]:
        """One writer's transaction; rolled back unless it was committed. One at a time in this process.

        Raises ConnectionLost where the connection breaks before the commit, other errors of
        eventsourcing.persistence as the server raises them; OperationalError also where the lock is not to
        be had in time.
        """
        with self._turn:
            connection = self._connected()
            unit = LogUnit(
                connection,
                self.memory,
                lock=lock_of(self.datastore.schema),
                channel=self.channel_name,
                has_committed=self._has_committed,
            )
            try:
                with translated(connection):
                    yield unit
                    if not unit.is_committed:
                        connection.rollback()
            except BaseException as error:
                unit.abandon(error)
                if unit.is_decided:
                    self.memory.forget()
                # a connection in doubt is not worth mending: its locks and its transaction go with it
                self._disconnect()
                raise
            if connection.broken or connection.closed:
                self._disconnect()

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append a piece of a batch within its unit. Raises ProgrammingError without one.

        There is no way to append past the unit: only under its lock are the numbers right.
        """
        unit = kwargs.get("unit")
        if not isinstance(unit, LogUnit):
            raise persistence.ProgrammingError("append through Ledger.record, under its lock")
        unit.append(cast("Sequence[Recorded]", stored_events))
        return None

    #: What can be packed of a milestone's and of an inbox row before the lock.
    pack_event = staticmethod(event_tail)
    pack_accepted = staticmethod(accepted_tail)

    def _connected(self) -> Connection[Any]:
        if self._writer is None or self._writer.closed:
            try:
                self._writer = self.datastore.connect_writer()
            except psycopg.OperationalError as error:
                raise persistence.OperationalError(f"the database can't be reached: {error}") from error
        return self._writer

    def _disconnect(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with contextlib.suppress(psycopg.Error):
                writer.close()

    def _has_committed(self, transaction: int) -> bool:
        """Whether a transaction is in the log; its lock tells when it is over."""
        try:
            with self.datastore.connect_writer() as connection, connection.transaction():
                sql = statements("unit")
                connection.execute(sql["lock"], (lock_of(self.datastore.schema),))
                row = connection.execute(sql["transaction_status"], (transaction,)).fetchone()
        except psycopg.Error as error:
            raise persistence.OperationalError(
                "the connection broke during a commit, and the server can't be asked what became of it: "
                f"{error}"
            ) from error
        return row is not None and row[0] == "committed"

    def close(self) -> None:
        """Close the writer's connection, once its batch is done."""
        with self._turn:
            self._disconnect()

    # ---- reading

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of a stream, by version."""
        stream = UUID(str(originator_id)).int
        if stream > _LAST:
            return []
        query = _SQL["select_events_descending" if desc else "select_events"]
        parameters = {
            "stream": stream,
            "after": gt or 0,
            "last": 2**31 - 1 if lte is None else lte,
            "limit": limit,
        }
        with self.datastore.get_connection() as connection:
            rows = connection.cursor(binary=True).execute(query, parameters).fetchall()
        return [
            LogEvent(
                originator_id=stream_id(row["stream"]),
                originator_version=row["version"],
                topic=row["topic"],
                state=row["state"],
                stream=row["stream"],
                position=row["position"],
                inbox=row["inbox"],
                identity=row["identity"].bytes,
                digest=row["digest"],
            )
            for row in rows
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Milestones in the order of recording; a notification's id is the position."""
        query = _SQL["select_notifications_of_topics" if topics else "select_notifications"]
        parameters = {
            "first": (start or 0) + (0 if inclusive_of_start else 1),
            "last": _LAST if stop is None else stop,
            "topics": list(topics),
            "limit": limit,
        }
        with self.datastore.get_connection() as connection:
            rows = connection.cursor(binary=True).execute(query, parameters).fetchall()
        return [
            Notification(
                id=row["position"],
                originator_id=stream_id(row["stream"]),
                originator_version=row["version"],
                topic=row["topic"],
                state=row["state"],
            )
            for row in rows
        ]

    def max_notification_id(self) -> int | None:
        """The last position, or None in an empty log."""
        with self.datastore.get_connection() as connection:
            row = connection.execute(_SQL["max_notification_id"]).fetchone()
        assert row is not None, "an aggregate always gives a row"
        last: int | None = row["max"]
        return last

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "LogSubscription":
        """A subscription from after position `gt`; nothing is missed."""
        return LogSubscription(self, gt, topics)


class LogSubscription(library.PostgresSubscription):
    """The library's subscription, which also looks once after LISTEN, and then every second.

    The library's own looks before it listens; what is committed in between it would see with the next commit.
    """

    def _listen(self) -> None:
        try:
            with self._recorder.datastore.get_connection() as connection:
                connection.execute(SQL("LISTEN {}").format(Identifier(self._recorder.channel_name)))
                self._listen_on(connection)
                connection.execute("UNLISTEN *")
        except Exception as error:  # noqa: BLE001 - the thread that iterates raises it
            if self._thread_error is None:
                self._thread_error = error
            self.stop()

    def _listen_on(self, connection: Connection[DictRow]) -> None:
        looked = -POLL_SECONDS
        while not self._has_been_stopped and not self._thread_error:
            if time.monotonic() - looked >= POLL_SECONDS:
                looked = time.monotonic()
                self._has_been_notified.set()
            for _ in connection.notifies(timeout=0.1, stop_after=1):
                self._has_been_notified.set()


class LogFactory(library.PostgresFactory):
    """What PERSISTENCE_MODULE=adapters.postgres.recorder finds: recorders of this schema's log."""

    datastore: LogDatastore

    def __init__(self, env: Environment | EnvType | None) -> None:
        persistence.InfrastructureFactory.__init__(self, env)
        conninfo = self.env.get("DATABASE_URL")
        schema = self.env.get("DATABASE_SCHEMA")
        if not conninfo or not schema:
            raise persistence.InfrastructureFactoryError("give the ledger DATABASE_URL and DATABASE_SCHEMA")
        self.datastore = LogDatastore(conninfo, schema, lock_timeout=int(self.env.get("LOCK_TIMEOUT", "30")))
        self._recorders: list[LogRecorder] = []

    def application_recorder(self) -> LogRecorder:
        """The recorder of the log."""
        recorder = LogRecorder(self.datastore)
        self._recorders.append(recorder)
        return recorder

    def aggregate_recorder(self, purpose: str = "events") -> persistence.AggregateRecorder:
        """Raises NotSupportedError: streams are short, and the log keeps no snapshots."""
        raise persistence.NotSupportedError(f"the log has no table of {purpose}: leave snapshots off")

    def close(self) -> None:
        """Close all connections."""
        for recorder in getattr(self, "_recorders", ()):
            recorder.close()
        super().close()
