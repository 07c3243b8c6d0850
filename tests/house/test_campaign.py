"""The campaign in its short mode: it tries every law, tells a finding so that it can be told again."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.campaigning import __main__ as campaign
from scripts.campaigning.folding import any_order, drawn
from scripts.campaigning.running import PROPERTIES
from scripts.campaigning.trying import Property, Story, reduced, tried
from tests.projections import books

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.campaigning", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_short_campaign_tries_every_property_and_finds_nothing() -> None:
    done = run("--seconds", "5", "--seed", "7", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines() if " trials " in line} == set(PROPERTIES)
    assert done.stdout.endswith("every law held\n")


def test_an_unknown_property_is_refused_with_the_known_ones() -> None:
    done = run("--only", "luck")
    assert done.returncode == 2
    assert "void_equals_absent" in done.stderr


def _no_dispute(story: Story, dice: random.Random) -> str | None:
    kinds = [event["type"] for event in story]
    return "a dispute" if "dispute.opened.v1" in kinds and "invoice.posted.v1" in kinds else None


def test_a_finding_is_reduced_to_what_breaks_the_law_and_told_again_by_its_seed() -> None:
    prop = Property("peace", drawn, _no_dispute)
    findings = [found for seed in range(200) if (found := tried(prop, seed)) is not None]
    assert findings, "some stories have both"
    for found in findings:
        assert sorted(event["type"] for event in found.story) == ["dispute.opened.v1", "invoice.posted.v1"]
        assert found.drawn >= 2
        assert tried(prop, found.seed) == found


def test_a_story_is_reduced_until_nothing_can_be_left_out() -> None:
    story: Story = [{"id": str(number)} for number in range(50)]
    wanted = {"3", "17", "41"}
    short = reduced(story, lambda part: wanted <= {event["id"] for event in part})
    assert [event["id"] for event in short] == ["3", "17", "41"]


def test_an_error_on_the_way_is_a_finding() -> None:
    def broken(story: Story, dice: random.Random) -> str | None:
        raise ZeroDivisionError("in a rule")

    found = tried(Property("calm", drawn, broken), 1)
    assert found is not None
    assert "ZeroDivisionError" in found.told
    assert len(found.story) == 1


def test_a_fold_that_hangs_on_the_order_of_arrival_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = books.Books.outcome

    def by_arrival(self: books.Books) -> tuple[object, ...]:
        return (*whole(self)[:3], next(iter(self.ids.values())))

    monkeypatch.setattr(books.Books, "outcome", by_arrival)
    found = [tried(Property("order", drawn, any_order), seed) for seed in range(3)]
    assert any(finding is not None and len(finding.story) == 2 for finding in found)


def test_a_finding_is_printed_with_its_seed_and_story(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prop = Property("peace", drawn, _no_dispute)
    found = next(found for seed in range(200) if (found := tried(prop, seed)) is not None)
    monkeypatch.setattr(campaign, "campaign", lambda *_: found)
    monkeypatch.setattr(sys, "argv", ["campaign", "--only", "order", "--seed", "1", "--seconds", "1"])
    assert campaign.main() == 1
    printed = capsys.readouterr().out
    assert f"--only peace --seed {found.seed} --trials 1" in printed
    told = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert told == found.story
