"""The file of feeds (`CAIRN_SOURCES`): read, checked, and every error named by file, line and field.

Belongs here: the file's shape and its errors. Does not belong here: what a section means to those that use
it, secrets' values in any message.

    feeds:
      stripe-acme:                     # the feed's name: POST /v1/sources/stripe-acme
        mapping: stripe                # how its records are read
        instance: acme                 # the firm's copy of that system: part of every key
        webhook: {scheme: stripe, secrets: [{env: STRIPE_WEBHOOK_SECRET}]}
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from pydantic import BaseModel, ValidationError, ValidationInfo, field_validator

from adapters.feeds.files import FileError, FileRefused, read_file
from adapters.feeds.marked import Marked
from adapters.feeds.secret import Resolve
from adapters.feeds.sections import (
    ClientSection,
    ExpectSection,
    FetchSection,
    FolderSection,
    PollSection,
    Section,
)
from adapters.feeds.webhook import Webhook, proves_its_sender
from adapters.sources.base import speaker

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
#: pydantic's kinds of error that are told in our words.
_SAID: Final = {
    "missing": "is missing",
    "model_type": "must be a section: names with values below",
    "dict_type": "must be a section: names with values below",
    "tuple_type": "must be a list",
    "string_type": "must be a text",
    "too_short": "must not be empty",
    "union_tag_not_found": "`scheme` is missing",
}


class FeedSetup(Section):
    """One feed, as configured. Sections that are None are not used."""

    mapping: str
    instance: str = "main"
    webhook: Webhook | None = None
    folder: FolderSection | None = None
    client: ClientSection | None = None
    fetch: FetchSection | None = None
    poll: PollSection | None = None
    expect: ExpectSection = ExpectSection()

    @field_validator("mapping")
    @classmethod
    def _is_known(cls, value: str, info: ValidationInfo) -> str:
        mappings: Collection[str] | None = (info.context or {}).get("mappings")
        if mappings is not None and value not in mappings:
            raise ValueError(f"there is no such mapping{_meant(value, mappings)}")
        return value

    @field_validator("instance")
    @classmethod
    def _names_a_copy(cls, value: str) -> str:
        speaker("ledger", "any", value)
        return value

    @field_validator("fetch", "poll")
    @classmethod
    def _has_a_client(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and "client" in info.data and info.data["client"] is None:
            raise ValueError("needs a `client` section beside it: how the source is asked")
        return value


def can_name(name: str) -> bool:
    """Whether a text can name a feed."""
    return _NAME.fullmatch(name) is not None


class Feed(NamedTuple):
    """A feed by its name: what routes, commands and counts know it as."""

    name: str
    setup: FeedSetup

    @property
    def proves_its_sender(self) -> bool:
        """Whether its webhook lets messages in without the API's token."""
        return proves_its_sender(self.setup.webhook)


class _File(Section):
    feeds: dict[str, FeedSetup]

    @field_validator("feeds", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        for name in value if isinstance(value, dict) else ():
            if not can_name(name):
                raise ValueError(
                    f"{name[:80]!r} can't name a feed: use up to 63 of a-z, 0-9, - and _, as in stripe-acme"
                )
        return value


def read_feeds(
    path: Path, *, resolve: Resolve | None = None, mappings: Collection[str] | None = None
) -> dict[str, Feed]:
    """The feeds of a file by name, in its order.

    resolve: looks secrets up; without it they stay unread, as for a check. mappings: names that `mapping` may
    be; without it any. Raises FileRefused with every error; FileNotFoundError, PermissionError.
    """
    marked = read_file(path)
    context = {"resolve": resolve, "mappings": mappings, "folder": path.parent}
    try:
        found = _File.model_validate(marked.values, context=context)
    except ValidationError as error:
        raise FileRefused(list(_errors(path, marked, error))) from None
    return {name: Feed(name, setup) for name, setup in found.feeds.items()}


def _errors(path: Path, marked: Marked, error: ValidationError) -> Iterator[FileError]:
    found = error.errors(include_input=False, include_url=False)
    for one in found:
        if one["type"] == "too_short" and any(_is_below(other["loc"], one["loc"]) for other in found):
            continue  # what made it short has been told
        steps = marked.path_of(tuple(one["loc"]))
        if one["type"] == "missing":
            steps = (*steps, one["loc"][-1])
        yield FileError(path, marked.line_of(steps), ".".join(map(str, steps)), _message(one))


def _is_below(steps: tuple[str | int, ...], above: tuple[str | int, ...]) -> bool:
    return len(steps) > len(above) and steps[: len(above)] == above


def _message(one: Mapping[str, Any]) -> str:
    kind = one["type"]
    if kind == "extra_forbidden":
        *around, name = one["loc"]
        return f"there is no such field{_meant(str(name), _fields(around))}"
    if kind in _SAID:
        return _SAID[kind]
    if kind == "union_tag_invalid":
        return f"must be one of {one['ctx']['expected_tags']}"
    text: str = one["msg"]
    return text.removeprefix("Value error, ").replace("Input should be", "must be", 1)


def _fields(steps: Iterable[str | int]) -> list[str]:
    """The names that may stand in the section at a place."""
    models: list[type[BaseModel]] = [_File]
    for step in steps:
        inner = [
            model
            for outer in models
            for name, field in outer.model_fields.items()
            if step in (name, field.alias)
            for model in _models_in(field.annotation)
        ]
        tagged = [model for model in models if _has_tag(model, step)]
        models = inner or tagged or models
    return [field.alias or name for model in models for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _has_tag(model: type[BaseModel], step: str | int) -> bool:
    field = model.model_fields.get("scheme")
    return field is not None and step in get_args(field.annotation)


def _meant(given: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(given, known, n=1)
    if close:
        return f": did you mean {close[0]}?"
    return f": one of {', '.join(sorted(known))}" if known else ""
