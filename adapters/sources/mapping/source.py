"""A source that a mapping file describes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

from adapters.sources.base import Milestone, Record, Refusal, Speaker, Translation, speaker
from adapters.sources.mapping.envelopes import Kinded
from adapters.sources.mapping.loading import Mapping, read_mapping
from adapters.sources.mapping.scope import Run, Scope
from adapters.sources.mapping.xml import read_xml
from adapters.sources.payload import Node, Unreadable, read_payload
from domain.arrivals import Fetch
from domain.refusals import pointer as json_pointer

_Told: TypeAlias = "list[Milestone] | str | Fetch"
#: Instances whose speakers are kept.
_MOST_INSTANCES: Final = 1_000


class MappedSource:
    """A source by its mapping file, which is read when it is first needed.

    text: the file's content, or None to read it from `path`. Raises MappingRefused on first use where the
    mapping has mistakes.
    """

    canonical: Final = False

    def __init__(self, name: str, path: Path, text: bytes | None = None) -> None:
        self.name = name
        self.path = path
        self._text = text
        self._speakers: dict[str, dict[tuple[str, str], Speaker]] = {}

    @property
    def text(self) -> bytes:
        """The file's content."""
        if self._text is None:
            self._text = self.path.read_bytes()
        return self._text

    @cached_property
    def mapping(self) -> Mapping:
        """The compiled mapping. Raises MappingRefused."""
        return read_mapping(self.text, str(self.path))

    @cached_property
    def stamp(self) -> str:
        """`name@version#digest16`: by what a record was read."""
        return f"{self.name}@{self.mapping.version}#{self.mapping.digest[:16]}"

    def records(self, path: Path) -> Iterator[Record]:
        """The records of a file, or of the files of a folder."""
        return self.mapping.records(path)

    def translate(self, payload: bytes, instance: str) -> Translation:
        """What one record means. Raises ValueError where the instance can't be part of a source name."""
        speakers = self._speakers.get(instance)
        if speakers is None:
            speaker("ledger", self.name, instance)
            if len(self._speakers) >= _MOST_INSTANCES:
                self._speakers.clear()
            speakers = self._speakers[instance] = {}
        try:
            return self._translated(payload, instance, speakers)
        except Unreadable as unreadable:
            refusal = unreadable.refusal
            if self.mapping.reads == "csv" and refusal.pointer:
                refusal = refusal._replace(pointer=self._as_sent(refusal.pointer, payload))
            return Translation(refused=(refusal,))

    def _translated(
        self, payload: bytes, instance: str, speakers: dict[tuple[str, str], Speaker]
    ) -> Translation:
        mapping = self.mapping
        message = read_xml(payload) if mapping.reads == "xml" else read_payload(payload)
        run = Run(message, instance, speakers)
        if mapping.reads == "csv":
            return _as_translation([self._told(_row(run, mapping), run)], set())
        objects, empty = mapping.envelopes.objects(run)
        if len(objects) == 1:
            return _as_translation([self._told(objects[0], run)], set())
        found: dict[tuple[object, object], Milestone] = {}
        all_told: list[_Told] = []
        for one in objects:
            told = self._told(one, run)
            for event in told if isinstance(told, list) else ():
                if found.setdefault((event["source"], event["id"]), event) != event:
                    one.node.refuse("id_repeated", "two objects come to one id and differ")
            all_told.append([] if isinstance(told, list) else told)
        all_told.append(list(found.values()))
        return _as_translation(all_told, set() if empty is None else {empty})

    def _as_sent(self, pointer: str, payload: bytes) -> str:
        """A pointer into a CSV record with its column as the file names it, not as paths do."""
        *holder, column = pointer.split("/")
        row = read_payload(payload)
        for step in holder[1:]:
            row = row.items()[int(step)] if isinstance(row.value, list) else row.at(step)
        headers = row.value if isinstance(row.value, dict) else {}
        spelled = self.mapping.cutting.spelled
        sent = next((header for header in headers if spelled(header) == column), None)
        return pointer if sent is None else "/".join(holder) + json_pointer(sent)

    def _told(self, one: Kinded, run: Run) -> _Told:
        reads = self.mapping.objects.get(one.kind)
        if reads is None:
            reason = self.mapping.reason_for(one.kind)
            if reason is not None:
                return reason
            one.told_at().refuse("object_unknown", f"the mapping {self.name} has no such kind; extend it")
        if not one.node.given:
            one.node.wrong("object_format", "the object")
        return reads(Scope(one.node.value, run, one.node.pointer))


def _as_translation(told: list[_Told], reasons: set[str]) -> Translation:
    """What the objects of one record came to. A record waits for what it points to as a whole."""
    if len(told) == 1 and told[0] and isinstance(told[0], list):
        return Translation(tuple(told[0]))
    needed = tuple(dict.fromkeys(one for one in told if isinstance(one, Fetch)))
    milestones = tuple(event for one in told if isinstance(one, list) for event in one)
    if needed and milestones:
        message = "one message holds whole objects and mere pointers; cut it apart (`records`, `envelopes`)"
        return Translation(refused=(Refusal("message_mixed", "", message),))
    if needed:
        return Translation(needed=needed)
    if milestones:
        return Translation(milestones)
    reasons.update(one for one in told if isinstance(one, str))
    assert reasons, "an envelope without objects says why"
    return Translation(ignored=min(reasons))


def _row(run: Run, mapping: Mapping) -> Kinded:
    """A CSV row with its columns spelled as the mapping names them; the kind as the cut told it, or anew."""
    record = run.message
    told = record.at("object")
    kind = told.text("the object's kind")
    for surplus in ("beyond", "cells"):
        if record.at(surplus).given:
            record.at(surplus).refuse("row_ragged", _why_ragged(record))
    row = record.at("row")
    if kind not in mapping.objects and mapping.reason_for(kind) is None and isinstance(row.value, dict):
        kind = mapping.cutting.kind_of(frozenset(row.value))
    if kind == "unknown" and len(mapping.objects) == 1 and not mapping.cutting.columns:
        kind = next(iter(mapping.objects))
    if kind not in mapping.objects:
        return Kinded(kind, lambda: told, row)
    rows = record.at("rows").items()
    if rows:
        members = {"object": kind, "rows": [_spelled(each, mapping) for each in rows]}
        run.message = Node(members, record.pointer)
    return Kinded(kind, lambda: told, Node(_spelled(row, mapping), row.pointer))


def _why_ragged(record: Node) -> str:
    """What was wrong with the first row that can't be read, where the cut said so."""
    broken = next(iter(record.at("unread").items()), None)
    told = None if broken is None else broken.at("why").value
    return told if isinstance(told, str) else "the row does not fit its header; check the quoting"


def _spelled(row: Node, mapping: Mapping) -> dict[str, object]:
    spelled = mapping.cutting.spelled
    cells = {spelled(header): cell.value for header, cell in row.members()}
    if isinstance(row.value, dict) and len(cells) < len(row.value):
        row.refuse("row_ragged", "two columns have the same name; rename one")
    return cells
