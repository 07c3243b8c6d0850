"""What a whole reading comes to: counts, fields, examples, and a digest by which two of them can be compared.

Belongs here: adding effects up in memory that does not grow with the number of messages. Does not belong
here: what an effect is (judging).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from api.remapping.differing import Difference, differences
from api.remapping.judging import (
    Changed,
    Decided,
    Effect,
    Ignored,
    Judged,
    New,
    Refused,
    Released,
    Vanished,
    Waits,
)
from domain.canonical import canonical_bytes

#: Examples of each kind, and fields that are told apart.
MOST_EXAMPLES: Final = 5
MOST_FIELDS: Final = 500


@dataclass
class _Kind:
    """Effects of one kind: how many, by what, and the first of them."""

    count: int = 0
    by: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, of: str, example: dict[str, Any]) -> None:
        """Count one."""
        self.count += 1
        self.by[of] += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(example)

    def told(self, what: str, by: str) -> dict[str, Any]:
        """For people and programs. what: what is counted. by: what it is told apart by."""
        return {what: self.count, by: dict(sorted(self.by.items())), "examples": self.examples}


class Result:
    """What reading messages again comes to, as they are added. stamp: the mapping that reads them now."""

    def __init__(self, stamp: str) -> None:
        self.stamp = stamp
        self.read = 0
        self.rest: Counter[str] = Counter()
        self.came_by: Counter[str] = Counter()
        self.reached = 0
        self.changed, self.vanished, self.new, self.decided = _Kind(), _Kind(), _Kind(), _Kind()
        self.released, self.refused, self.ignored, self.waits = _Kind(), _Kind(), _Kind(), _Kind()
        self.answers: Counter[str] = Counter()
        self._fields: dict[tuple[str, str], _Kind] = {}
        self._digest = sha256()

    def add(self, inbox: int, came_by: str, reasons: list[dict[str, str]], judged: Judged) -> None:
        """Count a message. came_by: the mapping it came in by. reasons: why it was in quarantine."""
        self.read += 1
        self.reached = inbox
        self.came_by[came_by] += 1
        self.rest["with_effects" if judged.effects else judged.rest] += 1
        for effect in judged.effects:
            self._count(inbox, effect, reasons)
            self._digest.update(canonical_bytes([inbox, *_essence(effect)]) + b"\n")

    @property
    def has_effects(self) -> bool:
        """Whether anything would be different."""
        return self.rest["with_effects"] > 0

    @property
    def digest(self) -> str:
        """SHA-256, as hexadecimal digits, over what is read by which mapping and every effect in order."""
        whole = self._digest.copy()
        whole.update(self.stamp.encode())
        return whole.hexdigest()

    def _count(self, inbox: int, effect: Effect, reasons: list[dict[str, str]]) -> None:
        match effect:
            case Changed():
                self._count_changed(effect)
            case Vanished(recorded):
                self.vanished.add(
                    recorded.milestone.name, _of_recorded(recorded.position, recorded.milestone.subject)
                )
            case Decided(recorded):
                self.decided.add(
                    recorded.milestone.name, _of_recorded(recorded.position, recorded.milestone.subject)
                )
            case New(milestone):
                self.new.add(
                    milestone.name, {"inbox": inbox, "type": milestone.name, "subject": milestone.subject}
                )
            case Released():
                self._count_released(inbox, effect, reasons)
            case Refused(why, positions):
                told = [{"code": one.code, "pointer": one.pointer, "message": one.message} for one in why]
                self.refused.add(why[0].code, {"inbox": inbox, "positions": list(positions), "reasons": told})
            case Ignored(reason):
                self.ignored.add(reason, {"inbox": inbox})
            case Waits():
                self.waits.add("fetch", {"inbox": inbox})

    def _count_changed(self, effect: Changed) -> None:
        before, name = effect.recorded, effect.recorded.milestone.name
        found = differences(before.stands, effect.now)
        about = _of_recorded(before.position, before.milestone.subject)
        self.changed.add(name, {**about, "fields": _listed(found)})
        for one in {one.field: one for one in found}.values():
            key = (name, one.field)
            if key not in self._fields and len(self._fields) >= MOST_FIELDS:
                key = (name, "/...")
            kind = self._fields.setdefault(key, _Kind())
            kind.add("", {"position": before.position, "before": one.before, "after": one.after})

    def _count_released(self, inbox: int, effect: Released, reasons: list[dict[str, str]]) -> None:
        code = reasons[0]["code"] if reasons else ""
        self.released.add(code, {"entry": effect.entry, "inbox": inbox})
        for _, answer in effect.answers:
            self.answers[answer] += 1
        if effect.ignored is not None:
            self.answers["ignored"] += 1
        if effect.waits:
            self.answers["waiting"] += 1

    def told(self) -> dict[str, Any]:
        """For people and programs."""
        fields = sorted(self._fields.items(), key=lambda one: (-one[1].count, one[0]))
        return {
            "mapping": self.stamp,
            "messages": {
                "read": self.read,
                "by_mapping": dict(sorted(self.came_by.items())),
                "unchanged": self.rest["unchanged"],
                "still_quarantined": self.rest["quarantined"],
                "dismissed": self.rest["dismissed"],
                "with_effects": self.rest["with_effects"],
            },
            "changed": {
                **self.changed.told("milestones", "by_type"),
                "fields": [
                    {"type": name, "field": path, "milestones": kind.count, "examples": kind.examples}
                    for (name, path), kind in fields
                ],
            },
            "vanished": self.vanished.told("milestones", "by_type"),
            "new": self.new.told("milestones", "by_type"),
            "released": {
                **self.released.told("entries", "by_reason"),
                "milestones": dict(sorted(self.answers.items())),
            },
            "refused": self.refused.told("messages", "by_reason"),
            "ignored": self.ignored.told("messages", "by_reason"),
            "waiting": {"messages": self.waits.count, "examples": self.waits.examples},
            "left_alone": self.decided.told("milestones", "by_type"),
            "digest": self.digest,
        }


def _of_recorded(position: int, subject: str) -> dict[str, Any]:
    return {"position": position, "subject": subject, "milestone": f"/v1/milestones/{position}"}


def _listed(found: list[Difference]) -> list[dict[str, Any]]:
    return [
        {"field": one.field, "before": one.before, "after": one.after} for one in found[: 2 * MOST_EXAMPLES]
    ]


def _essence(effect: Effect) -> list[Any]:
    """What makes an effect the same as another's, as JSON."""
    kind = type(effect).__name__.lower()
    match effect:
        case Changed(recorded, now):
            found = [list(one) for one in differences(recorded.stands, now)]
            return [kind, recorded.position, recorded.superseded, found]
        case Vanished(recorded) | Decided(recorded):
            return [kind, recorded.position, recorded.superseded]
        case New(_, identity, digest):
            return [kind, identity.hex(), digest.hex()]
        case Released(entry, answers, identities, ignored, waits):
            told = [[one.hex(), digest.hex()] for one, digest in identities]
            return [kind, entry, [list(one) for one in answers], told, ignored, waits]
        case Refused(reasons, positions):
            return [kind, [one.code for one in reasons], list(positions)]
        case Ignored(reason):
            return [kind, reason]
        case Waits():
            return [kind]
