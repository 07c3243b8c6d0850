"""The file of feeds: what it may hold, and how every mistake in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.feeds.files import FileRefused
from adapters.feeds.setup import read_feeds
from adapters.sources import SOURCES
from api.settings import SettingsRefused, feeds_of, load

WHOLE = """
feeds:
  stripe-acme:
    mapping: stripe
    instance: acme
    webhook:
      scheme: stripe
      secrets:
        - {env: STRIPE_NEW, from: 2026-06-01T00:00:00Z}
        - {env: STRIPE_OLD, name: the old one, until: 2026-06-08T00:00:00Z}
      tolerance: 5m
    expect: {every: 6h}
  dropped:
    mapping: salesforce
    instance: no
    folder: {path: drop, every: 30s}
  books:
    mapping: quickbooks
    client:
      base_url: https://books.example/v3/
    poll: {objects: [Invoice], every: 15m, overlap: 10m}
"""


def resolve(env: str | None, file: Path | None) -> str:
    return f"the secret in {env or file}"


def written(folder: Path, text: str) -> Path:
    path = folder / "sources.yaml"
    path.write_text(text)
    return path


def errors(folder: Path, text: str) -> list[str]:
    with pytest.raises(FileRefused) as refusal:
        read_feeds(written(folder, text), resolve=resolve, mappings=SOURCES)
    assert "the secret in" not in str(refusal.value)
    return [str(one).removeprefix(f"{folder}/") for one in refusal.value.errors]


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    found = read_feeds(written(tmp_path, WHOLE), resolve=resolve, mappings=SOURCES)
    assert list(found) == ["stripe-acme", "dropped", "books"]
    stripe, dropped, books = (feed.setup for feed in found.values())
    assert stripe.webhook is not None
    assert stripe.webhook.scheme == "stripe"
    assert [(one.name, one.value) for one in stripe.webhook.secrets] == [
        ("STRIPE_NEW", "the secret in STRIPE_NEW"),
        ("the old one", "the secret in STRIPE_OLD"),
    ]
    assert (stripe.webhook.tolerance, stripe.expect.every) == (300, 21_600)
    # texts stay texts, and paths are meant from the file's folder
    assert dropped.instance == "no"
    assert dropped.folder is not None
    assert (dropped.folder.path, dropped.folder.every) == (tmp_path / "drop", 30)
    assert books.client is not None
    assert books.client.base_url == "https://books.example/v3"
    assert books.poll is not None
    assert (books.poll.objects, books.poll.every, books.poll.overlap) == (("Invoice",), 900, 600)
    assert not [feed for feed in found.values() if feed.name != "stripe-acme" and feed.proves_its_sender]


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    found = read_feeds(written(tmp_path, WHOLE), resolve=resolve)
    assert "the secret in" not in repr(found)
    assert "the secret in" not in found["stripe-acme"].setup.model_dump_json()


def test_every_error_names_file_line_and_field(tmp_path: Path) -> None:
    text = """feeds:
  one:
    mapping: strip
    webhok: {}
    instance: a/b
  two:
    webhook:
      scheme: hubspot
      secrets: [{env: A, file: b}]
    poll: {objects: [x], every: soon}
  Three:
    mapping: stripe
"""
    assert [
        one.removeprefix("sources.yaml:") for one in errors(tmp_path, text.replace("Three", "three"))
    ] == [
        "3: feeds.one.mapping: there is no such mapping: did you mean stripe?",
        "4: feeds.one.webhok: there is no such field: did you mean webhook?",
        "5: feeds.one.instance: name the instance with letters, digits, '.', '_' or '-', e.g. acme",
        "6: feeds.two.mapping: is missing",
        "9: feeds.two.webhook.secrets.0: give {env: NAME} or {file: PATH}, never the secret itself",
        "10: feeds.two.poll.every: must be a span such as 300, 30s, 15m, 6h or 2d",
    ]
    (only,) = errors(tmp_path, text)
    assert only.startswith("sources.yaml:1: feeds: 'Three' can't name a feed")


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("{scheme: magic}", "webhook: must be one of 'stripe'"),
        ("{secrets: [{env: A}]}", "webhook: `scheme` is missing"),
        ("{scheme: stripe}", "webhook.secrets: is missing"),
        ("{scheme: stripe, secrets: []}", "webhook.secrets: must not be empty"),
        ("{scheme: stripe, secrets: [whsec_abcdef]}", "secrets.0: give {env: NAME}"),
        ("{scheme: stripe, secrets: [{env: A}], tolerance: 0}", "webhook.tolerance: must be greater than"),
        ("{scheme: stripe, secrets: [{env: A, until: 2026-06-01}]}", "secrets.0.until: "),
        ("{scheme: stripe, secrets: [{env: A, unti: 1}]}", "did you mean until?"),
        (
            "{scheme: stripe, secrets: [{env: A, from: 2026-06-02T00:00:00Z, until: 2026-06-01T00:00:00Z}]}",
            "`from` must come before `until`",
        ),
        ("{scheme: hubspot, secrets: [{env: A}]}", "webhook: v2 and v3 sign the address"),
        ("{scheme: hubspot, secrets: [{env: A}], url: 'https://h/p?q'}", "must be an http:// or https://"),
        ("{scheme: standard_webhooks, secrets: [{env: A}]}", "the secret is not written in base64"),
        ("{scheme: hmac, secrets: [{env: A}], header: X, key: hex}", "the secret is not written in hex"),
        ("{scheme: hmac, secrets: [{env: A}], header: 'a b'}", "must be the name of a header"),
        ("{scheme: hmac, secrets: [{env: A}], header: X, signed: '{id}'}", "`signed` must hold {body} once"),
        ("{scheme: hmac, secrets: [{env: A}], header: X, signed: '{id}{body}'}", "give `id_header` too"),
        ("{scheme: hmac, secrets: [{env: A}], header: X, timestamp_header: T}", "proves nothing unless"),
        ("{scheme: basic, user: 'a:b', secrets: [{env: A}]}", "holds no colon"),
        ("{scheme: token, secrets: [{env: A}]}", "give either `header` or `parameter`"),
        ("{scheme: salesforce_outbound, organizations: [x]}", "an organisation's id has 15 or 18 characters"),
        ("{scheme: none, opn: true}", "did you mean open?"),
    ],
)
def test_a_webhook_section_that_can_not_work_is_refused(tmp_path: Path, section: str, says: str) -> None:
    found = errors(tmp_path, f"feeds:\n  one:\n    mapping: stripe\n    webhook: {section}\n")
    assert len(found) == 1
    assert found[0].startswith("sources.yaml:4: feeds.one.webhook")
    assert says in found[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1: must be a section"),
        ("feeds: [", "can't be read as YAML"),
        ("feeds:\n  a: {mapping: stripe}\n  a: {mapping: stripe}\n", "3: the name 'a' stands here twice"),
        ("feeds: &x {}\nother: *x\n", "1: anchors and aliases have no meaning here"),
        ("feeds:\n  one:\n", "2: feeds.one: must be a section"),
        ("feeds: {}\nfeed: {}\n", "2: feed: there is no such field: did you mean feeds?"),
        ("feeds:\n  one: {mapping: stripe, fetch: {}}\n", "feeds.one.fetch: needs a `client` section"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, says: str) -> None:
    assert says in errors(tmp_path, text)[0]


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sources.yaml"
    path.write_bytes(b"feeds:\n  one: {mapping: \xe4}\n")
    with pytest.raises(FileRefused, match=r":2: is not text in UTF-8"):
        read_feeds(path)


def test_secrets_are_looked_up_where_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "feeds:\n  one:\n    mapping: stripe\n    webhook:\n      scheme: stripe\n"
        "      secrets: [{env: CAIRN_TEST_SECRET}, {file: kept}]\n"
    )
    settings = load(sources=written(tmp_path, text))
    monkeypatch.delenv("CAIRN_TEST_SECRET", raising=False)
    with pytest.raises(SettingsRefused) as refusal:
        feeds_of(settings)
    assert "the environment variable CAIRN_TEST_SECRET is not set" in str(refusal.value)
    assert f"the file {tmp_path / 'kept'} can't be read" in str(refusal.value)
    monkeypatch.setenv("CAIRN_TEST_SECRET", "from the environment")
    (tmp_path / "kept").write_text("from a file\n")
    webhook = feeds_of(settings)["one"].setup.webhook
    assert webhook is not None
    assert webhook.scheme == "stripe"
    assert [one.value for one in webhook.secrets] == ["from the environment", "from a file"]


def test_without_a_file_there_are_no_feeds_and_a_missing_one_is_told(tmp_path: Path) -> None:
    assert feeds_of(load()) == {}
    with pytest.raises(SettingsRefused, match=r"CAIRN_SOURCES: .*No such file"):
        feeds_of(load(sources=tmp_path / "none.yaml"))
