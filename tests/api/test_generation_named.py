"""Every read can name its generation; a rebuild copies what no changed rule has touched, or folds it all."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from tests.api.running import TOKEN, ServerProcess, cairn, environment
from tests.api.samples import order
from tests.api.test_generations import change, rebuilt, send, states
from tests.projections import events as e

DAY = "2024-12-31"
DEAL = f"{e.CRM}:opportunity:O-1"
READS = (
    "/v1/reports/billing",
    "/v1/reports/arr",
    "/v1/reports/bridge",
    "/v1/reports/exceptions",
    "/v1/reports/latency",
    f"/v1/deals/{DEAL}",
    f"/v1/deals/{DEAL}/timeline",
    f"/v1/deals/{DEAL}/history",
    "/v1/laws",
    "/v1/reference/customers",
)


def invoiced() -> dict[str, Any]:
    return e.invoiced("2024-02-11", "I-1", e.line("S", "700.00"), due="2024-03-12")


def asked(client: httpx.Client, path: str, **given: Any) -> httpx.Response:
    day = {} if "history" in path or "timeline" in path else {"to" if "latency" in path else "at": DAY}
    return client.get(path, params={**day, **given})


def told(answer: httpx.Response) -> dict[str, Any]:
    """An answer without what says which generation it is from, and how far that has come.

    What is done to generations stands in the log, so that one has come further than another.
    """
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    text = json.dumps(found).replace(f"generation={found.get('generation')}&", "generation=N&")
    text = re.sub(r"""(known_position"?(?:=|: ))[0-9]+""", r"\1 0", text)
    aside = ("generation", "timeline", "known")
    return {name: value for name, value in json.loads(text).items() if name not in aside}


def altered(database_url: str, schema: str, *parts: str) -> None:
    """As if the live generation had been made by other rules in these parts."""
    statement = """UPDATE generation SET rules = 'others',
        rules_by_module = (rules_by_module::jsonb || %s::jsonb)::text WHERE state = 'live'"""
    change(database_url, schema, statement, json.dumps(dict.fromkeys(parts, "0" * 16)))


def test_every_read_names_its_generation(
    sql_client: httpx.Client, database_url: str, fresh_schema: str
) -> None:
    client = sql_client
    last = send(client, order("1"), invoiced())
    live = asked(client, READS[0], at_least=last).json()["generation"]
    made = rebuilt(client, keep=True)
    for path in READS:
        assert told(asked(client, path, generation=made)) == told(asked(client, path)), path
    change(database_url, fresh_schema, f"UPDATE posting_g{made} SET amount = 2 * amount")
    change(database_url, fresh_schema, f"UPDATE signal_g{made} SET code = 'PROMISE_BROKEN' WHERE sign = 1")
    for path in ("/v1/reports/billing", "/v1/reports/bridge", READS[5], READS[7]):
        assert told(asked(client, path, generation=made)) != told(asked(client, path)), path
    assert f"generation={made}" in asked(client, READS[5], generation=made).json()["timeline"]
    assert client.delete(f"/v1/generations/{made}").status_code == 204
    for path in READS:
        gone = asked(client, path, generation=made)
        assert gone.status_code == 410, path
        assert asked(client, path, generation=live).status_code == 200, path


def test_a_cursor_is_of_the_generation_that_was_named(lone_client: httpx.Client) -> None:
    client = lone_client
    last = send(client, *[order(str(n)) for n in range(3)])
    asked(client, READS[0], at_least=last)
    made = rebuilt(client, keep=True)
    for path in ("/v1/reports/bridge", "/v1/reports/exceptions"):
        first = asked(client, path, generation=made, limit=1).json()
        if first["next"] is None:
            continue
        second = asked(client, path, generation=made, limit=1, cursor=first["next"])
        assert (second.status_code, second.json()["generation"]) == (200, made)
        assert asked(client, path, limit=1, cursor=first["next"]).status_code == 422


def test_a_rebuild_copies_what_no_changed_rule_has_touched(
    lone_client: httpx.Client, database_url: str, fresh_schema: str
) -> None:
    client = lone_client
    last = send(client, order("1"), invoiced(), order("2"))
    asked(client, READS[0], at_least=last)
    altered(database_url, fresh_schema, "rules/billing")
    made = rebuilt(client)
    figures = client.get(f"/v1/generations/{made}").json()["figures"]
    assert (figures["rules_changed"], figures["sets_folded"]) == (["rules/billing"], 1)
    assert figures["sets_copied"] == 2
    assert "invoice.posted.v1" in figures["types_changed"]
    assert states(client)[made] == "live"
    altered(database_url, fresh_schema, "rules/billing")
    whole = rebuilt(client, whole=True)
    assert "sets_copied" not in client.get(f"/v1/generations/{whole}").json()["figures"]
    for path in READS:
        if "laws" not in path:
            assert told(asked(client, path, generation=made)) == told(asked(client, path)), path


@pytest.fixture
def env(database_url: str, fresh_schema: str) -> dict[str, str]:
    return environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema, CAIRN_TOKEN=TOKEN)


def test_the_command_line_says_what_changed_and_names_generations(
    env: dict[str, str], database_url: str, fresh_schema: str
) -> None:
    with ServerProcess(env=env) as server:
        asked(server.client, READS[0], at_least=send(server.client, order("1"), invoiced(), order("2")))
    said = cairn("rebuild", env=env).stdout
    assert "nothing changed, and everything was folded anew" in said
    altered(database_url, fresh_schema, "rules/billing")
    said = cairn("rebuild", "--keep", env=env).stdout
    assert "rules/billing (credit_memo.applied.v1, " in said
    assert "1 sets of streams folded, 2 copied" in said
    assert "rules/billing; everything was folded" in cairn("rebuild", "--keep", "--whole", env=env).stdout
    listed = json.loads(cairn("generations", "--json", env=env).stdout)["generations"]
    newest = str(max(one["generation"] for one in listed))
    for words in (
        ("bridge", "--format", "json"), ("latency", "--format", "json"), ("deal", DEAL, "--json"),
        ("exceptions", "--format", "json"),
    ):  # fmt: skip
        assert json.loads(cairn(*words, "--generation", newest, env=env).stdout)["generation"] == int(newest)
