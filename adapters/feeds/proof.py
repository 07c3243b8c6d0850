"""What a pushed message is and what proving it comes to: the shapes that all schemes share.

Belongs here: a message as received, a proof, a refusal with its reason; choosing among several secrets. Does
not belong here: how a scheme proves (signatures.py, claims.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final, NamedTuple

from adapters.feeds.secret import Secret

_LONGEST_HEADER: Final = 16_000


class ProofRefused(PermissionError):
    """A message does not prove its sender. reason: snake_case; the message never repeats what was sent."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Proof(NamedTuple):
    """A message that proves its sender.

    scheme: how. secret: the name of the secret that did, never the secret; None where there is none. once:
    SHA-256 of what the sender makes only once for a message, so that whatever has it again is that message
    again; None where the scheme has nothing such.
    """

    scheme: str
    secret: str | None = None
    once: bytes | None = None

    def __str__(self) -> str:
        return self.scheme if self.secret is None else f"{self.scheme}; secret={self.secret}"


class Message(NamedTuple):
    """A message as it was received, before anything of it is believed.

    query: the raw query of its address. headers: names in lower case, with their values, in order.
    """

    method: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: str) -> bytes | None:
        """A header's value without blanks around it; None where it is missing.

        Raises ProofRefused where it stands more than once or is too long: then nobody can say what was meant.
        """
        wanted = name.encode()
        found = [value.strip() for key, value in self.headers if key == wanted]
        if not found:
            return None
        if len(found) > 1 or len(found[0]) > _LONGEST_HEADER:
            raise ProofRefused("signature_malformed", f"the header {name} stands twice or is too long")
        return found[0]

    def wanted(self, name: str) -> bytes:
        """As `header`, where it must be there. Raises ProofRefused."""
        found = self.header(name)
        if not found:
            raise ProofRefused("signature_missing", f"the header {name} is missing or empty")
        return found


def chosen(
    secrets: Iterable[Secret], at: float, proves: Callable[[Secret], bool], *, code: str = "signature_wrong"
) -> Secret:
    """The secret that proves a message and is in force at a moment, in seconds since 1970-01-01 UTC.

    All are tried, so that how long it takes tells nothing of which. Raises ProofRefused with the given code,
    or with `secret_not_in_force` where only one outside of its time does.
    """
    proving = [secret for secret in secrets if proves(secret)]
    for secret in proving:
        if secret.holds_at(at):
            return secret
    if proving:
        raise ProofRefused(
            "secret_not_in_force",
            f"proven with the secret {proving[0].name!r} outside of its `from` and `until`: extend them, or"
            " let the sender use the current one",
        )
    says = {
        "signature_wrong": "the signature is not that of this message with any of the feed's secrets: compare"
        " the secret with the sender's, and see that nothing on the way changes the body or the address",
    }.get(code, "none of the feed's secrets is the one that was sent")
    raise ProofRefused(code, says)


def once(*parts: bytes) -> bytes:
    """A digest of what a sender makes only once."""
    return sha256(b"\0".join(parts)).digest()


def check_clock(sent: float, at: float, tolerance: int) -> None:
    """Raises ProofRefused where a message's clock is further from ours than is tolerated, in seconds."""
    if at - sent > tolerance:
        raise ProofRefused(
            "timestamp_stale",
            f"signed {at - sent:.0f} seconds ago, and at most {tolerance} are tolerated: a replay, or a clock"
            " that is wrong",
        )
    if sent - at > tolerance:
        raise ProofRefused(
            "timestamp_ahead",
            f"signed {sent - at:.0f} seconds ahead of this clock, and at most {tolerance} are tolerated",
        )


def whole(text: bytes, name: str) -> int:
    """A timestamp in digits. Raises ProofRefused."""
    if not text.isdigit() or len(text) > 18:
        raise ProofRefused("signature_malformed", f"{name} is not a whole number")
    return int(text)
