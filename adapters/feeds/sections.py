"""The sections of a feed that say how its records are fetched, asked for, picked up and expected.

Belongs here: the names, limits and defaults of `client`, `fetch`, `poll`, `folder` and `expect`. Does not
belong here: webhooks (webhook.py), reading the file (setup.py), doing any of it.

Spans are given as seconds, or with a unit: `30s`, `15m`, `6h`, `2d`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from adapters.feeds.secret import Secret

_SPAN: Final = re.compile(r"(\d{1,9})\s*([smhd]?)", re.ASCII)
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_URL: Final = re.compile(r"https?://[^\s?#]+", re.ASCII)


class Section(BaseModel):
    """What all sections share: they don't change, and a name that they don't know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        match = _SPAN.fullmatch(value.strip())
        if match is None:
            raise ValueError("must be a span such as 300, 30s, 15m, 6h or 2d")
        return int(match[1]) * _UNITS[match[2]]
    return value


#: A span of time, in seconds.
Seconds = Annotated[int, BeforeValidator(_seconds), Field(ge=0, le=366 * 86_400)]


def checked_url(value: str) -> str:
    """An http or https address without query and fragment. Raises ValueError."""
    if _URL.fullmatch(value) is None:
        raise ValueError("must be an http:// or https:// address without query: https://host/path")
    return value


def below(value: Path, info: ValidationInfo) -> Path:
    """A path; a relative one is meant from the folder of the file that names it."""
    base: Path | None = (info.context or {}).get("folder")
    return value if base is None or value.is_absolute() else base / value


class Limits(Section):
    """How hard a source may be asked.

    timeout: seconds for one answer. retries: further attempts after the first. per_second: requests, None
    for no limit of ours. at_once: requests under way together. breaker_failures, breaker_rest: after so many
    failures in a row nothing is asked for so many seconds.
    """

    timeout: Seconds = 30
    retries: int = Field(default=5, ge=0, le=20)
    per_second: float | None = Field(default=None, gt=0, le=10_000)
    at_once: int = Field(default=4, ge=1, le=100)
    breaker_failures: int = Field(default=5, ge=1, le=1_000)
    breaker_rest: Seconds = 60


class Credentials(Section):
    """How requests to a source prove who asks.

    kind: bearer (`secret` is the token), basic (`user`, `secret`), header (`header` holds `secret`), oauth2
    (`user` is the client id, `secret` the client secret, `token_url`, `scope`). oauth2 asks for client
    credentials; with `refresh`, a file that holds a refresh token, it uses that, and writes a new one there
    where the source gives one.
    """

    kind: Literal["none", "bearer", "basic", "header", "oauth2"] = "none"
    secret: Secret | None = None
    user: str | None = None
    header: str | None = None
    token_url: str | None = None
    scope: str | None = None
    refresh: Secret | None = None

    @field_validator("token_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        return None if value is None else checked_url(value)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needed = {
            "bearer": ("secret",),
            "basic": ("user", "secret"),
            "header": ("header", "secret"),
            "oauth2": ("user", "secret", "token_url"),
        }.get(self.kind, ())
        if missing := [name for name in needed if getattr(self, name) is None]:
            raise ValueError(f"{self.kind} needs {' and '.join(missing)}")
        if self.refresh is not None and self.refresh.file is None:
            raise ValueError("`refresh` must be {file: PATH}: a new refresh token is written there")
        return self


class Wrap(Section):
    """An envelope that the client puts around each record, for what the record alone does not say.

    object: the member that takes the object's name; record: the one that takes the record.
    `{object: stream, record: data}` makes `{"stream": "invoices", "data": {...}}`.
    """

    object: str = Field(min_length=1)
    record: str = Field(min_length=1)


class ClientObject(Section):
    """How one kind of object is asked for.

    fetch: path of one record, with `{id}`. list: path of a list. record, records: where the record, or the
    list of them, stands in an answer, dotted; empty where the answer is it; `list.*.invoice` for one inside
    of each element. wrap: put around each record. id, updated: where a record holds its id and its time of
    change. since: the query parameter that asks for what changed, or one with its value, `name=... {since}`;
    since_format as it is to be written. paging: how the next page is asked for; cursor: where an answer names
    it (next_link: an address, cursor: a text); last_page: whether the last page names none, or the cursor
    again that was asked for; cursor_parameter: what takes it, or the offset, or the page's
    number, which begin at `first`; size_parameter: what takes the page's size. cursor_most: cursors are
    numbers, and beyond this one the source gives no more, so the list is begun anew at the latest change.
    parameters: sent with every request for a list; body: an object of JSON that is posted instead, to which
    cursor and size are added. between: parameters that ask for business dates. amount, currency: where a
    record holds them, for totals.

    `{id}`, `{object}`, `{since}`, `{from}`, `{to}`, `{cursor}`, `{offset}`, `{size}` stand for their values
    in paths, parameters and body.
    """

    fetch: str | None = None
    list_: str | None = Field(default=None, alias="list")
    record: str = ""
    records: str = ""
    wrap: Wrap | None = None
    id: str = "id"
    updated: str | None = None
    since: str | None = None
    since_format: Literal["iso", "unix", "unix_ms", "date"] = "iso"
    paging: Literal["none", "next_link", "cursor", "offset", "page"] = "none"
    cursor: str | None = None
    last_page: Literal["no_cursor", "same_cursor"] = "no_cursor"
    cursor_parameter: str | None = None
    cursor_most: int | None = Field(default=None, ge=1)
    first: int | None = Field(default=None, ge=0)
    size_parameter: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    between: dict[str, str] = Field(default_factory=dict)
    amount: str | None = None
    currency: str | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.paging in ("next_link", "cursor") and self.cursor is None:
            raise ValueError(f"`paging: {self.paging}` needs `cursor`: where an answer names the next page")
        if self.fetch is not None and "{id}" not in self.fetch:
            raise ValueError("`fetch` must hold {id}: the path of one record")
        return self


class ClientSection(Section):
    """How a source is asked: `fetch`, `poll` and `cairn reconcile` use it.

    kind: `http` is set up by `objects`; the others know their system and need of `objects` only what differs.
    objects: by the name that the mapping has for them, `*` for all others. options: what a client's system
    wants besides.
    """

    kind: Literal["http", "salesforce", "stripe", "hubspot"] = "http"
    base_url: str | None = None
    credentials: Credentials = Field(default_factory=Credentials)
    headers: dict[str, str] = Field(default_factory=dict)
    limits: Limits = Field(default_factory=Limits)
    objects: dict[str, ClientObject] = Field(default_factory=dict)
    options: dict[str, str] = Field(default_factory=dict)

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        return None if value is None else checked_url(value).rstrip("/")

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.kind == "http" and self.base_url is None:
            raise ValueError("`kind: http` needs `base_url`: https://host/path")
        return self


class FetchSection(Section):
    """Completing sparse messages: how long between attempts, and after how many a person is asked.

    every: seconds between looks at what waits. attempts: before it is left to a person.
    """

    every: Seconds = Field(default=5, ge=1)
    attempts: int = Field(default=10, ge=1, le=1_000)


class PollSection(Section):
    """Asking for what changed.

    objects: names of the client's objects. every: seconds between polls. overlap: seconds asked for again
    each time, for what the source showed late. page: records asked for at a time. start: the first poll asks
    for changes since then (RFC 3339); without it for everything.
    """

    objects: tuple[str, ...] = Field(min_length=1)
    every: Seconds = Field(default=300, ge=1)
    overlap: Seconds = 300
    page: int = Field(default=100, ge=1, le=10_000)
    start: AwareDatetime | None = None


class FolderSection(Section):
    """Files dropped in a folder.

    path: where they are dropped. every: seconds between looks. done, failed: where they are moved; by default
    folders of these names in it. settled: seconds without change before a file counts as complete.
    """

    path: Path
    every: Seconds = Field(default=10, ge=1)
    done: Path | None = None
    failed: Path | None = None
    settled: Seconds = 5

    _from_the_file = field_validator("path", "done", "failed")(
        lambda value, info: None if value is None else below(value, info)
    )


class ExpectSection(Section):
    """What the feed should look like from outside; where it doesn't, an exception says so.

    every: seconds of silence after which it is one; None: silence is none. sequence: `dense` where the
    source numbers its messages without gaps, so that a missing number is an exception.
    """

    every: Annotated[int, BeforeValidator(_seconds), Field(ge=1, le=366 * 86_400)] | None = None
    sequence: Literal["none", "dense"] = "none"
