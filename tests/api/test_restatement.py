"""Restatements over HTTP: what changed since a moment, by cause, in lines that add up. And the self-check."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.api.running import TOKEN, ServerProcess, cairn, environment
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.events import Event
from tests.projections.served import House

DAY = "2026-06-30"


def send(client: httpx.Client, *events: Event) -> int:
    """Record events, and wait until the reports have them: the last position."""
    results = client.post("/v1/events", json=list(events)).raise_for_status().json()["results"]
    assert {result["outcome"] for result in results} == {"recorded"}, results
    last = int(results[-1]["position"])
    client.get("/v1/reports/billing", params={"at_least": last, "timeout": 30}).raise_for_status()
    return last


def restated(client: httpx.Client, view: str, since: Any, **params: Any) -> dict[str, Any]:
    """A restatement; its lines are added up against its rows before anything else is looked at."""
    asked = {"from_known": since, "at": DAY, **params}
    asked = {name: value for name, value in asked.items() if value is not None}
    answer = client.get(f"/v1/reports/{view}/restatement", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    if found["next"] is None and "cursor" not in params:
        assert_no_rest(found, found["lines"])
    return found


def assert_no_rest(found: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    for row in found["rows"]:
        group = {name: row[name] for name in row if name not in ("before", "after", "change")}
        own = [line for line in lines if all(line[name] == value for name, value in group.items())]
        for name, change in row["change"].items():
            assert Decimal(row["after"][name]) - Decimal(row["before"][name]) == Decimal(change)
            if name not in found["not_additive"]:
                assert sum(Decimal(line["change"][name]) for line in own) == Decimal(change), (row, name)


def causes(found: dict[str, Any], measure: str) -> list[tuple[str, int | None, str]]:
    """Cause, position and amount of the lines that change a measure."""
    return [
        (line["cause"], line["position"], line["change"][measure])
        for line in found["lines"]
        if Decimal(line["change"][measure])
    ]


def order(number: str, net: str = "100.00", **rest: Any) -> Event:
    """An order of May over a line that is earned on invoice, under the opportunity of its number."""
    rest.setdefault("deal", f"O-{number}")
    return e.accepted("2026-05-04", e.line("S", net), order=f"SO-{number}", **rest)


def invoice(number: str, on: str = "2026-05-12", net: str = "40.00", **rest: Any) -> Event:
    rest.setdefault("deal", f"O-{number}")
    return e.invoiced(on, f"I-{number}", e.line("S", net, of=f"SO-{number}/1", tax="8.00"), **rest)


def test_a_late_invoice_is_told_with_its_milestone(lone_client: httpx.Client) -> None:
    # given a month as it was known at its close
    before = send(lone_client, order("1"))
    # when an invoice of that month comes in afterwards
    late = send(lone_client, late_event := invoice("1"))
    # then it is the one cause of every figure that changed
    found = restated(lone_client, "billing", before, by="customer,deal")
    assert [(row["before"]["invoiced"], row["after"]["invoiced"]) for row in found["rows"]] == [
        ("0.00", "40.00")
    ]
    assert found["totals"][0]["change"]["net_billed"] == "40.00"
    assert found["not_additive"] == ["contract_liability", "contract_asset"]
    (line,) = found["lines"]
    told = {
        name: line[name] for name in ("cause", "position", "type", "source", "id", "effective_on", "deal")
    }
    assert told == {
        "cause": "late_fact",
        "position": late,
        "type": "invoice.posted.v1",
        "source": late_event["source"],
        "id": late_event["id"],
        "effective_on": "2026-05-12",
        "deal": "crm/salesforce/acme:opportunity:O-1",
    }
    milestone = lone_client.get(line["links"]["milestone"]).json()
    assert milestone["event"]["id"] == late_event["id"]
    assert line["recorded_at"] == milestone["recorded_at"]
    assert found["causes"] == [{"cause": "late_fact", "currency": "EUR", "change": line["change"]}]


@pytest.mark.parametrize(
    ("view", "measure", "change"),
    [("backlog", "unbilled", "100.00"), ("arr", "opening", "0.00"), ("arr", "closing", "1200.00"),
     ("arr", "new", "1200.00"), ("bookings", "booked", "100.00")],
)  # fmt: skip
def test_causes_by_month_count_a_balance_once(
    lone_client: httpx.Client, view: str, measure: str, change: str
) -> None:
    before = send(lone_client, order("1"))
    line = e.line("S", "100.00", "2026-05-04", "2026-06-03")
    send(lone_client, e.accepted("2026-05-04", line, order="SO-2", deal="O-2"))
    span = {"from": "2026-05-01", "to": "2026-08-31", "by": "month"}
    answer = lone_client.get(f"/v1/reports/{view}/restatement", params={"from_known": before, **span})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    (cause,), (total,) = found["causes"], found["totals"]
    assert cause["change"][measure] == total["change"][measure] == change


def test_a_fact_of_the_days_since_is_new_not_late(lone_client: httpx.Client) -> None:
    send(lone_client, order("1"))
    late = send(lone_client, invoice("1"))
    new = send(lone_client, invoice("2", on="2026-06-10", deal="O-1"))
    found = restated(lone_client, "billing", "2026-06-01T00:00:00Z", to_known=str(new))
    # nothing at all was known in June: the ledger did not exist yet
    assert causes(found, "invoiced") == [("late_fact", late, "40.00"), ("new_fact", new, "40.00")]


def test_a_correction_is_told_at_its_own_position(lone_client: httpx.Client) -> None:
    told = invoice("1")
    before = send(lone_client, order("1"), told)
    correction = send(
        lone_client,
        r.corrected("2026-06-02", told, r.instead(told, lines=[e.line("S", "30.00", of="SO-1/1")])),
    )
    found = restated(lone_client, "billing", before)
    assert {line["cause"] for line in found["lines"]} == {"correction"}
    assert {line["position"] for line in found["lines"]} == {correction}
    assert found["rows"][0]["change"]["invoiced"] == "-10.00"
    # and when it is voided, everything is as it was
    void = send(lone_client, r.void("2026-06-03", told))
    found = restated(lone_client, "billing", before, to_known_position=void)
    assert found["rows"][0]["after"]["invoiced"] == "0.00"


@pytest.mark.parametrize("by", ["deal", "customer", "product"])
def test_two_deals_that_are_linked_move_what_was_known(lone_client: httpx.Client, by: str) -> None:
    client = lone_client
    won = e.won("2026-05-04", e.line("S", "52000.00"), number="O-7", dimensions={"customer": "C-1"})
    ordered = order("7", "50000.00", deal=None, keys=(r.order_key("SO-7"),), dimensions={"customer": "C-2"})
    before = send(client, won, ordered)
    link = send(client, r.linked("2026-06-20", r.opportunity_key("O-7"), r.order_key("SO-7")))
    found = restated(client, "backlog", before, by=by)
    assert {(line["cause"], line["position"]) for line in found["lines"]} == {("link", link)}
    assert found["totals"][0]["change"]["won_unordered"] == "-2000.00"
    one = restated(client, "backlog", before, deal=r.order_key("SO-7"))
    assert one["rows"][0]["before"]["won_unordered"] == "-50000.00"
    assert one["rows"][0]["after"]["won_unordered"] == "0.00"


def test_an_arrival_that_joins_two_deals_is_a_link_for_what_it_moves(lone_client: httpx.Client) -> None:
    client = lone_client
    before = send(
        client,
        e.won("2026-05-04", e.line("S", "52.00"), number="O-8"),
        order("8", "50.00", deal=None, keys=(r.order_key("SO-8"),)),
    )
    joins = send(client, invoice("8", keys=(r.order_key("SO-8"),)))
    found = restated(client, "billing", before, by="deal")
    assert set(causes(found, "invoiced")) == {("late_fact", joins, "40.00")}
    moved = restated(client, "backlog", before, by="deal")
    assert {line["cause"] for line in moved["lines"]} == {"link", "late_fact"}


def test_a_deal_that_changes_its_customer_shows_on_both(lone_client: httpx.Client) -> None:
    client = lone_client
    before = send(client, order("1", dimensions={"customer": "C-1"}))
    moves = send(client, invoice("1", dimensions={"customer": "C-2"}))
    found = restated(client, "backlog", before, by="customer")
    assert {row["customer"]: row["change"]["unbilled"] for row in found["rows"]} == {
        "C-1": "-100.00",
        "C-2": "60.00",
    }
    assert sorted((line["customer"], line["change"]["unbilled"]) for line in found["lines"]) == [
        ("C-1", "-100.00"),
        ("C-2", "-40.00"),
        ("C-2", "100.00"),
    ]
    assert {line["position"] for line in found["lines"]} == {moves}


def test_customers_that_are_merged_show_on_both(lone_client: httpx.Client) -> None:
    client = lone_client
    before = send(client, order("1", dimensions={"customer": "C-1"}))
    merge = send(client, r.merged("2026-06-02", "C-1", "C-2"))
    found = restated(client, "backlog", before, by="customer")
    assert {row["customer"]: row["change"]["unbilled"] for row in found["rows"]} == {
        "C-1": "-100.00",
        "C-2": "100.00",
    }
    assert {(line["cause"], line["position"]) for line in found["lines"]} == {("link", merge)}
    assert restated(client, "backlog", before)["rows"] == []


def test_as_reported_a_late_fact_changes_the_first_open_period(lone_client: httpx.Client) -> None:
    client = lone_client
    before = send(client, order("1"), r.closed("2026-06-01", "2026-05"))
    late = send(client, invoice("1"))
    months = {"from": "2026-05-01", "to": DAY, "at": None, "by": "month", "basis": "as_reported"}
    found = restated(client, "billing", before, **months)
    assert found["basis"] == "as_reported"
    assert [(row["month"], row["change"]["invoiced"]) for row in found["rows"]] == [("2026-06", "40.00")]
    assert causes(found, "invoiced") == [("late_fact", late, "40.00")]
    as_due = restated(client, "billing", before, **{**months, "basis": "restated"})
    assert as_due["rows"][0]["month"] == "2026-05"


def test_nothing_changed_says_so_with_the_digests(lone_client: httpx.Client) -> None:
    client = lone_client
    before = send(client, order("1"))
    send(client, invoice("1"))
    found = restated(client, "pipeline", before)
    assert (found["rows"], found["totals"], found["lines"], found["causes"]) == ([], [], [], [])
    assert found["generations"]["to"]["rules"] in found["note"]
    assert found["generations"]["from"] == found["generations"]["to"]
    # the same moment twice
    assert restated(client, "billing", before, to_known=before)["rows"] == []


def test_pages_of_lines_are_pinned_to_both_moments(lone_client: httpx.Client) -> None:
    client = lone_client
    before = send(client, *(order(str(n)) for n in range(5)))
    send(client, *(invoice(str(n)) for n in range(5)))
    whole = restated(client, "billing", before, by="deal")
    page = restated(client, "billing", before, by="deal", limit=2)
    lines = page["lines"]
    # what comes in between the pages is not on them
    send(client, invoice("9", deal="O-1"))
    while page["next"]:
        assert len(page["lines"]) == 2
        page = restated(client, "billing", before, by="deal", limit=2, cursor=page["next"])
        lines += page["lines"]
    assert lines == whole["lines"]
    assert_no_rest(whole, lines)
    other = client.get(
        "/v1/reports/billing/restatement",
        params={"from_known": before, "at": DAY, "by": "deal", "limit": 3, "cursor": "eA"},
    )
    assert other.status_code == 422


def test_lines_as_csv(lone_client: httpx.Client) -> None:
    before = send(lone_client, order("1"))
    late = send(lone_client, invoice("1"))
    answer = lone_client.get(
        "/v1/reports/billing/restatement",
        params={"from_known": before, "from": "2026-05-01", "to": DAY, "by": "month", "format": "csv"},
    )
    assert answer.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["cause"], row["position"], row["month"], row["currency"]) == (
        "late_fact", str(late), "2026-05", "EUR"
    )  # fmt: skip
    assert (row["invoiced"], row["tax"], row["milestone"]) == ("40.00", "8.00", f"/v1/milestones/{late}")
    assert "contract_liability" not in row


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({}, "from_known"),
        ({"from_known": "yesterday"}, "RFC 3339"),
        ({"from_known": "1", "from_known_position": "1"}, "not both"),
        ({"from_known": "1", "known_at": "2026-01-01T00:00:00Z"}, "known_at"),
        ({"from_known": "1", "rate": "closing", "currency": "EUR"}, "rate"),
        ({"from_known": "1", "to_known": "0"}, "exchange them"),
        ({"from_known": "1", "by": "weather"}, "weather"),
        ({"from_known": "1", "cursor": "x"}, "cursor"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_says_why(
    lone_client: httpx.Client, params: dict[str, str], says: str
) -> None:
    send(lone_client, order("1"))
    answer = lone_client.get("/v1/reports/billing/restatement", params=params)
    assert answer.status_code == 422, answer.text
    assert says in answer.text


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ('policies = \'[{"policy":"house","version":"2","from_":0}]\'', "policy"),
        ("rules = 'other'", "logic"),
        (
            'rules = \'other\', policies = \'[{"policy":"house","version":"2","from_":0}]\'',
            "policy_and_logic",
        ),
    ],
)
def test_two_generations_of_one_log_differ_by_policy_or_logic(
    lone_client: httpx.Client, database_url: str, fresh_schema: str, change: str, cause: str
) -> None:
    client = lone_client
    before = send(client, order("1"), invoice("1"))
    with psycopg.connect(database_url, autocommit=True) as superuser:
        superuser.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(fresh_schema)))
        # a retired generation that earned less of the invoice, under another policy or by other rules
        house = House(database_url, fresh_schema)
        old = house.built()
        house.close()
        superuser.execute(f"UPDATE generation SET state = 'retired', {change} WHERE id = {old}")
        superuser.execute(f"UPDATE posting_g{old} SET amount = amount - 500 WHERE credit = 53")
    late = send(client, e.invoiced("2026-05-20", "I-2", e.line("S", "40.00", of="SO-1/1")))
    found = restated(client, "billing", before, from_generation=old, by="deal")
    assert causes(found, "recognised") == [(cause, None, "5.00"), ("late_fact", late, "40.00")]
    assert found["generations"]["from"]["generation"] == old
    # the same moment by both
    alone = restated(client, "billing", before, to_known=before, from_generation=old)
    assert causes(alone, "recognised") == [(cause, None, "5.00")]
    for name in ("from_generation", "to_generation"):
        beyond = client.get(
            "/v1/reports/billing/restatement", params={"from_known": late, "to_known": late, name: old}
        )
        assert beyond.status_code == 422
        assert "earlier moment" in beyond.text


@pytest.fixture
def server(database_url: str, fresh_schema: str) -> Iterator[ServerProcess]:
    env = environment(
        DATABASE_URL=database_url,
        CAIRN_SCHEMA=fresh_schema,
        CAIRN_TOKEN=TOKEN,
        CAIRN_SELF_CHECK_SECONDS="1",
    )
    with ServerProcess(env=env) as found:
        yield found


def until(client: httpx.Client, status: str) -> dict[str, Any]:
    """/v1/health once a self-check has been kept and the status is this."""
    found: dict[str, Any] = {}
    for _ in range(200):
        found = client.get("/v1/health").raise_for_status().json()
        if found["status"] == status and found["self_check"]["checked_at"] is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"it never was {status}: {found}")


def test_a_posting_tampered_with_degrades_health_and_raises_the_metric(
    server: ServerProcess, database_url: str, fresh_schema: str
) -> None:
    client = server.client
    send(client, order("1"), invoice("1"), e.received("2026-05-20", "P-1", "48.00"))
    send(client, e.applied("2026-05-21", "P-1", "I-1", "48.00"))
    well = until(client, "ok")
    assert well["self_check"]["hold"] is True
    assert "cairn_law_breaches 0.0" in client.get("/metrics").text
    with psycopg.connect(database_url, autocommit=True) as superuser:
        superuser.execute(
            sql.SQL("UPDATE {}.{} SET amount = amount + 1 WHERE debit = 19 AND credit = 21").format(
                sql.Identifier(fresh_schema), sql.Identifier(f"posting_g{well['projection']['generation']}")
            )
        )
    ill = until(client, "degraded")
    assert any("cash_is_applied" in reason for reason in ill["reasons"])
    assert ill["self_check"]["breaches"][0]["difference"] == "0.01"
    text = client.get("/metrics").text
    # of the law, and of the journal that does not follow from the log once its slice has been compared
    assert re.search(r"^cairn_law_breaches [12]\.0$", text, re.MULTILINE)
    assert "cairn_self_check_age_seconds" in text
    # degraded, not down: everything is answered and taken in
    assert client.get("/readyz").status_code == 200
    send(client, order("2"))
    assert any("a law of the books is broken: cash_is_applied" in line for line in server.errors)


def test_health_says_when_nothing_has_been_checked_lately(
    lone_client: httpx.Client, database_url: str, fresh_schema: str
) -> None:
    client = lone_client
    send(client, order("1"))
    first = client.get("/v1/health").json()
    assert (first["status"], first["self_check"]["hold"]) == ("ok", None)
    assert "cairn_self_check_age_seconds NaN" in client.get("/metrics").text
    with psycopg.connect(database_url, autocommit=True) as superuser:
        superuser.execute(
            sql.SQL(
                "INSERT INTO {}.self_check (checked_at, generation, position, at, breaches)"
                " VALUES (now() - interval '1 day', 1, 1, '2026-01-01', '[]')"
            ).format(sql.Identifier(fresh_schema))
        )
    stale = client.get("/v1/health").json()
    assert stale["status"] == "degraded"
    assert stale["self_check"]["stale"] is True
    assert "not been checked lately" in stale["reasons"][0]


def test_the_command_line_tells_the_same(server: ServerProcess, database_url: str, fresh_schema: str) -> None:
    before = send(server.client, order("1"))
    send(server.client, invoice("1"))
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    words: list[str | Path] = ["restatement", "billing", "--from-known", str(before), "--at", DAY]
    table = cairn(*words, env=env).stdout
    assert "late_fact" in table
    assert "40.00" in table
    assert "not in the lines: contract_liability, contract_asset" in table
    assert cairn(*words, "--format", "csv", env=env).stdout.startswith("cause,position,")
    refused = cairn("restatement", "billing", env=env, check=False)
    assert refused.returncode == 1
    assert "from_known" in refused.stderr
