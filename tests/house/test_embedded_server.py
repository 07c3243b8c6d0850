"""The embedded PostgreSQL: made, shared by processes, killed, found again, and refused in plain words."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from adapters.postgres.account import AccountError, choose_account
from adapters.postgres.embedded import EmbeddedServer
from adapters.postgres.embedded_errors import EmbeddedServerError, explain, explain_os_error

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"shared_buffers": "16MB"}
Start = Callable[[], "subprocess.Popen[str]"]
IS_ROOT = sys.platform != "win32" and os.geteuid() == 0

USE_UNTIL_INPUT_ENDS = """
import sys
from pathlib import Path
from adapters.postgres.embedded import EmbeddedServer
with EmbeddedServer(Path(sys.argv[1]), settings={"shared_buffers": "16MB"}) as url:
    print(url, flush=True)
    while True:
        try:
            sys.stdin.read()
            break
        except KeyboardInterrupt:
            print("interrupted", flush=True)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for one server. Whatever a failed test leaves running on it is ended."""
    with tempfile.TemporaryDirectory(prefix="cairn-test-", ignore_cleanup_errors=True) as made:
        path = Path(made).resolve()
        yield path
        for pid_file in path.glob("**/cluster/postmaster.pid"):
            pid = int(pid_file.read_text().splitlines()[0])
            if psutil.pid_exists(pid) and str(pid_file.parent) in psutil.Process(pid).cmdline():
                os.kill(pid, signal.SIGQUIT)


def server_of(folder: Path) -> EmbeddedServer:
    return EmbeddedServer(folder, settings=SMALL)


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "cluster" / "postmaster.pid").read_text().splitlines()[0]))


def has_ended(process: psutil.Process) -> bool:
    """Whether it is gone, or only waits for the operating system to notice."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return row[0]


def tell(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture
def another_process(folder: Path) -> Iterator[Start]:
    """Start a process that uses the server of `folder` until its input ends; its first line is the URL."""
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        words = [sys.executable, "-c", USE_UNTIL_INPUT_ENDS, str(folder)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            words, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, start_new_session=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: "subprocess.Popen[str]") -> int:
    process.communicate(timeout=60)
    return process.returncode


# ---- what it is


def test_the_server_is_durable_checked_and_speaks_utf8_and_utc(folder: Path) -> None:
    with server_of(folder) as url:
        shown = {
            name: ask(url, f"SELECT current_setting('{name}')")
            for name in (
                "fsync", "synchronous_commit", "data_checksums", "server_encoding", "timezone", "jit",
                "max_connections", "listen_addresses",
            )
        }  # fmt: skip
        assert shown == {
            "fsync": "on", "synchronous_commit": "on", "data_checksums": "on", "server_encoding": "UTF8",
            "timezone": "UTC", "jit": "off", "max_connections": "64", "listen_addresses": "",
        }  # fmt: skip
        assert str(ask(url, "SELECT version()")).startswith("PostgreSQL 18.")
        assert ask(url, "SELECT datlocale FROM pg_database WHERE datname = 'postgres'") == "C.UTF-8"


def test_nobody_else_can_reach_its_socket_or_its_files(folder: Path) -> None:
    with server_of(folder):
        assert {name: (folder / name).stat().st_mode & 0o077 for name in ("cluster", "run", "log")} == {
            "cluster": 0, "run": 0, "log": 0,
        }  # fmt: skip


def test_what_was_written_is_there_after_a_stop_and_a_start(folder: Path) -> None:
    with server_of(folder) as url:
        tell(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    assert not (folder / "cluster" / "postmaster.pid").exists()
    with server_of(folder) as url:
        assert ask(url, "SELECT n FROM kept") == 7


def test_starting_twice_and_stopping_twice_is_starting_and_stopping_once(folder: Path) -> None:
    server = server_of(folder)
    assert server.start() == server.start()
    server.stop()
    server.stop()
    assert not (folder / "cluster" / "postmaster.pid").exists()


@pytest.mark.parametrize("name", ["with a space", "it's", "x" * 120], ids=["space", "quote", "long"])
def test_a_folder_with_an_awkward_name_serves_as_well(folder: Path, name: str) -> None:
    with server_of(folder / name) as url:
        assert ask(url, "SELECT 1") == 1
        sockets = Path(str(conninfo_to_dict(url)["host"]))
        assert sockets.stat().st_mode & 0o777 == 0o700
    assert sockets.is_relative_to(folder) or not sockets.exists(), "a folder in /tmp goes with the server"


# ---- who shares it


def test_two_processes_share_one_server_and_the_last_to_leave_stops_it(
    folder: Path, another_process: Start
) -> None:
    mine = server_of(folder)
    url = mine.start()
    other = another_process()
    assert first_line(other) == url
    running = postmaster(folder)
    mine.stop()
    assert ask(url, "SELECT 1") == 1, "the other process still uses it"
    assert end(other) == 0
    assert has_ended(running)


def test_two_users_in_one_process_share_it_too(folder: Path) -> None:
    first, second = server_of(folder), server_of(folder)
    assert first.start() == second.start()
    first.stop()
    assert ask(second.start(), "SELECT 1") == 1
    second.stop()
    assert not (folder / "cluster" / "postmaster.pid").exists()


def test_processes_that_start_together_make_one_cluster(folder: Path, another_process: Start) -> None:
    together = [another_process() for _ in range(4)]
    assert len({first_line(process) for process in together}) == 1
    assert [end(process) for process in together] == [0, 0, 0, 0]
    assert not (folder / "cluster" / "postmaster.pid").exists()


def test_ctrl_c_reaches_the_user_of_the_server_and_not_the_server(
    folder: Path, another_process: Start
) -> None:
    other = another_process()
    url = first_line(other)
    time.sleep(0.2)  # until it waits for input, where it expects the interruption
    os.killpg(other.pid, signal.SIGINT)
    assert first_line(other) == "interrupted"
    assert ask(url, "SELECT 1") == 1
    assert end(other) == 0


# ---- what a kill leaves behind


def test_after_its_user_was_killed_the_orphaned_server_is_used_again_and_then_stopped(
    folder: Path, another_process: Start
) -> None:
    other = another_process()
    url = first_line(other)
    tell(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    orphan = postmaster(folder)
    other.kill()
    end(other)
    with server_of(folder) as again:
        assert postmaster(folder).pid == orphan.pid
        assert ask(again, "SELECT n FROM kept") == 7
    assert has_ended(orphan)
    assert not list((folder / "leases").iterdir())


def test_after_user_and_server_were_killed_every_commit_is_recovered(
    folder: Path, another_process: Start
) -> None:
    other = another_process()
    tell(first_line(other), "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    running = postmaster(folder)
    other.kill()
    running.kill()
    end(other)
    while not has_ended(running):
        time.sleep(0.01)
    with server_of(folder) as url:
        assert ask(url, "SELECT n FROM kept") == 7


def test_a_process_id_that_is_somebody_elses_by_now_is_not_taken_for_the_server(folder: Path) -> None:
    with server_of(folder) as url:
        tell(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
        left_behind = (folder / "cluster" / "postmaster.pid").read_text().splitlines()
    stranger = os.getpid()
    (folder / "cluster" / "postmaster.pid").write_text("\n".join([str(stranger), *left_behind[1:], ""]))
    with server_of(folder) as url:
        assert postmaster(folder).pid != stranger
        assert ask(url, "SELECT n FROM kept") == 7


def test_a_cluster_that_was_half_made_is_made_anew(folder: Path) -> None:
    (folder / "cluster.new").mkdir()
    (folder / "cluster.new" / "PG_VERSION").write_text("18\n")
    with server_of(folder) as url:
        assert ask(url, "SELECT 1") == 1
    assert not (folder / "cluster.new").exists()


# ---- whose it is


@pytest.mark.skipif(not IS_ROOT, reason="only root acts for other users")
def test_root_serves_a_users_folder_as_that_user(folder: Path) -> None:
    import pwd

    nobody = pwd.getpwnam("nobody")
    mine = folder / "theirs"
    mine.mkdir()
    os.chown(mine, nobody.pw_uid, nobody.pw_gid)
    with server_of(mine) as url:
        assert ask(url, "SELECT 1") == 1
        assert postmaster(mine).uids().real == nobody.pw_uid
        owners = {path.name: path.stat().st_uid for path in mine.iterdir()}
    assert set(owners.values()) == {nobody.pw_uid}, owners


@pytest.mark.skipif(not IS_ROOT, reason="only root needs another account")
def test_root_serves_a_private_folder_and_leaves_its_permissions_alone(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    with server_of(folder) as url:
        assert ask(url, "SELECT 1") == 1
        assert postmaster(folder).uids().real != 0
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not IS_ROOT, reason="only root needs another account")
def test_root_without_setpriv_in_a_private_folder_is_told_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **how: None if name == "setpriv" else which(name))
    with pytest.raises(EmbeddedServerError, match=r"outside of private folders|install util-linux"):
        server_of(folder).start()


def test_a_folder_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(AccountError, match=r"belongs to another user .*CAIRN_DATA"):
        choose_account(folder, folder / "cluster")


# ---- what it refuses


def test_a_cluster_of_another_major_version_is_refused_and_left_alone(folder: Path) -> None:
    (folder / "cluster").mkdir(mode=0o700)
    (folder / "cluster" / "PG_VERSION").write_text("17\n")
    with pytest.raises(
        EmbeddedServerError, match=r"made by PostgreSQL 17, and this is PostgreSQL 18: dump it"
    ):
        server_of(folder).start()
    assert [path.name for path in (folder / "cluster").iterdir()] == ["PG_VERSION"]


def test_a_folder_with_something_else_in_the_clusters_place_is_refused(folder: Path) -> None:
    (folder / "cluster").mkdir()
    (folder / "cluster" / "letters.txt").write_text("keep me")
    with pytest.raises(EmbeddedServerError, match=r"no PostgreSQL cluster: move it away"):
        server_of(folder).start()
    assert (folder / "cluster" / "letters.txt").read_text() == "keep me"


def test_a_file_in_the_folders_place_is_refused(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(
        EmbeddedServerError, match=r"file is not a folder: choose another one with CAIRN_DATA"
    ):
        server_of(folder / "file").start()


@pytest.mark.skipif(IS_ROOT, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(folder: Path) -> None:
    folder.chmod(0o500)
    with pytest.raises(EmbeddedServerError, match=r"cannot be written: make it writable"):
        server_of(folder / "deeper").start()
    folder.chmod(0o700)


def test_a_setting_that_postgresql_refuses_is_shown_in_its_words(folder: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"could not start the database(.|\n)*shared_buffers"):
        EmbeddedServer(folder, settings={"shared_buffers": "a lot"}).start()


def test_a_full_disk_is_called_a_full_disk(folder: Path) -> None:
    said = 'FATAL:  could not write to file "pg_wal/xlogtemp.29": No space left on device'
    assert "the disk is full: free some space" in explain(folder, "start", said)
    assert "is full: free some space" in explain_os_error(folder, OSError(28, "No space left on device"))


@pytest.mark.skipif(not IS_ROOT, reason="only root can mount a small disk")
def test_a_disk_too_small_for_a_cluster_is_refused_and_left_empty(folder: Path) -> None:
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", small], check=False)
    if mounted.returncode != 0:
        pytest.skip("this system does not let us mount a small disk")
    try:
        with pytest.raises(EmbeddedServerError, match=r"the disk is full: free some space"):
            server_of(small).start()
        assert not (small / "cluster").exists()
    finally:
        subprocess.run(["umount", small], check=True)
