"""Mappings as an engineer works with them: listed, checked, tried, previewed and applied.

For HTTP and the command line alike. Belongs here: which mapping is meant, and answers. Not here: the
language of mappings (adapters/sources/mapping), what a changed one does to the log (api/remapping).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.intake import Intake, QuarantineUnknown
from adapters.postgres import quarantine as held
from adapters.postgres import reading as log
from adapters.preparing import stamp
from adapters.sources import SOURCES, MappedSource, MappingRefused, Source, load_mapping
from adapters.sources.base import speaker
from adapters.sources.mapping import read_mapping
from api import reading
from api.bodies import stated
from api.marking import places
from api.parameters import Known, ParameterRefused
from api.quarantining import stamps
from api.remapping import running
from api.remapping.running import Asked, By, Progress
from api.trail import said
from domain.contract import parse_event
from domain.instants import parse_instant
from domain.provenance import provenance
from domain.refusals import Refused

#: Messages that one request over HTTP reads again.
MOST_MESSAGES: Final = 50_000
_SUFFIXES: Final = (".yaml", ".yml")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class MappingNotFound(LookupError):
    """There is no mapping of that name; `allowed` lists those that there are."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no mapping {name[:80]!r} here")
        self.allowed = tuple(name for name, source in sorted(SOURCES.items()) if not source.canonical)


class NotInstalled(ValueError):
    """The mapping that should be applied is not the one that reads new messages here."""


def listed() -> list[dict[str, Any]]:
    """Every mapping that is to be had here, as it is now. What is read without one is left out."""
    return [_about(source) for _, source in sorted(SOURCES.items()) if not source.canonical]


def _about(source: Source) -> dict[str, Any]:
    """version, digest, reads, kinds, file: None for a source in Python. problems: why it reads nothing."""
    about: dict[str, Any] = {
        "name": source.name, "version": None, "digest": None, "reads": None, "kinds": None, "file": None,
        "problems": [],
    }  # fmt: skip
    if not isinstance(source, MappedSource):
        return about
    about["file"] = source.path.name
    try:
        mapping, told = source.mapping, provenance(stamp(source, "-"))
    except MappingRefused as refused:
        return about | {"problems": _problems(refused)}
    return about | {
        "version": told.version,
        "digest": told.digest,
        "reads": mapping.reads,
        "kinds": sorted(mapping.objects),
    }


def of_name(name: str) -> Source:
    """The mapping that is installed here under a name. Raises MappingNotFound, MappingRefused."""
    source = SOURCES.get(name)
    if source is None or source.canonical:
        raise MappingNotFound(name)
    return source


def of_name_or_file(told: str) -> Source:
    """What a person names: a file by its suffix, else an installed mapping.

    Raises MappingNotFound, MappingRefused, OSError.
    """
    return load_mapping(Path(told)) if told.endswith(_SUFFIXES) else of_name(told)


def of_text(text: str) -> MappedSource:
    """The mapping that a text is. Raises MappingRefused."""
    return MappedSource(read_mapping(text.encode(), "file").name, Path("file"), text.encode())


def installed(source: Source) -> Source:
    """The same mapping, if it reads new messages here, or if none of its name does. Raises NotInstalled.

    Otherwise what is stored and what comes in next would be read in two ways.
    """
    here = SOURCES.get(source.name)
    if here is not None and stamp(here, "-") != stamp(source, "-"):
        raise NotInstalled(
            f"new messages of {source.name} are read by {stamps()[source.name]}, not by this file: put it"
            " into the folder that CAIRN_MAPPINGS names, restart what serves, then apply it"
        )
    return source


def checked(path: Path) -> dict[str, Any]:
    """Whether a mapping file can be used, and all that is wrong with it. Raises OSError."""
    try:
        source = load_mapping(path)
    except MappingRefused as refused:
        return {"ok": False, "problems": _problems(refused)}
    return {"ok": True, **_about(source)}


def _problems(refused: MappingRefused) -> list[dict[str, Any]]:
    return [
        {"file": refused.file, "line": one.line, "field": one.field, "message": one.message}
        for one in refused.problems
    ]


def tried(source: Source, payload: bytes, instance: str) -> dict[str, Any]:
    """What one payload comes to, checked as if it had come in; nothing is recorded.

    `milestones`, or `ignored` with the reason, or `refused` with reasons and their places in the payload, or
    `needed`: the records that have to be fetched. Raises ParameterRefused where the instance can't be one.
    """
    try:
        speaker("ledger", source.name, instance)
    except ValueError as error:
        raise ParameterRefused(f"instance: {error}") from None
    translation = source.translate(payload, instance)
    reasons: list[dict[str, Any]] = [
        {"code": one.code, "pointer": one.pointer, "message": one.message} for one in translation.refused
    ]
    told: dict[str, Any] = {"mapping": stamp(source, instance), "milestones": list(translation.milestones)}
    for number, event in enumerate(translation.milestones):
        try:
            parse_event(event)
        except Refused as refused:
            # such a reason points into the milestone, not into the payload
            reasons += [{**one._asdict(), "milestone": number} for one in refused.reasons]
    if reasons:
        marked = places(
            payload, [{**one, "pointer": "" if "milestone" in one else one["pointer"]} for one in reasons]
        )
        told["refused"] = [
            {**reason, "place": place} for reason, place in zip(reasons, marked["places"], strict=True)
        ]
        told["shown"] = marked["shown"]
    if translation.ignored is not None:
        told["ignored"] = translation.ignored
    if translation.needed:
        told["needed"] = [one._asdict() for one in translation.needed]
    return told


def payload_of_entry(connection: Connection[Any], number: int) -> tuple[bytes, str | None]:
    """The bytes of a quarantine entry, and the instance they came from. Raises QuarantineUnknown."""
    entry = held.entry(connection, number, {})
    stored = None if entry is None else log.inbox_row(connection, entry.inbox)
    if stored is None:
        raise QuarantineUnknown(f"there is no quarantine entry {number}")
    return stored.body, None if stored.mapping is None else provenance(stored.mapping).instance


def payload_of_position(connection: Connection[Any], position: int) -> tuple[bytes, str | None]:
    """The bytes that a milestone came in, and the instance. Raises MilestoneUnknown."""
    body = reading.payload(connection, position)
    mapping = reading.milestone(connection, position, Known())["mapping"]
    return body, None if mapping is None else mapping["instance"]


# ---- preview and apply


def asked(source: Source, given: Mapping[str, Any], *, most: int | None = None) -> Asked:
    """Which messages are meant: `since` (RFC 3339 or a day), `after` (of the inbox), `limit`.

    most: the limit where none is given, and the highest. Raises ParameterRefused.
    """
    return Asked(source, _whole(given, "after") or 0, _since(given.get("since")), _limit(given, most))


def _limit(given: Mapping[str, Any], most: int | None) -> int | None:
    limit = _whole(given, "limit")
    if limit is None or most is None:
        return limit or most
    return min(limit, most)


def _whole(given: Mapping[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
        raise ParameterRefused(f"{name} must be a whole number from 0")
    return value


def _since(text: Any) -> datetime | None:
    if text is None:
        return None
    found = parse_instant(f"{text}T00:00:00Z" if isinstance(text, str) and len(text) == 10 else str(text))
    if found is None:
        raise ParameterRefused("since must be a day or an RFC 3339 time with an offset", ("2026-01-31",))
    return _EPOCH + timedelta(microseconds=found.microseconds)


def by(given: Mapping[str, Any], tenant: str) -> By:
    """Who applies a mapping, and why. Raises ParameterRefused."""
    return By(
        stated(given, "actor", "say who does it"),
        stated(given, "reason", "say why; it stands in every correction"),
        tenant,
    )


def preview(
    pool: ConnectionPool[Any], intake: Intake, wanted: Asked, progress: Progress | None = None
) -> dict[str, Any]:
    """What would be different. `next`: the number of the inbox to go on after, None at the end."""
    result = running.preview(pool, intake, wanted, progress)
    return {**result.told(), "next": _next(pool, wanted, result.reached, result.read)}


def apply(
    pool: ConnectionPool[Any],
    intake: Intake,
    wanted: Asked,
    who: By,
    expect: str | None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make it so: as `preview`, with what the ledger answered to each milestone that it was sent.

    Raises NotInstalled, PreviewDiffers, ApplyUnderWay.
    """
    installed(wanted.source)
    done = running.apply(pool, intake, wanted, who, expect=expect, progress=progress)
    return {
        **done.result.told(),
        "outcomes": dict(sorted(done.outcomes.items())),
        "next": _next(pool, wanted, done.result.reached, done.result.read),
    }


def act(found: dict[str, Any], who: By) -> dict[str, str]:
    """What the audit trail says of a mapping that was applied. The reason stands in every correction."""
    return said(
        mapping=found["mapping"], digest=found["digest"], by=who.actor, messages=found["messages"]["read"],
        **found["outcomes"],
    )  # fmt: skip


def _next(pool: ConnectionPool[Any], wanted: Asked, reached: int, read: int) -> int | None:
    if wanted.limit is None or read < wanted.limit:
        return None
    return reached if running.count(pool, wanted._replace(after=reached, limit=1)) else None
