"""Keys and sealed values: what the secret of a ledger is made into, and AES-256-GCM under a key per subject.

Belongs here: deriving, wrapping, sealing and opening; the file that the secret stands in. Does not belong
here: tables (vault.py), tokens' form (tokens.py).

The secret never stands in the database; the keys of subjects stand there wrapped under it. So neither a copy
of the database alone nor the secret alone opens anything, and what a destroyed key has sealed, both do not.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from adapters.personal.tokens import Pseudonyms, Token

_KEY: Final = 32
_NONCE: Final = 12
_SALT: Final = 16
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")
_PURPOSES: Final = ("subject", "value", "wrap", "proof")


class SecretRefused(ValueError):
    """The secret can't be used; the message says what to do, and never what it is."""


class Unsealed(ValueError):
    """Sealed bytes are not what was sealed: they or their key were changed."""


def read_secret(path: Path) -> bytes:
    """The 32 bytes that a file holds as 64 hex digits. Raises SecretRefused."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise SecretRefused(
            f"{path}: there is no such file: restore it; a ledger that never had one gets it with"
            f" cairn personal --make-key {path}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SecretRefused(f"{path}: can't be read ({type(error).__name__})") from None
    if _HEX.fullmatch(text) is None:
        raise SecretRefused(f"{path}: must hold 64 hex digits and nothing else")
    return bytes.fromhex(text)


def make_secret(path: Path) -> bool:
    """Make a file with a new secret, readable by its owner alone: whether it was not there before.

    It is whole from the moment that it is there. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def new_salt() -> bytes:
    """16 bytes that make a ledger's keys its own."""
    return secrets.token_bytes(_SALT)


class Secret:
    """A ledger's secret with its salt: its pseudonyms, and the keys of its subjects."""

    def __init__(self, master: bytes, salt: bytes) -> None:
        length = _KEY * len(_PURPOSES)
        derived = HKDF(hashes.SHA256(), length, salt, b"cairn personal v1").derive(master)
        keys = [derived[start : start + _KEY] for start in range(0, length, _KEY)]
        self.pseudonyms = Pseudonyms(keys[0], keys[1])
        self._wrapping = AESGCM(keys[2])
        self.proof = hmac.digest(keys[3], b"proof", "sha256")[:16]

    def wrap(self, subject: bytes, key: bytes) -> bytes:
        """A subject's key as it is kept."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._wrapping.encrypt(nonce, key, b"key" + subject)

    def unwrap(self, subject: bytes, wrapped: bytes) -> bytes:
        """A subject's key. Raises Unsealed."""
        return _opened(self._wrapping, wrapped, b"key" + subject)


def new_key() -> bytes:
    """A key for a subject."""
    return AESGCM.generate_key(256)


def seal(key: bytes, token: Token, raw: bytes) -> bytes:
    """A value as it is kept: its nonce, then its bytes encrypted and bound to the token."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, raw, token.json)


def unseal(key: bytes, token: Token, sealed: bytes) -> bytes:
    """A value's bytes as they stood in the payload. Raises Unsealed."""
    return _opened(AESGCM(key), sealed, token.json)


def _opened(cipher: AESGCM, sealed: bytes, bound: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
    except (InvalidTag, ValueError):
        raise Unsealed("a sealed value or its key is not what it was: restore the table") from None
