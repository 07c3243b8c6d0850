"""What a source is: records in, a translation out.

Belongs here: the shapes that every source shares. Does not belong here: how a file is cut into records
(files.py), how a payload is read (payload.py), what a system's documents mean (its own module).

Everything in adapters/sources is pure: no clock, no network, no chance, no environment. The same payload
and instance give the same milestones with the same ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeAlias

from domain.arrivals import Fetch
from domain.keys import own_key

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
#: A complete CloudEvent of contract.md section 1, ready for `domain.contract.parse_event`.
Milestone: TypeAlias = "dict[str, JsonValue]"


class Opening(dict[str, JsonValue]):
    """A milestone with which snapshots of a document begin, as an acceptance does an order's.

    Every later snapshot tells it again as the document now stands, and beside it, as a milestone of its own,
    what changed. So told again it is a duplicate whatever it holds: the first telling stands.
    """


_INSTANCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


class FileRefused(ValueError):
    """A file can't be read as what it says it is; the message names it and says what would do.

    What was read of it before is recorded, and is a duplicate when the mended file comes in.
    """


class Record(NamedTuple):
    """One input record.

    payload: its bytes as accepted, whole, so that it can be translated again alone.
    where: for people, `file.jsonl:12`; not part of any identity.
    read: about how many bytes on disk, of all files of this reading, were read by now; for progress.
    """

    payload: bytes
    where: str
    read: int = 0


class Refusal(NamedTuple):
    """Why a payload can't be understood.

    code: snake_case. pointer: JSON Pointer (RFC 6901) into the payload, empty for the whole of it.
    message: what to do; it never repeats values of the payload, which may be personal.
    """

    code: str
    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class Translation:
    """What one record turned into: exactly one of milestones, a reason to ignore it, refusals, or fetches.

    ignored: snake_case code where the record is understood and rightly yields no milestone.
    refused: not empty where any part of it can't be understood; then the record yields nothing.
    needed: what a sparse message points to; fetched from the source, it comes in as a record of its own.
    """

    milestones: tuple[Milestone, ...] = ()
    ignored: str | None = None
    refused: tuple[Refusal, ...] = ()
    needed: tuple[Fetch, ...] = ()

    def __post_init__(self) -> None:
        given = (bool(self.milestones), self.ignored is not None, bool(self.refused), bool(self.needed))
        assert sum(given) == 1, "a translation is milestones, or ignored, or refused, or needed"
        assert self.ignored != "", "a reason to ignore a record has a name"


class Source(Protocol):
    """A system whose payloads become milestones.

    canonical: the payload is the milestone already; a caller may read it without translating.
    """

    @property
    def name(self) -> str: ...

    @property
    def canonical(self) -> bool: ...

    def records(self, path: Path) -> Iterator[Record]:
        """The records of a file, or of all files of a known suffix below a folder, by name.

        Raises FileNotFoundError where there is none.
        """

    def translate(self, payload: bytes, instance: str) -> Translation:
        """What one record means. `instance` names the firm's copy of the system, e.g. `acme`.

        Raises ValueError where the instance can't be part of a source name.
        """


class Speaker(NamedTuple):
    """A system in one of its roles: `/billing/stripe/acme`."""

    role: str
    system: str
    instance: str

    @property
    def source(self) -> str:
        """The CloudEvents source."""
        return f"/{self.role}/{self.system}/{self.instance}"

    def key(self, kind: str, native_id: str) -> str:
        """The business key of an object of this system: `billing/stripe/acme:invoice:in_1`."""
        return own_key(self.source, f"{kind}/{native_id}")


@lru_cache(maxsize=1_024)
def speaker(role: str, system: str, instance: str) -> Speaker:
    """A system in one of its roles. Raises ValueError where the instance can't stand in a source name."""
    if _INSTANCE.fullmatch(instance) is None:
        raise ValueError("name the instance with letters, digits, '.', '_' or '-', e.g. acme")
    return Speaker(role, system, instance)
