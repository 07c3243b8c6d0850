"""Generations over HTTP and on the command line: listed, built, promoted, returned to, dropped, and read."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.api.running import TOKEN, ServerProcess, cairn, environment
from tests.api.samples import LINES, lines, order

DAY = "2026-10-31"


def send(client: httpx.Client, *events: Any) -> int:
    answer = client.post("/v1/events", content=lines(*events), headers={"Content-Type": LINES})
    answer.raise_for_status()
    return int(answer.json()["results"][-1]["position"])


def bookings(client: httpx.Client, **given: Any) -> dict[str, Any]:
    answer = client.get("/v1/reports/bookings", params={"to": DAY, "by": "deal", **given})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def done(client: httpx.Client, id_: int) -> dict[str, Any]:
    """A rebuild, once it is not running any more."""
    for _ in range(600):
        found: dict[str, Any] = client.get(f"/v1/rebuilds/{id_}").json()
        if found["state"] != "running":
            return found
        time.sleep(0.05)
    raise AssertionError("it runs for ever")


def rebuilt(client: httpx.Client, **asked: bool) -> int:
    """A rebuild from its beginning to its end: the number of its generation."""
    answer = client.post("/v1/rebuilds", json=asked)
    assert answer.status_code == 202, answer.text
    id_ = int(answer.json()["rebuild"])
    assert answer.headers["Location"] == f"/v1/rebuilds/{id_}"
    found = done(client, id_)
    assert (found["state"], found["error"]) == ("done", None)
    return id_


def states(client: httpx.Client) -> dict[int, str]:
    return {one["generation"]: one["state"] for one in client.get("/v1/generations").json()["generations"]}


def change(database_url: str, schema: str, statement: str, *values: object) -> None:
    """What no route does: as if another version of the code, or time, had done it."""
    with psycopg.connect(database_url, autocommit=True) as superuser:
        superuser.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
        superuser.execute(statement, values)


def test_a_generation_is_built_promoted_returned_from_and_dropped(lone_client: httpx.Client) -> None:
    client = lone_client
    last = send(client, order("1"), order("2"))
    first = bookings(client, at_least=last)["generation"]
    made = rebuilt(client, keep=True)
    assert states(client) == {made: "ready", first: "live"}
    found = client.get(f"/v1/generations/{made}").json()
    # what was done stands in the log as well, and is taken in before or after the bulk
    assert 2 <= found["figures"]["milestones"] <= found["position"]
    assert (found["policies"], found["can_be_brought_forward"]) == (["default@1"], True)
    assert bookings(client)["generation"] == first
    named = bookings(client, generation=made)
    assert (named["generation"], len(named["rows"])) == (made, 2)
    promoted = client.post(f"/v1/generations/{made}/promote").json()
    assert (promoted["live"], promoted["before"]) == (made, first)
    assert bookings(client)["generation"] == made
    last = send(client, order("3"))
    returned = client.post("/v1/generations/return").json()
    assert (returned["live"], returned["before"]) == (first, made)
    found = bookings(client, at_least=last)
    assert (found["generation"], len(found["rows"])) == (first, 3)
    refused = client.delete(f"/v1/generations/{first}")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:cairn:problem:generation-refused")
    assert client.delete(f"/v1/generations/{made}").status_code == 204
    assert client.get(f"/v1/generations/{made}").status_code == 404
    assert client.get("/v1/reports/bookings", params={"generation": made}).status_code == 410
    assert client.post("/v1/generations/return").status_code == 409
    swapped = rebuilt(client)
    assert states(client) == {swapped: "live", first: "retired"}


def test_a_number_that_never_was_is_told_apart_from_one_that_was_dropped(lone_client: httpx.Client) -> None:
    client = lone_client
    bookings(client, at_least=send(client, order("1")))
    made = rebuilt(client, keep=True)
    assert client.delete(f"/v1/generations/{made}").status_code == 204
    for id_, status, slug, says in (
        (made, 410, "generation-gone", f"generation {made} has been dropped"),
        (99, 404, "generation-unknown", "there is no generation 99: `cairn generations` lists"),
        (0, 404, "generation-unknown", "there is no generation 0"),
    ):
        answer = client.get("/v1/reports/bookings", params={"generation": id_})
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:cairn:problem:{slug}")
        assert says in answer.json()["detail"]


def test_a_retired_generation_is_read_up_to_its_end(lone_client: httpx.Client) -> None:
    client = lone_client
    retired = bookings(client, at_least=send(client, order("1")))["generation"]
    rebuilt(client)
    end = client.get(f"/v1/generations/{retired}").json()["position"]
    head = send(client, order("2"))
    bookings(client, at_least=head)
    asked = {"to": DAY, "generation": retired, "known_position": head}
    answer = client.get("/v1/reports/bookings", params=asked)
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:cairn:problem:generation-ends")
    assert "Retry-After" not in answer.headers
    assert f"generation {retired} is retired and ends at {end}" in answer.json()["detail"]
    assert f"known_position up to {end}" in answer.json()["detail"]
    assert len(bookings(client, generation=retired, known_position=end)["rows"]) == 1
    assert len(bookings(client, generation=retired)["rows"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/generations/99", 404),
        ("POST", "/v1/generations/99/promote", 404),
        ("DELETE", "/v1/generations/99", 404),
        ("GET", "/v1/rebuilds/99", 404),
        ("GET", "/v1/generations/one", 422),
        ("GET", "/v1/generations?state=live", 422),
    ],
)
def test_what_is_not_there_is_said(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")


def test_a_rebuild_is_asked_for_in_few_words(client: httpx.Client) -> None:
    for body in ({"kep": True}, {"keep": "yes"}, ["keep"]):
        answer = client.post("/v1/rebuilds", json=body)
        assert answer.status_code == 422, answer.text


def test_the_routes_are_documented(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, method, status in (
        ("/v1/generations", "get", "200"),
        ("/v1/generations/{id}", "get", "200"),
        ("/v1/generations/{id}", "delete", "204"),
        ("/v1/generations/{id}/promote", "post", "200"),
        ("/v1/generations/return", "post", "200"),
        ("/v1/rebuilds", "post", "202"),
        ("/v1/rebuilds/{id}", "get", "200"),
    ):
        assert status in paths[path][method]["responses"], path


def test_a_second_builder_is_told_of_the_first(
    lone_client: httpx.Client, database_url: str, fresh_schema: str
) -> None:
    client = lone_client
    bookings(client, at_least=send(client, order("1")))
    with psycopg.connect(database_url, autocommit=True) as other:  # as a builder holds it
        other.execute(
            "SELECT pg_advisory_lock(%s, hashtext(%s))", (0x436169, f"{fresh_schema}.generation.build")
        )
        answer = client.post("/v1/rebuilds")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:cairn:problem:build-under-way")
    rebuilt(client)


def test_a_client_in_the_middle_of_its_pages_finishes_on_the_generation_it_began_with(
    sql_client: httpx.Client, database_url: str, fresh_schema: str
) -> None:
    client = sql_client
    last = send(client, *[order(str(number)) for number in range(6)])
    page = bookings(client, at_least=last, limit=2)
    first, rows = page["generation"], page["rows"]
    promoted = []
    while page["next"] is not None:
        # another generation, with other figures, becomes live between the pages
        made = rebuilt(client, keep=True)
        change(database_url, fresh_schema, f"UPDATE posting_g{made} SET amount = amount * 2")
        client.post(f"/v1/generations/{made}/promote").raise_for_status()
        promoted.append(made)
        bookings(client, at_least=send(client, order(f"later-{made}")))
        page = bookings(client, limit=2, cursor=page["next"])
        assert page["generation"] == first
        rows += page["rows"]
    assert len(promoted) == 2
    assert [row["booked"] for row in rows] == ["1000.00"] * 6
    now = bookings(client)
    assert now["generation"] == promoted[-1]
    assert sorted(row["booked"] for row in now["rows"])[-6:] == ["2000.00"] * 6


def test_reports_of_other_rules_go_on_where_they_stand_and_say_what_to_do(
    lone_client: httpx.Client, database_url: str, fresh_schema: str
) -> None:
    client = lone_client
    before = bookings(client, at_least=send(client, order("1")))
    change(database_url, fresh_schema, "UPDATE generation SET rules = 'others', code_version = '0.0.9'")
    last = send(client, order("2"))
    answer = client.get(
        "/v1/reports/bookings", params={"to": DAY, "by": "deal", "at_least": last, "timeout": 2}
    )
    assert answer.status_code == 503
    assert "made by other rules (others, code version 0.0.9)" in answer.json()["detail"]
    assert "cairn rebuild" in answer.json()["detail"]
    assert bookings(client)["rows"] == before["rows"], "as of the position that they have"
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert "cairn rebuild" in ready.json()["projection"]["halted"]
    assert client.get("/v1/status").json()["ok"] is False
    rebuilt(client)
    assert len(bookings(client, at_least=last)["rows"]) == 2
    assert "halted" not in client.get("/readyz").json()["projection"]
    refused = client.post("/v1/generations/return")
    assert refused.status_code == 409
    assert "code version 0.0.9" in refused.json()["detail"]


@pytest.fixture
def env(database_url: str, fresh_schema: str) -> dict[str, str]:
    return environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema, CAIRN_TOKEN=TOKEN)


def test_the_command_line_lists_promotes_returns_and_drops(env: dict[str, str]) -> None:
    with ServerProcess(env=env) as server:
        first = bookings(server.client, at_least=send(server.client, order("1")))["generation"]
        said = cairn("rebuild", "--keep", env=env).stdout
        found = re.search(r"generation (\d+) is ready: 1 milestones", said)
        assert found is not None, said
        made = int(found[1])
        assert f"cairn generations promote {made}" in said
        listed = json.loads(cairn("generations", "--json", env=env).stdout)["generations"]
        assert [(one["generation"], one["state"]) for one in listed] == [(made, "ready"), (first, "live")]
        assert "ready" in cairn("generations", env=env).stdout
        assert f"generation {made} is live" in cairn("generations", "promote", str(made), env=env).stdout
        returned = json.loads(cairn("generations", "return", "--json", env=env).stdout)
        assert (returned["live"], returned["before"]) == (first, made)
        refused = cairn("generations", "drop", str(first), env=env, check=False)
        assert (refused.returncode, "is live" in refused.stderr) == (1, True)
        assert "is dropped" in cairn("generations", "drop", str(made), env=env).stdout
        assert cairn("generations", "promote", "99", env=env, check=False).returncode == 1


def test_a_rebuild_ends_with_its_server_and_the_next_one_goes_on(env: dict[str, str]) -> None:
    with ServerProcess(env=env) as server:
        send(server.client, *[order(str(number)) for number in range(300)])
        answer = server.client.post("/v1/rebuilds", json={"keep": True})
        assert answer.status_code == 202, answer.text
        server.kill()
    with ServerProcess(env=env) as server:
        for _ in range(100):  # what was built when the server went is left, or was done already
            found = states(server.client)
            if server.client.get(f"/v1/rebuilds/{answer.json()['rebuild']}").json()["state"] != "running":
                break
            time.sleep(0.1)
        rebuilt(server.client)
        found = states(server.client)
        assert not {"building", "catching_up"} & set(found.values())
        assert list(found.values()).count("live") == 1
        assert len(bookings(server.client, limit=1_000)["rows"]) == 300
