"""Settings: the only place that reads the environment. docs/settings.md lists them; a test holds that.

Belongs here: names, defaults and limits of settings, and what a value that can't be used is answered with.
Does not belong here: what a setting does.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any, Final, Literal, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import ByteSize, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.feeds.files import FileRefused
from adapters.feeds.setup import Feed, read_feeds
from adapters.postgres.connections import DEFAULT_SCHEMA, checked_schema
from adapters.sources import SOURCES, MappingRefused, use_mappings
from api.access.limiting import rate_of
from api.access.oidc import checked_url
from domain.notes import is_name

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
        description="Folder of the embedded database, and of the keys beside it: those of another schema than"
        " `cairn` in `tenants/SCHEMA`. Not used where DATABASE_URL is set.",
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
        description="The operator's token, sent as `Authorization: Bearer`: all roles, all rows, no limit;"
        " at least 16 characters. Not needed where there are keys (`cairn keys create`) or an OIDC issuer.",
    )
    oidc_issuer: str | None = Field(
        None,
        alias="CAIRN_OIDC_ISSUER",
        description="Issuer whose OIDC tokens are taken, as `iss` has it: an https URL.",
    )
    oidc_audience: str | None = Field(
        None,
        alias="CAIRN_OIDC_AUDIENCE",
        description="Audience that OIDC tokens must be for, as `aud` has it.",
    )
    oidc_jwks: str | None = Field(
        None,
        alias="CAIRN_OIDC_JWKS",
        description="URL or file of the issuer's keys. Default: as its discovery document says.",
    )
    oidc_claim: str = Field(
        "cairn",
        min_length=1,
        alias="CAIRN_OIDC_CLAIM",
        description="Claim of OIDC tokens that lists what they grant: `read`, `read:entity=DE`,"
        " `append:/crm/hubspot/*`, `audit`, `rebuild`, `administer`, `personal`.",
    )
    rate: str | None = Field(
        None,
        alias="CAIRN_RATE",
        description="Rate for keys without one of their own and for OIDC callers, as `100/second`, minute,"
        " hour or day. Default: as many requests as come.",
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
    transparency: bool = Field(
        default=True,
        alias="CAIRN_TRANSPARENCY",
        description="Hash what is recorded into the transparency log, behind the append; `0`: don't.",
    )
    signing_key: Path | None = Field(
        None,
        alias="CAIRN_SIGNING_KEY",
        description="File of the Ed25519 key that signs checkpoints (`cairn checkpoint --make-key FILE`)."
        " Default: `signing.key` in CAIRN_DATA, made at first use; with DATABASE_URL none, and nothing is"
        " signed.",
    )
    origin: str | None = Field(
        None,
        alias="CAIRN_ORIGIN",
        description="Name of this ledger in checkpoints, such as `ledger.example.com/acme`. Default:"
        " `cairn/<schema>/` and eight digits that are the ledger's own.",
    )
    checkpoint_seconds: int = Field(
        60,
        ge=0,
        le=86_400,
        alias="CAIRN_CHECKPOINT_SECONDS",
        description="Seconds between signed checkpoints, made where anything was recorded; 0: only at"
        " request.",
    )
    publish: str | None = Field(
        None,
        repr=False,
        alias="CAIRN_PUBLISH",
        description="Where each checkpoint is published: a file, or an http or https address that takes PUT."
        " What is there already is checked first.",
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
    personal: Path | None = Field(
        None,
        alias="CAIRN_PERSONAL",
        description="File of rules, `personal.yaml`: which values of payloads are personal. They are kept"
        " sealed under a key per data subject, and tokens stand in their place.",
    )
    personal_key: Path | None = Field(
        None,
        alias="CAIRN_PERSONAL_KEY",
        description="File of the secret that tokens are made with and keys of data subjects are wrapped"
        " under: 64 hex digits. Default: `personal.key` in CAIRN_DATA, made when it is first needed; with"
        " DATABASE_URL it has to be named.",
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

    @field_validator("rate")
    @classmethod
    def _is_a_rate(cls, value: str | None) -> str | None:
        if value is not None:
            rate_of(value)
        return value

    @model_validator(mode="after")
    def _knows_the_audience(self) -> Self:
        if (self.oidc_issuer is None) != (self.oidc_audience is None):
            raise ValueError("CAIRN_OIDC_ISSUER and CAIRN_OIDC_AUDIENCE are set both or not at all")
        return self

    @field_validator("oidc_issuer")
    @classmethod
    def _can_be_asked(cls, value: str | None) -> str | None:
        return None if value is None else checked_url(value)

    @field_validator("oidc_jwks")
    @classmethod
    def _can_be_read(cls, value: str | None) -> str | None:
        return checked_url(value) if value is not None and "://" in value else value

    @field_validator("origin")
    @classmethod
    def _can_be_a_name(cls, value: str | None) -> str | None:
        if value is not None and not is_name(value):
            raise ValueError("may hold no blanks and no plus")
        return value

    @field_validator("database_url")
    @classmethod
    def _can_be_parsed(cls, value: str | None) -> str | None:
        try:
            conninfo_to_dict(value or "")
        except psycopg.ProgrammingError:
            # without the driver's own words: they quote what can't be read, a password too
            raise ValueError(
                "must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE; within its parts write %25 for %,"
                " %40 for @, %3A for :, %2F for /"
            ) from None
        return value

    @field_validator("token")
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (
            len(value.get_secret_value()) < 16 or not value.get_secret_value().isascii()
        ):
            raise ValueError("must have at least 16 characters, all ASCII: openssl rand -hex 24 makes one")
        return value

    @property
    def own_folder(self) -> Path:
        """The folder of what this tenant alone keeps beside the embedded database: its keys."""
        return self.folder if self.tenant == DEFAULT_SCHEMA else self.folder / "tenants" / self.tenant

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
    def may_be_open(self) -> bool:
        """Whether the API may answer without credentials as long as there are no keys: the database is our
        own, only this machine can reach us, and no other way to be known is set up."""
        return (
            self.token is None
            and self.oidc_issuer is None
            and self.database_url is None
            and self.is_on_loopback
        )

    def check_access(self, *, any_live: bool) -> None:
        """Raises SettingsRefused where nobody could be told from anybody. any_live: whether a key is live."""
        if self.may_be_open or any_live or self.token is not None or self.oidc_issuer is not None:
            return
        why = "DATABASE_URL is set" if self.is_on_loopback else f"{self.host} can be reached from elsewhere"
        raise SettingsRefused(
            f"callers need a key, since {why}: cairn keys create admin --role administer,"
            " or set CAIRN_TOKEN: export CAIRN_TOKEN=$(openssl rand -hex 24)"
        )


def feeds_of(settings: Settings) -> dict[str, Feed]:
    """The configured feeds by name, their secrets looked up; none without CAIRN_SOURCES.

    Raises SettingsRefused, whose message lists every error with file, line and field.
    """
    if settings.sources is None:
        return {}
    try:
        return read_feeds(settings.sources, resolve=_secret, mappings=SOURCES)
    except FileRefused as error:
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
