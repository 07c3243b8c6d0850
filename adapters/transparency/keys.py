"""The key that checkpoints are signed with: an Ed25519 key in a file outside of the database.

Belongs here: making, reading and using the file, and checking signatures. The private key goes into no log
line, no error and no table. Does not belong here: what is signed.

Beside the key the signer keeps what it signed last, a file for each ledger: `<key file>.last-<digits>`. It
lies outside of the database too, so that a database that was set back to an earlier state is found out. The
ledger is that of a schema, not that of a name which the database gives: who can change the one can the other.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from domain.notes import Note, NoteRefused, Signature, VerifierKey, is_name, read_note

_log: Final = logging.getLogger(__name__)
_MOST_BYTES: Final = 10_000
#: Begins the first line of the memory; the note follows.
_CHAIN: Final = "chain "


class SigningKeyRefused(RuntimeError):
    """The file holds no key that can sign; the message says what to do."""


def verify(public: bytes, text: bytes, signature: bytes) -> bool:
    """Whether it is the Ed25519 signature of that key (32 bytes) over the text."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def make_key(path: Path) -> None:
    """Write a new key to a file that only its owner can read. Raises SigningKeyRefused where there is one."""
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    # complete, or not there: two that make it at once agree on one of them
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.link(name, path)
    except FileExistsError:
        raise SigningKeyRefused(f"{path} is there already: name another file, or move it away") from None
    finally:
        Path(name).unlink(missing_ok=True)


class Remembered(NamedTuple):
    """What was signed last. chain: of its row, by which all that were signed before it are fixed."""

    note: Note
    chain: bytes


class Signer:
    """A key that signs for one ledger, the origin. Neither its text form nor its errors show the key."""

    def __init__(self, path: Path, origin: str, ledger: str | None = None) -> None:
        """Read the key. ledger: by what its memory is told from others; default: the origin.

        Raises SigningKeyRefused.
        """
        if not is_name(origin):
            raise SigningKeyRefused(f"{origin[:80]!r} can't be an origin: no blanks, no plus, not empty")
        self.path = path
        self.origin = origin
        self._key = _read(path)
        self.key = VerifierKey(origin, self._key.public_key().public_bytes_raw())
        self._memory = path.with_name(
            f"{path.name}.last-{sha256((ledger or origin).encode()).hexdigest()[:12]}"
        )
        self._forgetful = False

    def __repr__(self) -> str:
        return f"Signer({self.key.text})"

    def sign(self, text: str) -> Note:
        """A note of the text."""
        return Note(text, (Signature(self.origin, self.key.key_id, self._key.sign(text.encode())),))

    @property
    def memory(self) -> Path:
        """The file that holds what was signed last."""
        return self._memory

    def remembered(self) -> Remembered | None:
        """What was signed last, as the file beside the key says; None before the first time.

        Raises SigningKeyRefused where the file holds something else.
        """
        try:
            content = self._memory.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SigningKeyRefused(f"{self._memory} can't be read: {error.strerror}") from None
        first, _, rest = content.partition(b"\n")
        try:
            chain = bytes.fromhex(first.decode("ascii").removeprefix(_CHAIN))
            return Remembered(read_note(rest), chain)
        except (NoteRefused, ValueError) as error:
            raise SigningKeyRefused(
                f"{self._memory} should hold what was signed last, but does not ({error}): restore it"
            ) from None

    def remember(self, note: str, chain: bytes) -> None:
        """Keep what was signed last. Where the folder can't be written that is said once, and left."""
        content = f"{_CHAIN}{chain.hex()}\n{note}".encode()
        with contextlib.suppress(OSError):
            if self._memory.read_bytes() == content:
                return
        try:
            replace(self._memory, content)
        except OSError as error:
            if not self._forgetful:
                _log.warning(
                    "%s can't be written (%s): a database that is set back will not be noticed here;"
                    " publish checkpoints elsewhere",
                    self._memory,
                    error.strerror,
                )
            self._forgetful = True


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MOST_BYTES)
    except OSError as error:
        raise SigningKeyRefused(
            f"the signing key {path} can't be read ({error.strerror}): make one with"
            f" cairn checkpoint --make-key {path}"
        ) from None
    if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o077:
        _log.warning("others than its owner can use the signing key: chmod 600 %s", path)
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyRefused(
            f"{path} holds no Ed25519 key in PEM without a password: make one with"
            " cairn checkpoint --make-key FILE"
        )
    return key


def replace(path: Path, content: bytes) -> None:
    """Write a file whole: whoever reads it sees the old or the new content. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
