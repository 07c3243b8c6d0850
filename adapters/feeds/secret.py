"""Secrets as the file of feeds names them: by where they stand, never by what they are.

Belongs here: `{env: NAME}` and `{file: PATH}`, and from when until when a secret holds. Does not belong here:
reading the environment (api/settings.py gives the function that does), using a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    model_validator,
)

#: Looks a secret up: the name of an environment variable or None, the path of a file or None. Raises
#: LookupError, whose message says what is missing, or ValueError.
Resolve: TypeAlias = Callable[[str | None, Path | None], str]

_HOW: Final = "give {env: NAME} or {file: PATH}, never the secret itself"


class Secret(BaseModel):
    """One secret, by the place where it stands.

    name: shown where something is proven with it; default the variable's or the file's name. from, until:
    moments with an offset between which it holds, so that two overlap while they are changed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    env: str | None = Field(default=None, min_length=1)
    file: Path | None = None
    name: str = ""
    from_: AwareDatetime | None = Field(default=None, alias="from")
    until: AwareDatetime | None = None
    _value: SecretStr = PrivateAttr(default=SecretStr(""))
    _path: Path | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _is_a_place(cls, given: Any) -> Any:
        if isinstance(given, Secret):
            return given
        if not isinstance(given, dict) or (given.get("env") is None) == (given.get("file") is None):
            raise ValueError(_HOW)
        place = given.get("env") or Path(str(given["file"])).name
        return {"name": place, **given}

    @model_validator(mode="after")
    def _is_there(self, info: ValidationInfo) -> Self:
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            raise ValueError("`from` must come before `until`")
        context = info.context or {}
        resolve: Resolve | None = context.get("resolve")
        if resolve is not None:
            file = self.file
            if file is not None and not file.is_absolute():
                file = Path(context.get("folder") or ".") / file
            try:
                found = resolve(self.env, file)
            except LookupError as error:
                raise ValueError(str(error.args[0])) from None
            if not found:
                raise ValueError(f"the secret in {self.env or self.file} is empty")
            self._value, self._path = SecretStr(found), file
        return self

    @property
    def value(self) -> str:
        """The secret itself: for proving with, never for showing."""
        return self._value.get_secret_value()

    @property
    def path(self) -> Path | None:
        """Where it stands, for what renews it; None where that is no file."""
        return self._path

    def holds_at(self, seconds: float) -> bool:
        """Whether it is in force at a moment, in seconds since 1970-01-01 UTC."""
        begun = self.from_ is None or self.from_.timestamp() <= seconds
        return begun and (self.until is None or seconds < self.until.timestamp())
