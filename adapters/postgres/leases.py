"""Who uses the embedded server: one locked file for each user, and one more lock to take turns.

Belongs here: taking, leaving and counting. Not here: what follows from it: `embedded` starts and stops
the server.

The operating system drops a file's lock with the process that holds it, however that ends. A file without a
lock was left by a process that was killed; it counts for nothing and is cleared away.
"""

from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from adapters.postgres.account import Account


class Leases:
    """The leases on the server of `folder`. They are taken, left and counted by whoever has the turn."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._leases = folder / "leases"
        self._turn = folder / "turn.lock"

    def turn(self, *, patience: float = -1) -> FileLock:
        """The lock held while starting or stopping. Raises `Timeout` after `patience` seconds (-1: never)."""
        self._leases.mkdir(parents=True, exist_ok=True)
        return FileLock(self._turn, timeout=patience, thread_local=False)

    def share_with(self, account: Account) -> None:
        """Where root acts in a user's folder, what it makes there is that user's to open as well."""
        if account.owns(self._folder):
            for made in (self._leases, self._turn, *self._leases.glob("*.lease")):
                account.give(made)

    def take(self, account: Account) -> FileLock:
        """A lease of our own."""
        lease = FileLock(self._leases / f"{uuid4().hex}.lease", thread_local=False)
        lease.acquire()
        self.share_with(account)
        return lease

    def leave(self, lease: FileLock) -> None:
        lease.release()
        Path(lease.lock_file).unlink(missing_ok=True)

    def are_held(self) -> bool:
        """Whether any process, this one included, has a lease."""
        for path in self._leases.glob("*.lease"):
            try:
                with FileLock(path, timeout=0, thread_local=False):
                    pass
            except Timeout:
                return True
            path.unlink(missing_ok=True)
        return False
