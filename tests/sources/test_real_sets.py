"""The real files as a whole: one command a set, every record accounted for, the sums of a plain reading."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from adapters.sources import SOURCES, Translation
from scripts import straight
from tests.api.running import ROOT, cairn, environment
from tests.sources import real

pytestmark = pytest.mark.skipif(
    not real.DATA.is_dir(), reason="the shared samples are not beside the project"
)

SETS = real.sets()
NAMES = [one.name for one in SETS]
NOTHING = Decimal()


@pytest.fixture(scope="module")
def apart(server_url: str) -> dict[str, dict[str, Any]]:
    """What is reported of each set in a ledger of its own."""
    found = {}
    for n, one in enumerate(SETS):
        with real.ledger(server_url, f"t_real_{n}") as ledger:
            ledger.bring_in(one)
            assert ledger.broken_laws() == []
            found[one.name] = ledger.figures()
    return found


def readable(one: real.Set) -> list[straight.Document]:
    """What a plain reading finds, without the records, or files of one record, that are in quarantine."""
    refused = [told.where for told in real.records([one]) if translation(told).refused]
    left_out = {*refused, *(where.rpartition(":")[0] for where in refused)}
    return [found for found in straight.SETS[one.name](one.path) if found.where not in left_out]


def translation(told: real.Told) -> Translation:
    return SOURCES[told.of.source].translate(told.payload, told.of.instance)


@pytest.mark.slow
def test_one_command_a_set_brings_it_in_with_every_record_accounted_for(
    database_url: str, fresh_schema: str
) -> None:
    """The page's commands, as people type them, against the page's table."""
    env = environment(DATABASE_URL=database_url, CAIRN_SCHEMA=fresh_schema)
    expected = real.table("set brought in")
    assert list(expected) == NAMES
    cairn("migrate", env=env)
    for one in SETS:
        words = ["ingest", "--source", one.source, "--instance", one.instance, "--quiet"]
        told = json.loads(cairn(*words, f"../shared/data/{one.name}", env=env, cwd=ROOT).stdout)
        counts = {
            name: told[name] if isinstance(told[name], int) else sum(told[name].values())
            for name in expected[one.name]
        }
        assert {name: str(n) for name, n in counts.items()} == expected[one.name], one.name
        assert counts.pop("records") == sum(counts.values()), one.name


@pytest.mark.parametrize("one", SETS, ids=NAMES)
def test_links_resolve_as_the_page_says(one: real.Set) -> None:
    found = {
        name: f"{n} of {of}" if of else "none" for name, (n, of) in real.links(real.milestones(one)).items()
    }
    assert found == real.table("documents of")[one.name]


@pytest.mark.parametrize("one", SETS, ids=NAMES)
def test_the_documents_are_those_of_a_plain_reading(one: real.Set) -> None:
    plain = Counter(found.kind for found in straight.single(readable(one)))
    told = real.milestones(one)
    assert {kind: plain[kind] for kind in real.TYPES} == {
        kind: len(real.subjects(told, kind)) for kind in real.TYPES
    }


@pytest.mark.parametrize("one", SETS, ids=NAMES)
def test_the_reports_are_the_sums_of_a_plain_reading(one: real.Set, apart: dict[str, dict[str, Any]]) -> None:
    figures = apart[one.name]
    plain = {
        currency: sums for currency, sums in straight.totals(readable(one)).items() if any(sums.values())
    }
    assert set(figures) == set(plain)
    for currency, sums in plain.items():
        told = {name: Decimal(value) for name, value in figures[currency].items()}
        of = {name: sums.get(name, NOTHING) for name in (*real.TYPES, "tax", "refund")}
        reversed_ = sums.get("reversal", NOTHING) - sums.get("reinstatement", NOTHING)
        assert told.get("booked", NOTHING) == of["order"]
        assert told["invoiced"] == of["invoice"] - of["tax"]
        assert told["tax"] == of["tax"]
        assert told["credited"] == of["credit"]
        assert told["cash"] == of["application"]
        assert told["unapplied"] == of["receipt"] - of["refund"] - reversed_ - of["application"]
        owed = of["invoice"] - of["credit"] - of["application"]
        assert told["receivable"] - told["open_credit"] == owed


@pytest.fixture(scope="module")
def in_order(server_url: str) -> Iterator[dict[str, Any]]:
    """What is reported of all sets together, brought in one after the other."""
    with real.ledger(server_url, "t_real_all") as ledger:
        for one in SETS:
            ledger.bring_in(one)
        yield ledger.answers()


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_repeated_and_delivered_late_the_sets_end_in_the_same_reports(
    server_url: str, in_order: dict[str, Any], seed: int
) -> None:
    """A twentieth comes twice, another twentieth late; of those that tell something as of the others."""
    dice = random.Random(seed)
    told = real.records(SETS)
    telling = [one for one in told if translation(one).milestones]
    silent = [one for one in told if not translation(one).milestones]
    late, again = [], []
    for part in (telling, silent):
        dice.shuffle(part)
        share = -(-len(part) // 20)
        late += part[:share]
        again += part[share : 2 * share]
    withheld = {one.number for one in late}
    first = [one for one in told if one.number not in withheld] + again
    dice.shuffle(first)
    with real.ledger(server_url, f"t_real_{seed}_late") as ledger:
        ledger.deliver(_settled(first))
        early = ledger.answers()
        assert ledger.broken_laws() == []
        ledger.deliver(_settled(late))
        assert early != in_order
        assert ledger.broken_laws() == []
        assert ledger.answers() == in_order


def _settled(told: list[real.Told]) -> list[real.Told]:
    """The record that tells a fact otherwise than two others comes last: which content stands hangs on it."""
    return sorted(told, key=lambda one: one.where == "dispute_dp_fakefakefakefake02.json")


def test_every_folder_of_records_is_brought_in() -> None:
    vectors = {"LICENSES", "conformance", "iso4217"}
    assert {one.name.split("/")[0] for one in SETS} | vectors == {
        path.name for path in real.DATA.iterdir() if path.is_dir()
    }
    assert set(NAMES) == set(straight.SETS)
