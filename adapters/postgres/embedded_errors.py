"""Why the embedded PostgreSQL cannot be used, in words that say what to do.

Belongs here: the error, and turning what PostgreSQL or the operating system said into it.
Not here: noticing that something is wrong; that is where it goes wrong, in `embedded` and `account`.
"""

import errno
from pathlib import Path


class EmbeddedServerError(RuntimeError):
    """The embedded PostgreSQL cannot be used; the message says why and what to do."""


def explain(folder: Path, deed: str, said: str) -> str:
    """A refusal in the user's terms, followed by what PostgreSQL said."""
    if said.startswith("setpriv:"):
        advice = (
            "here root may not pass on its right to reach private folders: keep this folder and the "
            "environment outside of folders such as /root, or run this as a normal user"
        )
    elif "No space left on device" in said or "Disk quota exceeded" in said:
        advice = "the disk is full: free some space, and start again"
    elif "Permission denied" in said:
        advice = "the folder is closed to the account that runs it: choose another folder with CAIRN_DATA"
    elif "lock file" in said and "already exists" in said:
        advice = (
            "another PostgreSQL seems to use it: stop that process, or, if no server runs there, remove "
            "cluster/postmaster.pid"
        )
    elif "could not look up effective user ID" in said:
        advice = "this user has no entry in the system's list of users: add one, or run this as another user"
    elif "shared memory" in said or "Cannot allocate memory" in said:
        advice = "memory is short: free some, and start again"
    else:
        advice = "PostgreSQL says why"
    return f"could not {deed} the database in {folder}: {advice}\n{said.strip()}"


def explain_os_error(folder: Path, failure: OSError) -> str:
    """The same for an error that the operating system gave to us."""
    if failure.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        place = failure.filename or folder
        return f"{place} cannot be written: make it writable, or choose another folder with CAIRN_DATA"
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {folder} is full: free some space, and start again"
    if failure.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"{folder} is not a folder: choose another one with CAIRN_DATA"
    return f"could not use {folder} for the database: {failure}"
