"""From accepted bytes to what the ledger records: reading, checking and packing, before any lock is taken.

Belongs here: canonical events and the payloads of source systems, and the reasons why some can't be
understood. Does not belong here: queues and transactions (adapters/intake.py), what a payload means
(adapters/sources), what an event must hold (domain/contract.py).

Whatever the bytes are, they end as a milestone or as a quarantined item with reasons; nothing is lost, and
nothing that one sender sends makes another's fail.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from adapters.personal.marking import PERSONAL_HEADER, SEALED, Guarded, Marks
from adapters.sources import MappedSource
from adapters.sources.base import Milestone, Opening, Refusal, Source, Translation, speaker
from domain import milestones
from domain.arrivals import Accepted, Prepared, left_aside, refused, sparse
from domain.canonical import NotJson, content_digest, decode_json
from domain.contract import parse_event
from domain.ledger import Ledger
from domain.refusals import Reason, Refused
from domain.usual import read_usual

#: Headers that are kept with the bytes: what says how to read them, and what proves or traces their sender.
KEPT_HEADERS: Final = frozenset(
    {
        "content-type",
        "user-agent",
        "traceparent",
        "tracestate",
        "x-request-id",
        "webhook-id",
        "webhook-timestamp",
        "x-hubspot-request-timestamp",
        "cairn-proof",
        "cairn-caller",
    }
)
#: Kept too, and never taken from a sender: how a webhook proved itself, and which secret's name did it.
PROOF_HEADER: Final = "cairn-proof"
#: The same of who sent it over HTTP with a key, a token or none, as the ledger knows it.
CALLER_HEADER: Final = "cairn-caller"
#: Never kept, whatever else is asked for: they would let a reader of the inbox act as the sender.
SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"}
)
_LONGEST: Final = 1_000

#: What reading a hostile value may raise besides Refused: too deep, too large, not a text.
_UNREADABLE: Final = (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError)


class Preparation(NamedTuple):
    """What one record of a source came to: items to record, and the reason where it is rightly ignored.

    An ignored record has one item too, which keeps its bytes; left out, they are not kept.
    """

    items: list[Prepared]
    ignored: str | None = None


def now() -> int:
    """Microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000


class Preparer:
    """Makes bytes ready for one ledger. clock: microseconds since 1970-01-01 UTC.

    marks: which values are personal; what is read and kept has tokens in their place.
    """

    def __init__(self, ledger: Ledger, *, clock: Callable[[], int] = now, marks: Marks | None = None) -> None:
        self._ledger = ledger
        self._clock = clock
        self._marks = marks

    def event(
        self,
        body: bytes,
        *,
        source_hint: str | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        received_at: int | None = None,
        reread: Accepted | None = None,
        is_guarded: bool = False,
    ) -> Prepared:
        """One canonical event. source_hint: stands in where the bytes name no source.

        headers: as received; only those that matter are kept. reread: the accepted bytes of a quarantined
        message that is read again, instead of new ones. is_guarded: tokens stand in it already, where values
        would be personal.
        """
        if self._marks is None or reread is not None or is_guarded:
            return self._event(body, source_hint, content_type, headers, received_at, reread)
        guarded = self._marks.event(body)
        if guarded is None:
            return self._event(body, source_hint, content_type, headers, received_at, None)
        if guarded.is_whole:
            accepted = self._ledger.accept(
                guarded.body,
                source=source_hint or "",
                received_at=self._clock() if received_at is None else received_at,
                content_type=readable(content_type),
                headers=kept_headers(headers or {}, guarded),
            )
            return refused(_with_values(accepted, guarded), [SEALED])
        item = self._event(guarded.body, source_hint, content_type, headers, received_at, None, guarded)
        return msgspec.structs.replace(item, accepted=_with_values(item.accepted, guarded))

    def _event(
        self,
        body: bytes,
        source_hint: str | None,
        content_type: str | None,
        headers: Mapping[str, str] | None,
        received_at: int | None,
        reread: Accepted | None,
        guarded: Guarded | None = None,
    ) -> Prepared:
        event: Any = None
        usual: tuple[milestones.Milestone, bytes] | None = None
        if received_at is None:
            received_at = self._clock()
        kept = kept_headers(headers or {}, guarded) if headers or guarded else None
        media = readable(content_type)
        try:
            usual = read_usual(body)
            if usual is None:
                event, plain = decode_json(body)
                usual = parse_event(event), content_digest(event, plain=plain)
            milestone, digest = usual
            accepted = reread or self._ledger.accept(
                body,
                source=milestone.source,
                received_at=received_at,
                content_type=content_type,
                headers=kept,
            )
            return self._ledger.prepare(accepted, milestone, digest)
        except NotJson as error:
            reasons: tuple[Reason, ...] = (Reason("not_json", "", str(error)),)
        except Refused as error:
            reasons = error.reasons
        except _UNREADABLE as error:
            reasons = (_unreadable(error),)
        # the usual form is refused only for what the ledger can't take
        source, event_id, name = _named(event) if usual is None else _told(usual[0])
        accepted = reread or self._ledger.accept(
            body,
            source=source or source_hint or "",
            received_at=received_at,
            content_type=media,
            headers=kept,
        )
        return refused(accepted, reasons, source=source, event_id=event_id, type=name)

    def record(
        self,
        source: Source,
        payload: bytes,
        instance: str,
        *,
        received_at: int | None = None,
        headers: Mapping[str, str] | None = None,
        reread: Accepted | None = None,
    ) -> Preparation:
        """One record of a source: its milestones share one row of the inbox. Refused in part is so whole.

        Raises ValueError where the instance can't be part of a source's name.
        """
        if source.canonical:
            return Preparation([self.event(payload, received_at=received_at, headers=headers, reread=reread)])
        if self._marks is None or reread is not None:
            return self._record(source, payload, instance, received_at, headers, reread)
        speaker("ledger", source.name, instance)
        guarded = self._marks.record(source.name, lambda: reads_of(source), instance, payload)
        if guarded is None:
            return self._record(source, payload, instance, received_at, headers, None)
        if guarded.is_whole:
            at = self._clock() if received_at is None else received_at
            return self._sealed(source, guarded, instance, SEALED, at, headers or {})
        items, ignored = self._record(source, guarded.body, instance, received_at, headers, None, guarded)
        accepted = _with_values(items[0].accepted, guarded)
        return Preparation([msgspec.structs.replace(one, accepted=accepted) for one in items], ignored)

    def _record(
        self,
        source: Source,
        payload: bytes,
        instance: str,
        received_at: int | None,
        headers: Mapping[str, str] | None,
        reread: Accepted | None,
        guarded: Guarded | None = None,
    ) -> Preparation:
        translation = self._translated(source, payload, instance)
        mapping = stamp(source, instance)
        reasons = [Reason(*refusal) for refusal in translation.refused]
        speaks = _source_of(translation)
        if reread is not None and reread.mapping != mapping:
            reread = msgspec.structs.replace(reread, mapped_by=mapping)
        accepted = reread or self._ledger.accept(
            payload,
            source=speaks or f"{source.name}/{instance}",
            received_at=self._clock() if received_at is None else received_at,
            headers=kept_headers(headers or {}, guarded) if headers or guarded else None,
            mapping=mapping,
        )
        if translation.ignored is not None:
            return Preparation([left_aside(accepted, translation.ignored)], translation.ignored)
        if translation.needed:
            return Preparation([sparse(accepted, translation.needed, source=f"{source.name}/{instance}")])
        items = []
        for number, event in enumerate(translation.milestones, 1):
            try:
                milestone = parse_event(event)
                items.append(self._ledger.prepare(accepted, milestone, _digest(event)))
            except Refused as error:
                reasons += [_of_milestone(number, event, one) for one in error.reasons]
            except _UNREADABLE as error:
                reasons.append(_unreadable(error))
        if reasons:
            return Preparation([refused(accepted, reasons, source=speaks)])
        return Preparation(items)

    def unread(
        self,
        source: Source,
        payload: bytes,
        instance: str,
        reason: Reason,
        *,
        received_at: int,
        headers: Mapping[str, str],
    ) -> Preparation:
        """Bytes that are kept whole and refused for a reason, without being read."""
        mapping = None if source.canonical else source.name
        guarded = None if self._marks is None else self._marks.unread(mapping, instance, payload)
        if guarded is not None:
            return self._sealed(source, guarded, instance, reason, received_at, headers)
        accepted = self._ledger.accept(
            payload,
            source=f"{source.name}/{instance}",
            received_at=received_at,
            headers=kept_headers(headers),
            mapping=None if source.canonical else stamp(source, instance),
        )
        return Preparation([refused(accepted, [reason])])

    def _sealed(
        self,
        source: Source,
        guarded: Guarded,
        instance: str,
        reason: Reason,
        received_at: int,
        headers: Mapping[str, str],
    ) -> Preparation:
        accepted = self._ledger.accept(
            guarded.body,
            source=f"{source.name}/{instance}",
            received_at=received_at,
            headers=kept_headers(headers, guarded),
            mapping=None if source.canonical else stamp(source, instance),
        )
        return Preparation([refused(_with_values(accepted, guarded), [reason])])

    def _translated(self, source: Source, payload: bytes, instance: str) -> Translation:
        speaker("ledger", source.name, instance)
        try:
            return source.translate(payload, instance)
        except Exception as error:  # noqa: BLE001 - a mapping that stumbles must not sink the others' records
            message = f"the mapping {source.name!r} stumbled ({type(error).__name__}): mend it, replay"
            return Translation(refused=(Refusal("mapping_failed", "", message),))


def _with_values(accepted: Accepted, guarded: Guarded) -> Accepted:
    return msgspec.structs.replace(accepted, personal=guarded.values)


def reads_of(source: Source) -> str:
    """What a source's records are: `json`, `csv` or `xml`. One in Python reads JSON."""
    return source.mapping.reads if isinstance(source, MappedSource) else "json"


def _of_milestone(number: int, event: Mapping[str, Any], reason: Reason) -> Reason:
    """A reason about a milestone that a mapping made: its pointer leads into that, not into the payload."""
    place = f"milestone {number}, {readable(event.get('type'))}, at {reason.pointer or 'the whole of it'}"
    return Reason(reason.code, "", f"{place}: {reason.message}")


def stamp(source: Source, instance: str) -> str:
    """The text that is kept with bytes that this source has read: which mapping, in which version.

    A source in Python has neither version nor digest: it is what the program is. Raises MappingRefused.
    """
    return f"{getattr(source, 'stamp', source.name)}/{instance}"


def kept_headers(headers: Mapping[str, str], guarded: Guarded | None = None) -> str | None:
    """The headers that are kept with the bytes, as a JSON object; None where there are none of them.

    guarded: tokens stand in the bytes: what headers repeat of them is left out, and it is said that they do.
    """
    kept = {
        name: readable(value)
        for name, value in sorted((name.lower(), value) for name, value in headers.items())
        if (name in KEPT_HEADERS or name.startswith("ce-") or "signature" in name)
        and name not in SECRET_HEADERS
        and not (guarded is not None and name.startswith("ce-"))
    }
    if guarded is not None:
        kept[PERSONAL_HEADER] = guarded.mark
    return json.dumps(kept, separators=(",", ":")) if kept else None


def readable(value: object) -> str | None:
    """A text as a column can hold it: no NUL, no lone surrogate, at most 1,000 characters; None for none."""
    if not isinstance(value, str) or not value:
        return None
    return value[:_LONGEST].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _named(event: Any) -> tuple[str | None, str | None, str | None]:
    """(source, id, type) of what should have been an event, as far as they can be read."""
    if not isinstance(event, dict):
        return None, None, None
    return readable(event.get("source")), readable(event.get("id")), readable(event.get("type"))


def _told(milestone: milestones.Milestone) -> tuple[str, str, str]:
    """(source, id, type) of a milestone."""
    return milestone.source, milestone.id, milestone.name


def _digest(event: Milestone) -> bytes:
    """The digest of a source's milestone; of an opening only what names it counts."""
    compared = {**event, "time": None, "data": None} if isinstance(event, Opening) else event
    # sources name members as the contract does, in ASCII: sorted by bytes they are canonical
    return content_digest(compared, plain=True)


def _source_of(translation: Translation) -> str | None:
    return readable(translation.milestones[0].get("source")) if translation.milestones else None


def _unreadable(error: BaseException) -> Reason:
    # the kind of the error, never its text: that may quote the payload
    return Reason("not_readable", "", f"nested too deep, or a value out of range ({type(error).__name__})")
