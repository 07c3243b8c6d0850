"""Settings: the only place that reads the environment. docs/settings.md lists them; a test holds that.

Belongs here: names, defaults and limits of settings, and what a value that can't be used is answered with.
Does not belong here: what a setting does.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ByteSize, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.feeds.setup import Feed, SetupRefused, read_feeds
from adapters.postgres.connections import DEFAULT_SCHEMA, checked_schema
from adapters.sources import SOURCES, MappingRefused, use_mappings

MEBIBYTE: Final = 1024 * 1024


class SettingsRefused(ValueError):
    """A setting can't be used; the message names it and says what would do."""


class Settings(BaseSettings):
    """Everything that may differ from one installation to the next. Arguments go before the environment."""

    # the prefix: fields may be given by name, and COLUMNS, TOKEN and HOST are variables of other programs
    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, env_prefix="CAIRN_", env_ignore_empty=True,
        env_parse_none_str=None,
    )  # fmt: skip

    host: str = Field("127.0.0.1", alias="CAIRN_HOST", description="Address that the API listens on.")
    port: int = Field(
        8080,
        ge=0,
        le=65_535,
        alias="CAIRN_PORT",
        description="Port that the API listens on; 0 takes a free one.",
    )
    folder: Path = Field(
        Path(".cairn"),
        alias="CAIRN_DATA",
        description="Folder of the embedded database. Not used where DATABASE_URL is set.",
    )
    database_url: str | None = Field(
        None,
        alias="DATABASE_URL",
        repr=False,
        description="A PostgreSQL server from version 15 up, in place of the embedded one.",
    )
    tenant: str = Field(
        DEFAULT_SCHEMA, alias="CAIRN_SCHEMA", description="Schema that holds everything of this ledger."
    )
    token: SecretStr | None = Field(
        None,
        alias="CAIRN_TOKEN",
        description="What callers send as `Authorization: Bearer`; at least 16 characters. Needed unless"
        " the API listens on loopback.",
    )
    max_body: ByteSize = Field(
        ByteSize(64 * MEBIBYTE),
        ge=1024,
        le=512 * MEBIBYTE,
        alias="CAIRN_MAX_BODY",
        description="Largest request body, in bytes or as `64MiB`.",
    )
    columns: ByteSize = Field(
        ByteSize(512 * MEBIBYTE),
        ge=0,
        alias="CAIRN_COLUMNS_MEMORY",
        description="Memory that the live journal may take in the API, so that reports are read without"
        " the database: about 140 bytes a posting while it is loaded, half of that later. Where it would"
        " take more, and with 0, the database answers.",
    )
    log: Literal["debug", "info", "warning", "error"] = Field(
        "info", alias="CAIRN_LOG", description="Least level of the log lines on stderr; requests are `info`."
    )
    self_check: int = Field(
        300,
        ge=0,
        le=86_400,
        alias="CAIRN_SELF_CHECK_SECONDS",
        description="Seconds between checks of the laws of the books beside the projector; 0: none.",
    )
    sources: Path | None = Field(
        None,
        alias="CAIRN_SOURCES",
        description="File of feeds, `sources.yaml`: webhooks, polls and folders by name.",
    )
    mappings: Path | None = Field(
        None,
        alias="CAIRN_MAPPINGS",
        description="Folder of mapping files, `NAME.yaml`, added to the built-in ones or in place of those of"
        " the same name.",
    )
    keep_ignored: bool = Field(
        default=True,
        alias="CAIRN_KEEP_IGNORED",
        description="Keep the bytes of records in files that rightly yield no milestone, so that a changed"
        " mapping can read them again. Those of webhooks and polls are always kept.",
    )
    noop: bool = Field(
        default=False,
        alias="CAIRN_NOOP",
        description="For benchmarks only: `1` serves `/v1/noop`, which does nothing: the floor to compare"
        " with.",
    )
    crash_at: str | None = Field(
        None,
        alias="CAIRN_CRASH_AT",
        description="For tests only: `label` or `label:nth`, a point at which the process dies by SIGKILL.",
    )

    @field_validator("tenant")
    @classmethod
    def _names_a_schema(cls, value: str) -> str:
        return checked_schema(value)

    @field_validator("token")
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (
            len(value.get_secret_value()) < 16 or not value.get_secret_value().isascii()
        ):
            raise ValueError("must have at least 16 characters, all ASCII: openssl rand -hex 24 makes one")
        return value

    @property
    def is_on_loopback(self) -> bool:
        """Whether only this machine can reach the API."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_open(self) -> bool:
        """Whether callers need no token: none is set, and only this machine can reach the API."""
        return self.token is None and self.is_on_loopback

    def check_access(self) -> None:
        """Raises SettingsRefused where the API would be open to others without a token."""
        if self.token is not None or self.is_open:
            return
        raise SettingsRefused(
            f"set CAIRN_TOKEN, since {self.host} can be reached from elsewhere:"
            " export CAIRN_TOKEN=$(openssl rand -hex 24)"
        )


def feeds_of(settings: Settings) -> dict[str, Feed]:
    """The configured feeds by name, their secrets looked up; none without CAIRN_SOURCES.

    Raises SettingsRefused, whose message lists every error with file, line and field.
    """
    if settings.sources is None:
        return {}
    try:
        return read_feeds(settings.sources, resolve=_secret, mappings=SOURCES)
    except SetupRefused as error:
        raise SettingsRefused(f"CAIRN_SOURCES can't be used:\n{error}") from None
    except OSError as error:
        raise SettingsRefused(f"CAIRN_SOURCES: {settings.sources}: {error.strerror}") from None


def mappings_of(settings: Settings) -> list[str]:
    """Put the mappings of CAIRN_MAPPINGS in place; answers their names.

    Raises SettingsRefused, whose message lists every error of a file with line and field.
    """
    if settings.mappings is None:
        return []
    try:
        return use_mappings(settings.mappings)
    except MappingRefused as error:
        raise SettingsRefused(f"CAIRN_MAPPINGS can't be used:\n{error}") from None
    except OSError as error:
        raise SettingsRefused(f"CAIRN_MAPPINGS: {settings.mappings}: {error.strerror or error}") from None


def _secret(env: str | None, file: Path | None) -> str:
    if env is not None:
        if not os.environ.get(env):
            raise LookupError(f"the environment variable {env} is not set")
        return os.environ[env]
    assert file is not None, "a secret stands in a variable or in a file"
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LookupError(f"the file {file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LookupError(f"the file {file} is not text in UTF-8") from None


def load(**given: Any) -> Settings:
    """Settings from the environment, those given (and not None) before it. Raises SettingsRefused."""
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = str(first["loc"][0]) if first["loc"] else "settings"
        field = Settings.model_fields.get(place)
        name = (field.alias if field is not None else None) or place
        raise SettingsRefused(f"{name}: {first['msg'].removeprefix('Value error, ')}") from None
    mappings_of(settings)
    return settings
