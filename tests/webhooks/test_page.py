"""docs/webhooks.md and the code agree: every scheme, field and reason is there, and its examples load."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import get_args

import pytest

from adapters.feeds.setup import read_feeds
from adapters.feeds.webhook import Webhook
from adapters.sources import SOURCES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "webhooks.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
NAMED = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)))
_REASON = re.compile(
    r'"((?:signature|credentials|timestamp|secret|organisation|session|address|body|media)_[a-z_]+)"'
)


def test_every_scheme_and_every_field_of_it_is_on_the_page() -> None:
    missing = set()
    for model in get_args(get_args(Webhook)[0]):
        (scheme,) = get_args(model.model_fields["scheme"].annotation)
        for name in (scheme, *model.model_fields):
            if name not in NAMED and f"{name}:" not in PAGE:
                missing.add(f"{scheme}.{name}")
    assert not missing


def test_every_reason_to_turn_a_message_away_is_on_the_page() -> None:
    files = [ROOT / "adapters" / "feeds" / f"{name}.py" for name in ("proof", "signatures", "claims")]
    files.append(ROOT / "api" / "routes" / "sources.py")
    said = {reason for file in files for reason in _REASON.findall(file.read_text())}
    assert {"signature_wrong", "credentials_wrong", "body_too_large"} <= said
    assert not said - NAMED


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_page_s_examples_can_be_used(example: str, tmp_path: Path) -> None:
    whole = example
    if example.startswith("secrets:"):
        whole = "webhook:\n  scheme: stripe\n" + textwrap.indent(example, "  ")
    if not whole.startswith("feeds:"):
        whole = "feeds:\n  one:\n    mapping: stripe\n" + textwrap.indent(whole, "    ")
    path = tmp_path / "sources.yaml"
    path.write_text(whole)
    assert read_feeds(path, resolve=lambda env, file: "whsec_x", mappings=SOURCES)
