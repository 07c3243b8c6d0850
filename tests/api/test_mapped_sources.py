"""A mapping of one's own, from outside: imported without Python, its version kept with every milestone."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from adapters.postgres.migrate import migrate
from adapters.sources import load_mapping
from tests.api.running import cairn, environment

MAPPING = """\
mapping: corner_shop
version: 3
system: till
role: billing
reads: csv
csv: {delimiter: ";"}
formats: {amount: {as: text, decimal: ","}, day: eu_date, time: {as: eu_date, zone: Europe/Berlin}}
kind: {columns: [{kind: invoice, has: [no, net]}]}
objects:
  invoice:
    currency: =EUR
    milestones:
      - type: invoice.posted
        subject: [invoice, no]
        time: posted
        effective_on: posted
        data: {invoice: no, due_on: due, lines: {each: {list: ., one: yes}, sku: article, net: net}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "corner_shop.yaml").write_text(MAPPING)
    rows = [f"{n};1.2.2026 10:00;28.2.2026;pen;{n},50" for n in range(1, 5)]
    (tmp_path / "till.csv").write_text(
        "\n".join(["no;posted;due;article;net", *rows, "5;soon;1.1.2026;pen;1"])
    )
    return tmp_path


def test_a_mapping_file_imports_and_every_milestone_tells_its_version(
    shop: Path, database_url: str, fresh_schema: str, lone_client: httpx.Client
) -> None:
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    words = (
        "ingest",
        shop / "till.csv",
        "--mapping",
        shop / "corner_shop.yaml",
        "--instance",
        "acme",
        "--quiet",
    )
    told = json.loads(cairn(*words, env=env).stdout)
    assert (told["records"], told["recorded"], told["quarantined"]) == (5, 4, {"time_format": 1})
    assert json.loads(cairn(*words, env=env).stdout)["duplicate"] == 4
    digest = load_mapping(shop / "corner_shop.yaml").mapping.digest[:16]
    mapping = {"name": "corner_shop", "instance": "acme", "version": "3", "digest": digest}
    milestone = lone_client.get("/v1/milestones/2").json()
    assert milestone["mapping"] == mapping
    assert milestone["event"]["source"] == "/billing/till/acme"
    (line,) = milestone["event"]["data"]["lines"]
    assert (line["sku"], line["net"]) == ("pen", "2.50")


def test_a_folder_of_mappings_is_known_to_every_command(
    shop: Path, database_url: str, fresh_schema: str
) -> None:
    migrate(database_url, fresh_schema)
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema, CAIRN_MAPPINGS=str(shop))
    words = ("ingest", shop / "till.csv", "--source", "corner_shop", "--quiet")
    assert json.loads(cairn(*words, env=env).stdout)["recorded"] == 4
    (shop / "corner_shop.yaml").write_text(
        MAPPING.replace("posted\n        effective_on", "psted: x\n        effective_on")
    )
    refused = cairn(*words, env=env, check=False)
    assert "CAIRN_MAPPINGS can't be used" in refused.stderr
    assert "corner_shop.yaml:" in refused.stderr


def test_a_mapping_with_mistakes_names_them_all_and_nothing_is_imported(shop: Path) -> None:
    (shop / "corner_shop.yaml").write_text(
        MAPPING.replace("role: billing", "role: biling").replace("no,", "no, x,")
    )
    refused = cairn(
        "ingest", shop / "till.csv", "--mapping", shop / "corner_shop.yaml", env=environment(), check=False
    )
    assert "did you mean 'billing'?" in refused.stderr
    both = ("ingest", shop / "till.csv", "--mapping", shop / "corner_shop.yaml", "--source", "stripe")
    assert "give --source, or --mapping" in cairn(*both, env=environment(), check=False).stderr
