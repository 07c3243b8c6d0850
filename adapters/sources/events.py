"""A milestone as a CloudEvent: the one place where adapters put one together.

The id of a milestone names the *fact*, not the message that told it: `invoice/130:invoice.posted`. Whoever
tells it again (a redelivery, a poll, a later snapshot, another event about the same document) tells a
duplicate; whoever tells it differently is a conflict that people see. A document's own version number is
therefore no part of the id, and no `sequence` of the facts that count once: it also rises when nothing
that the milestone says has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from adapters.sources.base import JsonValue, Milestone, Speaker


def milestone(
    says: Speaker,
    name: str,
    subject: tuple[str, str],
    time: str,
    facts: dict[str, JsonValue],
    *,
    keys: Iterable[str] = (),
    effective_on: str | None = None,
    customer: str | None = None,
    dimensions: Mapping[str, str] | None = None,
    told_by: tuple[str, str] | None = None,
    edition: str = "",
    sequence: str | None = None,
) -> Milestone:
    """A complete milestone, version 1 of `name`.

    subject: object and native id. keys: further keys of the same deal. told_by: the document that is the
    fact where it is not the subject (a refund, of a payment). edition: what sets this fact apart from others
    of that type. customer: goes to the dimensions, where there are no others.
    """
    native = "/".join(subject)
    fact = "/".join(told_by or subject)
    own = says.key(*subject)
    body: dict[str, JsonValue] = {"keys": [own, *sorted(set(keys) - {own})]}
    if effective_on is not None:
        body["effective_on"] = effective_on
    if customer is not None:
        body["dimensions"] = {"customer": customer}
    elif dimensions:
        body["dimensions"] = dict(dimensions)
    body.update({field: value for field, value in facts.items() if value is not None})
    event: Milestone = {
        "specversion": "1.0",
        "id": f"{fact}{'@' if edition else ''}{edition}:{name}",
        "source": says.source,
        "type": f"{name}.v1",
        "subject": native,
        "time": time,
    }
    if sequence is not None:
        event["sequence"] = sequence
    event["data"] = body
    return event


def voided(says: Speaker, target: Milestone, subject: tuple[str, str], time: str, reason: str) -> Milestone:
    """The milestone that takes another one back. It speaks under the target's role."""
    name = str(target["id"])
    facts: dict[str, JsonValue] = {"target": {"source": target["source"], "id": name}, "reason": reason}
    event = milestone(says, "milestone.voided", subject, time, facts)
    return {**event, "id": f"{name}:milestone.voided"}
