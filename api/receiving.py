"""Messages pushed to feeds: what is done with one from its bytes to its answer, whoever sent it.

Belongs here: the order of things (proven, read, recorded, counted, answered) and what each sender waits to
hear. Does not belong here: how a scheme proves (adapters/feeds), the route (api/routes/sources.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

from adapters.feeds.proof import Message, Proof, ProofRefused
from adapters.feeds.receiving import TooManyRecords, is_lines, prove, records_of
from adapters.feeds.setup import Feed
from adapters.feeds.tallies import Noted, Rejection, counts_of
from adapters.feeds.webhook import Token, Webhook
from adapters.importing import PRECEDENCE, Summary
from adapters.intake import Intake
from adapters.preparing import CALLER_HEADER, PROOF_HEADER, Preparation
from adapters.sources import SOURCES
from api.access.callers import WEBHOOK, current
from api.answers import outcome_told
from api.envelopes import MediaTypeUnknown
from domain.arrivals import Outcome
from domain.refusals import Reason

#: Kinds of bodies that hold records; any other is a mistake of the address or of the sender's setting.
_TAKEN: Final = ("application/json", "application/xml", "application/octet-stream", "application/soap+xml")
_TAKEN_ENDS: Final = ("+json", "+xml")
_MILLION: Final = 1_000_000


class Received(NamedTuple):
    """A proven message made ready: its records, each with what it came to before the log is asked."""

    feed: Feed
    proof: Proof
    at: int
    records: list[Preparation]

    def noted(self, counts: Mapping[tuple[str, str], int]) -> Noted:
        """What is counted of it."""
        return Noted(self.feed.name, self.at, counts, self._behind(), self.proof.once)

    def _behind(self) -> float | None:
        times = [
            item.arrival.milestone.instant
            for record in self.records
            for item in record.items
            if item.arrival is not None and item.arrival.milestone is not None
        ]
        return (self.at - max(times)) / _MILLION if times else None


def check_media(message: Message) -> None:
    """Raises MediaTypeUnknown for bodies that hold no records."""
    encoding = (message.header("content-encoding") or b"identity").lower()
    if encoding != b"identity":
        raise MediaTypeUnknown("send the body without Content-Encoding", _TAKEN)
    media = _media(message)
    is_taken = media in _TAKEN or media.endswith(_TAKEN_ENDS) or is_lines(media) or media.startswith("text/")
    if media and not is_taken:
        raise MediaTypeUnknown(f"{media[:80]} holds no records: send JSON, JSON lines or XML", _TAKEN)


def _media(message: Message) -> str:
    """The type of a body, without parameters, in lower case; empty where it does not say."""
    return (message.header("content-type") or b"").partition(b";")[0].strip().lower().decode("latin-1")


def proven(webhook: Webhook, message: Message, at: int) -> Proof:
    """Who sent it. at: microseconds since 1970-01-01 UTC. Raises ProofRefused, MediaTypeUnknown."""
    proof = prove(webhook, message, at / _MILLION)
    check_media(message)
    return proof


def read(intake: Intake, feed: Feed, message: Message, proof: Proof, at: int) -> Received:
    """The records of a proven message, made ready for the log; one of too many is kept whole, as one."""
    webhook = feed.setup.webhook
    assert webhook is not None, "a feed without a webhook takes no messages"
    headers = _kept(webhook, message, proof)
    source = SOURCES[feed.setup.mapping]
    instance = feed.setup.instance
    try:
        cut = records_of(webhook, message.body, _media(message))
    except TooManyRecords as error:
        reason = Reason("too_many_records", "", str(error))
        whole = intake.prepare_unread(source, message.body, instance, reason, received_at=at, headers=headers)
        return Received(feed, proof, at, [whole])
    records = [
        intake.prepare_record(source, record, instance, received_at=at, headers=headers) for record in cut
    ]
    return Received(feed, proof, at, records)


def _kept(webhook: Webhook, message: Message, proof: Proof) -> dict[str, str]:
    """The headers that may be kept: not the one that holds a token, nor one that says who it is from."""
    left_out = (webhook.header if isinstance(webhook, Token) else None, PROOF_HEADER, CALLER_HEADER)
    sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in message.headers}
    kept = {name: value for name, value in sent.items() if name not in left_out} | {PROOF_HEADER: str(proof)}
    if current() is not WEBHOOK:
        kept[CALLER_HEADER] = current().mark
    return kept


def summed(received: Received, outcomes: Sequence[Outcome]) -> dict[tuple[str, str], int]:
    """Counts of its records by (outcome, reason)."""
    summary = Summary()
    summary.count(received.records, outcomes)
    assert summary.is_whole, "every record is accounted for"
    return counts_of(summary)


def results(received: Received, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One result per record, in order, each with those of its milestones."""
    told = []
    start = 0
    for record in received.records:
        found = outcomes[start : start + len(record.items)]
        start += len(record.items)
        names = {outcome.outcome for outcome in found}
        name = "ignored" if record.ignored is not None else next(one for one in PRECEDENCE if one in names)
        one: dict[str, Any] = {"outcome": name}
        if record.ignored is not None:
            one["reason"] = record.ignored
        else:
            one["milestones"] = [outcome_told(outcome) for outcome in found]
        told.append(one)
    return told


def replayed(feed: Feed, message: Message) -> list[dict[str, Any]]:
    """Results for a message that was taken in before, without reading it again."""
    assert feed.setup.webhook is not None, "a feed without a webhook takes no messages"
    try:
        number = len(records_of(feed.setup.webhook, message.body, _media(message)))
    except TooManyRecords:
        number = 1
    return [{"outcome": "duplicate", "replayed": True} for _ in range(number)]


def rejection(reason: str, error: Exception, message: Message | None, size: int | None = None) -> Rejection:
    """What is kept of a message that was turned away. message: None where its body was not read."""
    if message is None:
        return Rejection(reason, str(error), None, size)
    return Rejection(reason, str(error), sha256(message.body).digest(), len(message.body))


def refusal(feed: Feed, error: ProofRefused) -> ProofRefused:
    """What the sender is told: enough to look further, and nothing of the feed's secrets."""
    return ProofRefused(
        error.reason,
        f"it was turned away ({error.reason}); GET /v1/sources/{feed.name}/rejections says more",
    )
