"""Forgetting data subjects, as people ask for it: in order, in the audit trail, and again after a restore.

For HTTP and the command line alike. Does not belong here: destroying itself (adapters/personal), who is shown
personal data (api/personal.py).

The order: the act is in the trail, then on the list beside the secret, then the keys are destroyed, since
that can't be undone. An act that broke off is done again as it was; what is destroyed already is said to be.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.personal import forgetting
from adapters.personal.forgetting import State, SubjectUnknown
from adapters.personal.protection import Protection
from adapters.personal.tokens import normalised
from adapters.postgres import trails
from adapters.postgres.trails import Wanted
from api.parameters import ParameterRefused
from api.personal import secret_path
from api.reading import text_of
from api.settings import Settings

_log: Final = logging.getLogger("cairn.personal")
#: Characters of a subject's id.
_LONGEST: Final = 1_000
FORGOTTEN: Final = "personal.forgotten"
ALLOWED: Final = "personal.allowed"
_ACTS: Final = Wanted("personal")
_PAGE: Final = 1_000

#: Records an act in the audit trail: the entry's position.
Acted = Callable[[str, Mapping[str, str]], int]


class NothingSealed(RuntimeError):
    """This ledger has no rules for personal data, and never had any."""

    def __init__(self) -> None:
        super().__init__(
            "no personal values are kept here: CAIRN_PERSONAL names the file of rules, and CAIRN_PERSONAL_KEY"
            " the secret where DATABASE_URL is set (docs/personal-data.md)"
        )


class Keeper(NamedTuple):
    """What forgetting needs. listed: the file beside the secret that lists who was forgotten; None: none."""

    pool: ConnectionPool[Any]
    schema: str
    protection: Protection
    acted: Acted
    listed: Path | None


def keeper(
    settings: Settings, pool: ConnectionPool[Any], protection: Protection | None, acted: Acted
) -> Keeper:
    """Raises NothingSealed."""
    if protection is None:
        raise NothingSealed
    path = secret_path(settings)
    listed = None if path is None else forgetting.list_beside(path, settings.tenant)
    return Keeper(pool, settings.tenant, protection, acted, listed)


def named(id_: str) -> str:
    """A subject's id as somebody states it. Raises ParameterRefused."""
    if not normalised(id_) or len(id_) > _LONGEST or "\0" in id_:
        raise ParameterRefused(f"subject must be a text of 1 to {_LONGEST} characters")
    return id_


def _reasoned(reason: str, id_: str) -> str:
    if normalised(id_) in normalised(reason):
        raise ParameterRefused("the reason stays in the log for good: say it without naming the subject")
    return reason


def overview(keeper: Keeper) -> dict[str, Any]:
    """The rules, and how much is kept under them."""
    with keeper.pool.connection() as connection:
        counts = forgetting.counts(connection)
    marks = keeper.protection.marks
    return {
        "rules": [] if marks is None else [rule.told() for rule in marks.rules],
        "subjects": counts.subjects,
        "values": counts.values,
        "sealed_payloads": counts.bodies,
        "forgotten": counts.forgotten,
    }


def subject_of(keeper: Keeper, id_: str) -> tuple[str, State | None]:
    """What tokens have in place of a subject's id (16 hex digits), and what is kept of it."""
    subject = keeper.protection.vault.secret.pseudonyms.subject(named(id_))
    with keeper.pool.connection() as connection:
        return subject.hex(), forgetting.state(connection, subject)


def forget(keeper: Keeper, id_: str, reason: str) -> dict[str, Any]:
    """Destroy what is kept of a subject; it takes nothing more, unless it is allowed again.

    Raises SubjectUnknown where nothing ever was kept, ParameterRefused.
    """
    _reasoned(reason, named(id_))
    secret = keeper.protection.vault.secret
    subject = secret.pseudonyms.subject(id_)
    with keeper.pool.connection() as connection:
        found = forgetting.state(connection, subject)
        bodies = forgetting.bodies_with(connection, secret, subject, id_)
    if found is None and not bodies:
        raise SubjectUnknown(
            "nothing is kept of that subject, so there is nothing to destroy: is it written as the rules'"
            " `subject` has it? Payloads from before there were rules are not covered"
        )
    told: dict[str, Any] = {"subject": subject.hex(), "values": 0, "payloads": 0, "already": True}
    if found is not None and not found.is_kept and not found.values and not bodies:
        return told | {"at": None if found.last is None else text_of(found.last)}
    details = {"subject": subject.hex(), "reason": reason, "payloads": str(len(bodies))}
    position = keeper.acted(FORGOTTEN, details)
    gone = [subject, *bodies]
    is_listed = _write_down(keeper.listed, gone)
    values, is_swept = _destroy(keeper, gone)
    return told | {
        "values": values - len(bodies),
        "payloads": len(bodies),
        "already": False,
        "position": position,
        "swept": is_swept,
        "listed": is_listed,
    }


def _destroy(keeper: Keeper, subjects: list[bytes]) -> tuple[int, bool]:
    with keeper.pool.connection() as connection:
        values = forgetting.destroy(connection, subjects)
        keeper.protection.vault.clear()
        return values, forgetting.sweep(connection)


def _write_down(path: Path | None, subjects: Iterable[bytes]) -> bool:
    if path is None:
        return False
    try:
        forgetting.write_down(path, subjects)
    except OSError as error:
        _log.warning(
            "%s can't be written (%s): after a restore it will not tell who was forgotten; keep what"
            " cairn personal --forgotten says", path, error.strerror,
        )  # fmt: skip
        return False
    return True


def again(keeper: Keeper, also: Path | None = None) -> dict[str, Any]:
    """Destroy anew what a restored backup has brought back: by the audit trail, the list beside the secret,
    and `also`.

    Raises ParameterRefused for a list that can't be read, OSError.
    """
    with keeper.pool.connection() as connection:
        subjects = dict.fromkeys(_in_trail(connection, keeper.schema))
    for path in (keeper.listed, also):
        if path is None or (path is keeper.listed and not path.exists()):
            continue
        try:
            subjects.update(dict.fromkeys(forgetting.read_list(path)))
        except (ValueError, UnicodeDecodeError) as error:
            raise ParameterRefused(str(error)) from None
    with keeper.pool.connection() as connection:
        states = {subject: forgetting.state(connection, subject) for subject in subjects}
    back = [s for s, found in states.items() if found is not None and (found.is_kept or found.values)]
    # of whom the backup knows nothing yet: what comes of them must not be kept either
    new = [subject for subject, found in states.items() if found is None]
    told: dict[str, Any] = {"listed": len(subjects), "again": len(back), "values": 0}
    if not back and not new:
        return told
    keeper.acted(FORGOTTEN, {"subjects": str(len(back)), "reason": "again, by the trail and the list"})
    values, is_swept = _destroy(keeper, back + new)
    return told | {"values": values, "swept": is_swept}


def _in_trail(connection: Connection[Any], schema: str) -> list[bytes]:
    """Subjects that are forgotten by what the audit trail says, the last of each counting."""
    subjects: dict[str, bool] = {}
    position = 0
    while page := trails.after(connection, schema, position, _PAGE, _ACTS):
        for told in page:
            subject = told.entry.details.get("subject")
            if subject is not None:
                subjects[subject] = told.entry.act == FORGOTTEN
        position = page[-1].position
    return [bytes.fromhex(subject) for subject, is_forgotten in subjects.items() if is_forgotten]


def allow(keeper: Keeper, id_: str, reason: str) -> dict[str, Any]:
    """Let values of a forgotten subject be kept again from now on; what was destroyed stays so.

    Raises SubjectUnknown, ParameterRefused.
    """
    _reasoned(reason, named(id_))
    secret = keeper.protection.vault.secret
    subject = secret.pseudonyms.subject(id_)
    with keeper.pool.connection() as connection:
        found = forgetting.state(connection, subject)
        if found is None:
            raise SubjectUnknown("that subject was never forgotten: its values are kept")
        is_new = forgetting.allow(connection, secret, subject)
    keeper.protection.vault.clear()
    told: dict[str, Any] = {"subject": subject.hex(), "allowed": is_new}
    if not is_new:
        return told
    if keeper.listed is not None:
        try:
            forgetting.strike_out(keeper.listed, subject)
        except (OSError, ValueError) as error:
            _log.warning("%s can't be changed (%s)", keeper.listed, type(error).__name__)
    return told | {"position": keeper.acted(ALLOWED, {"subject": subject.hex(), "reason": reason})}


def all_forgotten(keeper: Keeper) -> list[dict[str, Any]]:
    """Whose keys are destroyed, by what tokens have in place of their ids, and when they were."""
    with keeper.pool.connection() as connection:
        found = forgetting.forgotten(connection)
    return [{"subject": subject.hex(), "at": None if at is None else text_of(at)} for subject, at in found]
