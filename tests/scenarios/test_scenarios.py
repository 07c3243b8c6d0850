"""Every worked deal gives its figures over HTTP: as given, shuffled, and with messages sent twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.api.running import serving
from tests.scenarios import stories
from tests.scenarios.stories import ARRANGEMENTS, FILES, SETTLED_REASONS, Told

STORIES = {path.stem: stories.read(path) for path in FILES}
TELLINGS = [(name, arrangement) for name in STORIES for arrangement in ARRANGEMENTS]
MISSING = f"no stories at {stories.FOLDER}: they are not part of this repository"


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, server_url: str) -> Iterator[Told]:
    """A ledger of its own with one story in it."""
    name, arrangement = request.param
    schema = f"story_{TELLINGS.index((name, arrangement))}"
    try:
        with serving(server_url, schema) as client:
            yield stories.tell(client, STORIES[name], arrangement)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


pytestmark = [
    pytest.mark.skipif(not STORIES, reason=MISSING),
    pytest.mark.parametrize(
        "told", TELLINGS, indirect=True, ids=lambda one: "-".join(one).replace(" ", ""), scope="module"
    ),
]


def test_the_ledger_gives_the_figures_of_the_story(told: Told, subtests: pytest.Subtests) -> None:
    for number, ask in enumerate(told.story.ask):
        with subtests.test(f"{number} {ask['view']} {ask['params']}"):
            reason = stories.why_not(told.arrangement, ask)
            if reason is not None:
                pytest.skip(reason)
            answer = stories.answer_of(told, ask)
            expect = ask["expect"]
            if ask["view"] == "exceptions":
                _expect_exceptions(answer, expect)
            elif ask["view"] == "bridge":
                _expect_bridge(answer, expect)
            else:
                found = stories.without_zeros(stories.plain(answer["rows"]))
                assert found == stories.without_zeros(expect["rows"])


def _expect_exceptions(answer: dict[str, Any], expect: dict[str, Any]) -> None:
    shown = stories.only(answer["rows"], ("code", "deal"))
    for row in expect["rows"]:
        assert row in shown
    for row in expect["absent"]:
        assert row not in shown


def _expect_bridge(answer: dict[str, Any], expect: dict[str, Any]) -> None:
    ends = ("won", "ordered", "invoiced", "gross", "cash")
    columns = ("deal", "currency", "step", "reason", "amount")
    assert stories.only(answer["figures"], ("deal", "currency", *ends)) == stories.only(
        expect["figures"], ("deal", "currency", *ends)
    )
    settled = [row for row in answer["rows"] if row["reason"] in SETTLED_REASONS]
    assert stories.only(settled, columns) == stories.only(expect["rows"], columns)
    assert all(row["reason"] != "unexplained" for row in answer["rows"])
    for figures in answer["figures"]:
        for before, after in itertools.pairwise(ends):
            taken = sum(
                Decimal(row["amount"])
                for row in answer["rows"]
                if (row["deal"], row["currency"]) == (figures["deal"], figures["currency"])
                and row["step"] == f"{before}_{after}"
            )
            assert Decimal(figures[before]) - taken == Decimal(figures[after])


def test_every_message_of_the_story_is_answered_as_it_should_be(told: Told) -> None:
    if told.arrangement == "given":
        assert told.outcomes == told.story.outcomes
    else:
        assert set(told.outcomes) <= {*told.story.outcomes, "duplicate"}
        assert told.outcomes.count("recorded") == told.story.outcomes.count("recorded")


def test_the_laws_hold_at_the_end_of_the_story(told: Told) -> None:
    answer = told.client.get("/v1/laws", params={"at": "2030-12-31", "at_least": told.heads[-1]}).json()
    assert answer["breaches"] == []
    assert answer["hold"] is True
