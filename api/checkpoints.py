"""Checkpoints and keys of the transparency log as they are asked for. For HTTP and the command line.

Belongs here: which checkpoint answers a question, who signs, and what is told where nobody can. Does not
belong here: proofs and tiles (inclusions), the tree and its signatures (adapters/transparency), printing.
"""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg import Connection

from adapters.intake import IntakeClosed, IntakeFull
from adapters.transparency import building, entries, signing, tiles
from adapters.transparency.entries import LogChanged
from adapters.transparency.keys import Signer, SigningKeyRefused, make_key
from adapters.transparency.signing import Made, Tampered
from api.reading import text_of
from api.settings import Settings
from api.trail import act_of_command

_log: Final = logging.getLogger("cairn.checkpoints")


class NothingSigns(RuntimeError):
    """No signing key is there, or the transparency log is switched off; the message says what to do."""


class NotInTree(LookupError):
    """The tree does not hold what is asked for."""


class TreeBehind(TimeoutError):
    """The tree has not come as far as the log yet."""


class Plan(NamedTuple):
    """How the transparency log of a ledger is run, in plain values, so that another process can be told.

    key: file of the signing key. makes_key: whether it is made where it is missing. every: seconds between
    checkpoints, 0: only at request. publish: a file or an address.
    """

    schema: str
    on: bool
    key: str | None
    makes_key: bool
    origin: str | None
    every: int
    publish: str | None


#: Seconds that the tree may take where somebody waits who can end it.
PATIENCE: Final = 600.0


class Means(NamedTuple):
    """What making a checkpoint takes. note: makes an entry of the audit trail, as Trail.noticed does.

    patience: seconds that the tree may take to come as far as the log.
    """

    plan: Plan
    note: Callable[[str, Mapping[str, str]], object]
    patience: float = 10.0

    @classmethod
    def of_command(cls, settings: Settings, url: str, patience: float = 10.0) -> Means:
        """Those of a command, which has no server at hand."""
        return cls(plan_of(settings), partial(act_of_command, settings, url), patience)


def plan_of(settings: Settings) -> Plan:
    """The plan of these settings."""
    key = settings.signing_key
    is_embedded = settings.database_url is None
    if key is None and is_embedded:
        key = settings.own_folder / "signing.key"
    return Plan(
        schema=settings.tenant,
        on=settings.transparency,
        key=None if key is None else str(key.expanduser().absolute()),
        makes_key=is_embedded and settings.signing_key is None,
        origin=settings.origin,
        every=settings.checkpoint_seconds,
        publish=settings.publish,
    )


def origin_of(plan: Plan, connection: Connection[Any]) -> str:
    """The name of this ledger in checkpoints."""
    return plan.origin or f"cairn/{plan.schema}/{signing.mark(connection)}"


def signer_of(plan: Plan, connection: Connection[Any]) -> Signer:
    """Who signs. Raises NothingSigns, SigningKeyRefused."""
    if not plan.on:
        raise NothingSigns("the transparency log is switched off: set CAIRN_TRANSPARENCY=1")
    if plan.key is None:
        raise NothingSigns(
            "no key signs checkpoints here: make one with cairn checkpoint --make-key FILE, set"
            " CAIRN_SIGNING_KEY=FILE for every process of the ledger, and start them again"
        )
    path = Path(plan.key)
    if plan.makes_key and not path.exists():
        with suppress(SigningKeyRefused):  # another process has made it meanwhile
            make_key(path)
    return _signer(plan, path, connection)


def signer_at_hand(plan: Plan, connection: Connection[Any]) -> Signer | None:
    """Who signs, for what it remembers; None where no key is there yet. Raises SigningKeyRefused."""
    path = None if plan.key is None else Path(plan.key)
    return None if path is None or not path.exists() else _signer(plan, path, connection)


def _signer(plan: Plan, path: Path, connection: Connection[Any]) -> Signer:
    # the memory goes by what nobody can change in the database: a name that it gives is not that
    ledger = None if plan.origin else f"schema {plan.schema}"
    return Signer(path, origin_of(plan, connection), ledger)


def fresh(connection: Connection[Any], means: Means) -> Made:
    """A checkpoint of everything that is in the log now.

    Raises NothingSigns, SigningKeyRefused, TreeBehind, Tampered.
    """
    signer = signer_of(means.plan, connection)
    caught_up(connection, means)
    return signed(connection, signer, means)


def caught_up(connection: Connection[Any], means: Means) -> None:
    """Let the tree come as far as the log is now. Raises TreeBehind, Tampered."""
    head = entries.head(connection)
    try:
        done = building.catch_up(connection, head, means.patience)
    except LogChanged as found:
        why = str(found)
        if signing.note_refusal(connection, why):
            _note(means, "checkpoint.refused", {"why": why})
        raise Tampered(why) from found
    if not done:
        raise TreeBehind(
            f"the tree did not come to position {head} within {means.patience:g} s: ask again later"
        )


def signed(connection: Connection[Any], signer: Signer, means: Means) -> Made:
    """A checkpoint of the tree as it stands, noted in the audit trail where something about it is new.

    Not where it is the first one and the key was made for it: nobody has decided anything. Raises
    SigningKeyRefused, Tampered.
    """
    is_own = means.plan.makes_key and not signing.keys(connection)
    used: list[dict[str, str]] = []
    try:
        made = signing.sign(
            connection,
            signer,
            first_use=lambda key, size: used.append({"key": key.text, "from_size": str(size)}),
        )
    except Tampered as found:
        if found.is_new:
            _note(means, "checkpoint.refused", {"why": str(found)})
        raise
    for details in () if is_own else used:
        _note(means, "signing_key.first_used", details)
    return made


def _note(means: Means, act: str, details: dict[str, str]) -> None:
    try:
        means.note(act, details)
    except (PersistenceError, IntakeFull, IntakeClosed, psycopg.Error) as error:
        _log.warning("%s can't be noted in the audit trail now (%s)", act, type(error).__name__)


def newest(connection: Connection[Any], means: Means) -> Made:
    """The last checkpoint; the first one where none has been made. Raises what `fresh` does."""
    return signing.newest(connection) or fresh(connection, means)


def listed(connection: Connection[Any], after: int, limit: int) -> dict[str, Any]:
    """Checkpoints in the order of signing. `next` is where to go on, null where there are no more."""
    found = signing.listed(connection, after, limit + 1)
    shown = found[:limit]
    return {
        "checkpoints": [
            {
                "id": one.id,
                "size": one.size,
                "root": base64_of(one.root),
                "made_at": text_of(one.made_at),
                "checkpoint": one.note,
            }
            for one in shown
        ],
        "next": shown[-1].id if len(found) > limit else None,
    }


def keys(connection: Connection[Any], plan: Plan) -> dict[str, Any]:
    """Public keys that have signed, and the name under which they did."""
    return {
        "origin": origin_of(plan, connection),
        "keys": [
            {
                "key": used.key.text,
                "name": used.key.name,
                "id": used.key.key_id.hex(),
                "from_size": used.from_size,
                "first_used_at": text_of(used.first_used_at),
            }
            for used in signing.keys(connection)
        ],
    }


def standing(connection: Connection[Any]) -> dict[str, Any]:
    """How the transparency log is: how far behind the log, what was signed last, and what is wrong.

    `refused`: why nothing is signed any more, `changed`: which milestone is not what was hashed, `denied`:
    how what is published denies the ledger; each means that the ledger was changed. `unpublished`: why the
    last checkpoint could not be published.
    """
    head, size = entries.head(connection), tiles.state(connection)[0]
    made = signing.newest(connection)
    wrong = signing.troubles(connection)
    return {
        "size": size,
        "behind": max(0, head - size),
        "checkpoint": None if made is None else {"size": made.size, "made_at": text_of(made.made_at)},
        **{name: why for name, why in wrong._asdict().items() if why is not None},
        "ok": wrong.refused is None and wrong.changed is None and wrong.denied is None,
    }


def base64_of(content: bytes) -> str:
    """Hashes and leaves as they are told: base64, as in C2SP formats."""
    return b64encode(content).decode()
