"""Every worked deal gives its figures over HTTP: as given, shuffled, and with messages sent twice."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.api.running import serving
from tests.scenarios import stories
from tests.scenarios.stories import ARRANGEMENTS, FILES, Told

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
            reason = stories.why_not(told.story, told.arrangement, ask)
            if reason is not None:
                pytest.skip(reason)
            expected = stories.without_zeros(ask["expect"]["rows"])
            assert stories.without_zeros(stories.rows_of(told, ask)) == expected


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
