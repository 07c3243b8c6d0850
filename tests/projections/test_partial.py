"""Partial rebuilds: what no changed rule has a say in is copied, to what a whole rebuild comes to."""

import ast
import json
import random
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import projections
from domain.policies import Policies, Version
from domain.refusals import Refused
from projections import bulk, digests, generations, moments, rebuild
from projections.cluster import UNSETTLING
from scripts.sample_company import make_sample
from tests.projections import events as e
from tests.projections import revising as r
from tests.projections.changing import changed, rows_that_differ
from tests.projections.served import House
from tests.projections.stories import crowd, usual

RULES = sorted(part for part in digests.rules_digests() if part.startswith("rules/"))


#: Deals that one rule has a say in, and milestones that take something from the rules of another type.
ALONE = [
    e.event("opportunity.opened", "2024-01-01", "opportunity/X-1", deal=None, currency="EUR", amount="1.00"),
    e.received("2024-03-20", "X-2", "9.00"),
    e.received("2024-03-20", "X-3", "9.00", dimensions={"entity": "DE-1"}),
    e.event("lead.qualified", "2024-03-19", "payment/X-4", by=e.CRM, deal=None, lead="L-1"),
    e.event("lead.qualified", "2024-03-20", "payment/X-4", by=e.CRM, deal=None, lead="L-2"),
]


def built(house: House, *, whole: bool = False, **rest: Any) -> rebuild.Rebuilt:
    """A build that is kept ready, in this process, where the rules are changed."""
    return rebuild.rebuild(house.conninfo, house.schema, workers=1, keep=True, whole=whole, **rest)


def agree(house: House) -> rebuild.Rebuilt:
    """Build a part and the whole under the rules at hand: the same rows. The partial one."""
    policies = house.live().policies  # stories activate others
    part = built(house, policies=policies)
    whole = built(house, whole=True, policies=policies)
    assert part.basis.is_partial
    assert (whole.folded, whole.copied, whole.basis.is_partial) == (0, 0, False)
    assert rows_that_differ(house, part.generation, whole.generation) == {}
    assert part.postings == whole.postings
    return part


def story(house: House, seed: int, deals: int = 12) -> None:
    """All that can happen to deals, and to the whole ledger; taken in by bulk, then as it comes."""
    told = crowd(seed, deals, 7)
    told[len(told) // 3 : len(told) // 3] = [
        r.merged("2024-03-05", "C-1", "C-2"),
        r.closed("2024-04-06", "2024-03"),
        r.rate("2024-03-01", "EUR", "USD", "1.09"),
    ]
    house.record(told[: len(told) // 2])
    rebuild.rebuild(house.conninfo, house.schema, workers=1)
    house.record(told[len(told) // 2 :])
    house.project()


def opened(on: str, net: str, kind: str = "opened", *, number: str) -> e.Event:
    """An opportunity with one line."""
    return e.opportunity(kind, on, e.line("S", net), number=number)


# ---- the same as a whole rebuild


@pytest.mark.parametrize("part", RULES)
def test_a_change_of_each_module_of_rules_comes_to_what_a_whole_rebuild_does(
    house: House, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    story(house, len(part))
    house.record(ALONE)
    house.project()
    with monkeypatch.context() as other:
        changed(other, part)
        found = agree(house)
        assert rows_that_differ(house, house.live().id, found.generation).keys() == {"posting"}
    assert found.basis.parts == (part,)
    assert found.folded > 0
    assert found.copied > 0


@pytest.mark.parametrize("seed", range(100, 108))
def test_any_story_comes_to_what_a_whole_rebuild_does(
    house: House, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    story(house, seed)
    changed(monkeypatch, *random.Random(seed).sample(RULES, 1 + seed % 2))
    agree(house)


@pytest.mark.parametrize("part", ["rules/billing", "rules/payments", "rules/plans", "rules/performance"])
def test_a_sample_company_comes_to_what_a_whole_rebuild_does(
    house: House, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    for arrival in make_sample(7, 12, date(2026, 10, 31)).delivery.arrivals:
        with suppress(Refused):  # some of what arrives is quarantined
            house.record([arrival.line])
    rebuild.rebuild(house.conninfo, house.schema, workers=1)
    changed(monkeypatch, part)
    found = agree(house)
    assert found.folded > 0
    assert found.copied > 0


def test_what_came_in_after_the_live_generation_stood_still_is_folded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.record([opened("2024-01-01", "100.00", number=f"O-{n}") for n in range(6)])
    house.record([*usual("U-1"), *usual("U-2")])
    stood = house.project().position
    house.record(
        [opened("2024-02-01", "100.00", "won", number="O-3"), opened("2024-02-01", "7.00", number="O-9")]
    )
    changed(monkeypatch, "rules/billing")
    found = agree(house)
    assert (found.basis.position, found.milestones) == (stood, house.head())
    assert found.copied == 5, "O-0 to O-5 but for O-3"


def test_a_correction_may_make_anything_of_a_milestone_so_its_set_is_folded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened("2024-01-01", "100.00", number="O-1")
    invoice = e.invoiced("2024-01-05", "I-1", e.line("S", "50.00"), deal="O-1")
    house.record([first, opened("2024-01-01", "5.00", number="O-2")])
    house.record(
        [r.corrected("2024-01-06", first, {**invoice, "id": first["id"], "source": first["source"]})]
    )
    house.project()
    changed(monkeypatch, "rules/billing")
    found = agree(house)
    assert (found.folded, found.copied) == (1, 1)


@pytest.mark.parametrize(
    ("part", "folded", "posted"),
    [
        ("rules/payments", {"X-2", "X-3", "X-4"}, {"X-2", "X-3", "X-4"}),
        ("rules/conditions", {"X-1", "X-3", "X-4"}, {"X-3"}),
    ],
)
def test_what_a_milestone_takes_from_the_rules_of_another_type_is_folded(
    house: House, monkeypatch: pytest.MonkeyPatch, part: str, folded: set[str], posted: set[str]
) -> None:
    house.record(ALONE)
    live = house.project().id
    changed(monkeypatch, part)
    found = agree(house)
    assert (found.folded, found.copied) == (len(folded), 4 - len(folded))
    more = house.connection.execute(
        f"SELECT DISTINCT name FROM (SELECT deal, position FROM posting_g{found.generation} EXCEPT ALL"
        f" SELECT deal, position FROM posting_g{live}) more JOIN deal_name_g{live} USING (deal)"
    ).fetchall()
    assert {name.rpartition(":")[2] for (name,) in more} == posted


def test_sets_are_whole_across_shared_payments_and_links(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.record([*usual("O-1"), *usual("O-2")])
    house.record([opened("2024-01-01", "5.00", number=f"L-{n}") for n in range(4)])
    house.record([r.linked("2024-01-02", r.opportunity_key("L-1"), r.opportunity_key("L-2"))])
    house.record([r.linked("2024-01-02", r.opportunity_key("L-3"), r.opportunity_key("O-1"), number="2")])
    house.project()
    changed(monkeypatch, "rules/billing")
    found = agree(house)
    assert found.copied == 2, "L-0, and L-1 with L-2; L-3 is one deal with a deal that was invoiced"


# ---- when anything may be copied


def test_nothing_is_copied_where_nothing_changed(house: House) -> None:
    house.record(usual("O-1"))
    live = house.project().id
    found = built(house)
    assert found.basis.is_same
    assert (found.basis.generation, found.basis.is_partial, found.copied) == (live, False, 0)


@pytest.mark.parametrize("parts", [("fold",), ("tables",), ("rules/billing", "fold"), ("rules/new",)])
def test_nothing_is_copied_where_the_change_may_reach_any_milestone(
    house: House, monkeypatch: pytest.MonkeyPatch, parts: tuple[str, ...]
) -> None:
    house.record([*usual("O-1"), opened("2024-01-01", "5.00", number="O-2")])
    house.project()
    told = {**digests.rules_digests(), **dict.fromkeys(parts, "0" * 16)}
    monkeypatch.setattr(digests, "rules_digests", lambda: told)
    monkeypatch.setattr(digests, "rules_digest", lambda: "others")
    found = built(house)
    assert found.basis.parts == tuple(sorted(parts))
    assert (found.basis.is_partial, found.basis.is_same, found.copied) == (False, False, 0)


def test_nothing_is_copied_from_books_under_other_policies(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.record([*usual("O-1"), opened("2024-01-01", "5.00", number="O-2")])
    house.project()
    changed(monkeypatch, "rules/billing")
    found = built(house, policies=Policies([Version("acme", "1", 0, {"proration": "monthly"})]))
    assert found.basis.policies_differ
    assert (found.basis.is_partial, found.copied) == (False, 0)


def test_nothing_is_copied_from_a_generation_whose_rules_are_not_noted(house: House) -> None:
    house.record([*usual("O-1"), opened("2024-01-01", "5.00", number="O-2")])
    live = house.project().id
    house.connection.execute(
        "UPDATE generation SET rules = 'x', rules_by_module = '{}' WHERE id = %s", (live,)
    )
    assert not built(house).basis.is_partial
    told = json.dumps(digests.rules_digests())
    house.connection.execute("UPDATE generation SET rules_by_module = %s WHERE id = %s", (told, live))
    found = built(house)
    assert not found.basis.is_same, "its digest says that something differs, its parts don't say what"
    assert not found.basis.is_partial


# ---- builds that are broken off


def test_a_partial_build_that_was_broken_off_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    story(house, 3)
    monkeypatch.setattr(bulk, "SHARE", 20)
    changed(monkeypatch, "rules/billing")
    seen: list[str] = []

    def stop(moment: str) -> None:
        seen.append(moment)
        if seen.count("after_share") == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(moments, "_told", stop)
    with pytest.raises(KeyboardInterrupt):
        built(house, policies=house.live().policies)
    monkeypatch.setattr(moments, "_told", None)
    found = agree(house)
    assert found.resumed > 0
    figures = json.loads(generations.one_told(house.connection, house.schema, found.generation).figures)
    assert (figures["sets_folded"], figures["sets_copied"]) == (found.folded, found.copied)
    assert found.copied > 0


def test_a_whole_rebuild_does_not_go_on_with_a_partial_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.record([*usual("O-1"), opened("2024-01-01", "5.00", number="O-2")])
    house.project()
    changed(monkeypatch, "rules/billing")

    def stop(moment: str) -> None:
        if moment == "after_bulk":
            raise KeyboardInterrupt

    monkeypatch.setattr(moments, "_told", stop)
    with pytest.raises(KeyboardInterrupt):
        built(house)
    monkeypatch.setattr(moments, "_told", None)
    found = built(house, whole=True)
    assert found.resumed == 0
    assert (found.folded, found.copied) == (0, 0)


# ---- what a part of the rules has a say in


def test_what_imports_a_changed_rule_changes_with_it() -> None:
    def modules(part: str) -> set[str]:
        touched = digests.touched_by([part])
        assert touched is not None
        return {digests.rule_of_topics()[topic] for topic in touched.topics}

    assert modules("rules/payments") == {"rules/payments"}
    assert modules("rules/plans") == {"rules/orders"}
    assert modules("rules/variance") == {"rules/orders", "rules/pipeline"}
    assert modules("rules/performance") >= {"rules/performance", "rules/billing", "rules/orders"}
    assert digests.touched_by(["fold"]) is None
    assert digests.touched_by(["rules/billing", "rules/unheard_of"]) is None


def test_what_all_types_share_takes_from_no_other_rules_than_those_that_are_told_by_their_texts() -> None:
    """A function of rules that is called outside of its types' rules would be missed by a partial build."""
    folder = Path(projections.__file__).parent
    found: dict[str, set[str]] = {}
    for name in digests._FOLD:
        tree = ast.parse((folder / f"{name}.py").read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == "deal_rule":
                node.body = []
            if isinstance(node, ast.Assign | ast.AnnAssign) and "PAYMENT_RULES" in ast.unparse(node):
                node.value = ast.Constant(None)
        imported = {
            alias.asname or alias.name: f"rules/{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "projections.rules"
            for alias in node.names
        }
        assert not any(
            isinstance(node, ast.ImportFrom) and (node.module or "").startswith("projections.rules.")
            for node in ast.walk(tree)
        ), "functions of rules are called by the name of their module"
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in imported
            ):
                found.setdefault(imported[node.value.id], set()).add(node.attr)
    assert found.keys() == digests.BESIDE.keys()
    assert found["rules/conditions"] == {"entity_said"}
    assert found["rules/payments"] == {
        "carries_a_deal", "deal_beside", "deal_of", "keys_of", "names_only_a_payment", "payment_of",
    }  # fmt: skip


def test_what_amends_is_folded_whatever_changed() -> None:
    assert {kind.__name__ for kind in UNSETTLING} == {"MilestoneCorrected", "MilestoneVoided", "DealSplit"}
