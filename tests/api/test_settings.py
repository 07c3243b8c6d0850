"""Settings: every one documented, every bad one answered with its name, and nobody let in by accident."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from api.access.guard import Guard
from api.access.refusals import Unauthorised
from api.settings import Settings, SettingsRefused, load

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
TOKEN = "0123456789abcdef"
OIDC = {"oidc_issuer": "https://issuer.example", "oidc_audience": "cairn"}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    documented = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    assert documented == {str(f.alias): f.description for f in Settings.model_fields.values()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CAIRN_PORT", "70000"),
        ("CAIRN_PORT", "http"),
        ("CAIRN_TOKEN", "short"),
        ("CAIRN_SCHEMA", "public"),
        ("CAIRN_SCHEMA", "a;b"),
        ("CAIRN_MAX_BODY", "1"),
        ("CAIRN_LOG", "loud"),
        ("CAIRN_ORIGIN", "a ledger"),
        ("CAIRN_CHECKPOINT_SECONDS", "-1"),
        ("CAIRN_RATE", "fast"),
        ("CAIRN_RATE", "1000000/second"),
        ("CAIRN_OIDC_ISSUER", "http://issuer.example"),
        ("CAIRN_OIDC_JWKS", "ftp://issuer.example/keys"),
    ],
)
def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsRefused, match=f"^{name}: "):
        load()


def test_an_issuer_and_its_audience_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAIRN_OIDC_ISSUER", "https://issuer.example")
    with pytest.raises(SettingsRefused, match="CAIRN_OIDC_AUDIENCE"):
        load()


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAIRN_PORT", "1")
    monkeypatch.setenv("CAIRN_MAX_BODY", "2MiB")
    settings = load(port=2, host=None)
    assert (settings.port, settings.host, settings.max_body) == (2, "127.0.0.1", 2 * 2**20)


def test_secrets_are_not_shown() -> None:
    shown = repr(load(token=TOKEN, database_url="postgresql://u:secret@h/d"))
    assert TOKEN not in shown
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [
        ({}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": "ledger.example"}, True),
        ({"database_url": "postgresql:///x"}, True),
        ({"database_url": "postgresql:///x", "token": TOKEN}, False),
        ({"database_url": "postgresql:///x", **OIDC}, False),
        ({"host": "0.0.0.0", "token": TOKEN}, False),
        ({"host": "0.0.0.0", **OIDC}, False),
    ],
)
def test_only_our_own_database_on_loopback_is_open_without_keys(
    given: dict[str, Any], is_refused: bool
) -> None:
    settings = load(**given)
    settings.check_access(any_live=True)
    if is_refused:
        with pytest.raises(SettingsRefused, match=r"cairn keys create .* CAIRN_TOKEN"):
            settings.check_access(any_live=False)
    else:
        settings.check_access(any_live=False)


def headers(**given: str) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in given.items()]


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"])
def test_another_token_is_turned_away(sent: str) -> None:
    with pytest.raises(Unauthorised):
        Guard(TOKEN).check("/v1/events", headers(authorization=sent))


def test_the_token_lets_in_and_health_needs_none() -> None:
    guard = Guard(TOKEN)
    guard.check("/v1/events", headers(authorization=f"bearer {TOKEN}"))
    for path in ("/", "/console/console.js", "/healthz", "/readyz", "/openapi.json", "/v1/schema"):
        guard.check(path, [])
    for path in ("/metrics", "/v1/status", "/v1/noop", "/consolex"):
        with pytest.raises(Unauthorised):
            guard.check(path, [])


@pytest.mark.parametrize(
    "sent",
    [
        {"host": "evil.example"},
        {"host": "["},
        {"host": "127.0.0.1:8080", "origin": "http://evil.example"},
        {"host": "127.0.0.1:8080", "origin": "null"},
        {"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:9090"},
    ],
)
def test_an_open_ledger_answers_no_other_web_page(sent: dict[str, str]) -> None:
    with pytest.raises(Unauthorised):
        Guard(may_be_open=True).check("/v1/events", headers(**sent))


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"host": "localhost:8080"},
        {"host": "127.0.0.1"},
        {"host": "[::1]:8080", "origin": "http://[::1]:8080"},
        {"host": "localhost:8080", "origin": "http://localhost:8080"},
    ],
)
def test_an_open_ledger_answers_this_machine(sent: dict[str, str]) -> None:
    Guard(may_be_open=True).check("/v1/events", headers(**sent))


def test_variables_of_other_programs_are_not_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load()
    for name, field in Settings.model_fields.items():
        if name.upper() != field.alias:
            monkeypatch.setenv(name.upper(), "80")  # COLUMNS is the width of a terminal, HOST anybody's
    assert load() == plain
