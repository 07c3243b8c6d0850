"""Under which account of the operating system the embedded PostgreSQL runs, and how it reaches its files.

Belongs here: choosing that account, and running a program as it. What is run, and what for, is in `embedded`.

PostgreSQL refuses to run as root, and rightly. Started by anybody else, the server runs as that user, and
nothing here does anything. Started by root, it runs as the owner of the cluster, else as the owner of the
folder, else as the system account `cairn`, which is made on first use (`nobody` where none can be made).

That account may have no way into the folder (`/root` is closed to others). Permissions of folders that are
not ours stay as they are: instead the server gets the one capability that lets it pass, `CAP_DAC_OVERRIDE`,
from `setpriv`, a part of every common Linux distribution. It is less than what the root that started it has.
"""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

SYSTEM_ACCOUNT = "cairn"


class AccountError(RuntimeError):
    """No account can run the server on that folder; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account to run programs as: numeric ids, and whether they are the ids of this process already."""

    uid: int
    gid: int
    is_ours: bool

    def give(self, path: Path) -> None:
        """Make `path` belong to the account. A symbolic link is given itself, never what it points to."""
        if sys.platform != "win32" and not self.is_ours:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def owns(self, path: Path) -> bool:
        return sys.platform != "win32" and path.stat().st_uid == self.uid

    def private_folder(self, path: Path) -> Path:
        """`path` as a folder of the account that is closed to everybody else, made where there is none.

        Raises: `AccountError` where something else has its place.
        """
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
            self.give(path)
        seen = path.lstat()
        is_private = stat.S_ISDIR(seen.st_mode) and seen.st_uid == self.uid and not seen.st_mode & 0o077
        if sys.platform != "win32" and not is_private:
            raise AccountError(
                f"{path} must be a folder of the database's own account (uid {self.uid}) with mode 0700: "
                "move away what is there"
            )
        return path

    def run(self, command: Sequence[str | Path], *, working_folder: Path) -> tuple[int, str]:
        """Run a program to its end as this account: (exit code, what it printed, both streams together).

        It runs in a session of its own, so that Ctrl-C in the terminal reaches only us. Its output goes
        through a file, because a server that it leaves behind may keep a pipe open for ever.

        Raises: `AccountError` where the account cannot reach the program or `working_folder`.
        """
        words = [str(word) for word in command]
        # a fixed environment: PGDATA, PGPORT and their like belong to other servers
        environment = None if sys.platform == "win32" else {"PATH": os.defpath, "LC_ALL": "C"}
        with TemporaryFile() as output:
            if self.is_ours:
                done = subprocess.run(
                    words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment,
                    cwd=working_folder, start_new_session=True, check=False,
                )  # fmt: skip
            else:
                done = self._run_as_other(words, output.fileno(), environment, working_folder)
            output.seek(0)
            return done.returncode, output.read().decode(errors="replace").strip()

    def _run_as_other(
        self, words: list[str], output: int, environment: dict[str, str] | None, working_folder: Path
    ) -> "subprocess.CompletedProcess[bytes]":
        if self._passes(Path(words[0]).parent) and self._passes(working_folder):
            return subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment,
                cwd=working_folder, start_new_session=True, check=False,
                user=self.uid, group=self.gid, extra_groups=(),
            )  # fmt: skip
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise AccountError(
                f"PostgreSQL does not run as root, and the account that it runs as (uid {self.uid}) cannot "
                f"pass the folders above {working_folder} or {words[0]}: keep both outside of private "
                "folders such as /root, install util-linux (for setpriv), or run this as a normal user"
            )
        passing = [
            # the bit keeps the capability for access(2), by which PostgreSQL looks for its own programs
            setpriv, f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups",
            "--securebits=+no_setuid_fixup",
            "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--",
        ]  # fmt: skip
        return subprocess.run(
            passing + words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env=environment, cwd=working_folder, start_new_session=True, check=False,
        )  # fmt: skip

    def _passes(self, folder: Path) -> bool:
        """Whether the account may pass `folder` and every one above it, by their owners and modes."""
        whole = folder.resolve()
        for passed in (whole, *whole.parents):
            seen = passed.stat()
            if seen.st_uid == self.uid:
                needed = stat.S_IXUSR
            elif seen.st_gid == self.gid:
                needed = stat.S_IXGRP
            else:
                needed = stat.S_IXOTH
            if not seen.st_mode & needed:
                return False
        return True


def ourselves() -> Account:
    """The account that this process runs as."""
    if sys.platform == "win32":
        return Account(0, 0, is_ours=True)
    return Account(os.geteuid(), os.getegid(), is_ours=True)


def choose_account(folder: Path, cluster: Path) -> Account:
    """The account that the server of `folder` runs as; `cluster` need not exist yet.

    Raises: `AccountError` where the cluster belongs to somebody whom we cannot act for.
    """
    if sys.platform == "win32":
        return ourselves()
    us = os.geteuid()
    owner = (cluster if cluster.exists() else folder).stat()
    if us != 0:
        if owner.st_uid != us:
            raise AccountError(
                f"{folder} belongs to another user (uid {owner.st_uid}, you are uid {us}): choose another "
                "folder with CAIRN_DATA, or run this as its owner"
            )
        return ourselves()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, is_ours=False)
    return _system_account()


def _system_account() -> Account:
    import pwd

    for name in (SYSTEM_ACCOUNT, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            if name != SYSTEM_ACCOUNT or not _make_system_account():
                continue
            entry = pwd.getpwnam(name)
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid, is_ours=False)
    raise AccountError(
        "PostgreSQL does not run as root, and there is no other account to run it: run this as a normal "
        f"user, or make a system account named {SYSTEM_ACCOUNT}"
    )


def _make_system_account() -> bool:
    useradd = shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")
    if useradd is None:
        return False
    words = [useradd, "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    words += ["--shell", "/usr/sbin/nologin", SYSTEM_ACCOUNT]
    done = subprocess.run(words, capture_output=True, check=False)
    # 9: somebody else made it in the meantime
    return done.returncode in (0, 9)
