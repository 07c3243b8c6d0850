"""Generations on the real server: states, promotion and return, what is kept, builds that are broken off."""

import json
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from domain import milestones as m
from domain.policies import DEFAULT_POLICIES, Policies, Version
from projections import (
    building,
    bulk,
    digests,
    generations,
    moments,
    noting,
    projector,
    promoting,
    rebuild,
    running,
)
from projections.building import BuildUnderWay
from projections.generations import GenerationUnknown
from projections.moments import MOMENTS
from projections.noting import BuildGone
from projections.projector import Projector
from projections.promoting import GenerationRefused
from tests.projections.served import House
from tests.projections.stories import usual

OTHERWISE = Policies([Version("acme", "1", 0, {"proration": "monthly"})])


def kept(house: House, **given: Any) -> int:
    """A generation that is built and kept ready."""
    return rebuild.rebuild(house.conninfo, house.schema, workers=1, keep=True, **given).generation


def noted(house: House, id_: int) -> generations.Told:
    return generations.one_told(house.connection, house.schema, id_)


def states(house: House) -> dict[int, str]:
    return {one.id: one.state for one in generations.told(house.connection, house.schema)}


def tables(house: House) -> set[int]:
    """The numbers of the generations that have tables."""
    rows = house.connection.execute(
        "SELECT DISTINCT substring(tablename from '_g([0-9]+)$')::int FROM pg_tables"
        " WHERE schemaname = %s AND tablename ~ '_g[0-9]+$'",
        (house.schema,),
    ).fetchall()
    return {id_ for (id_,) in rows}


def made_by_others(house: House, id_: int) -> None:
    """As if another version of the code had made a generation."""
    house.connection.execute(
        "UPDATE generation SET rules = 'others', code_version = '0.0.9' WHERE id = %s", (id_,)
    )


def retired_long_ago(house: House) -> None:
    house.connection.execute(
        "UPDATE generation SET retired_at = retired_at - interval '1 hour' WHERE state = 'retired'"
    )


def promote(house: House, id_: int) -> promoting.Promoted:
    return promoting.promote(house.connection, house.schema, id_)


@contextmanager
def projecting(house: House) -> Iterator[None]:
    """The projector as it runs beside a server."""
    stop = threading.Event()
    thread = threading.Thread(
        target=projector.run, args=(house.connect, house.schema, f"{house.schema}_log", stop)
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(400):
        if is_so():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it did not come to that")


# ---- states and what is noted


def test_a_kept_build_is_ready_beside_the_live_generation(house: House) -> None:
    house.record([*usual("O-1"), *usual("O-2")])
    live = house.project()
    made = kept(house)
    assert states(house) == {live.id: "live", made: "ready"}
    found = noted(house, made)
    assert found.ready_at is not None
    assert (found.live_at, found.stage, found.error) == (None, None, None)
    assert (found.upto, found.total, found.done, found.position) == (house.head(),) * 4
    assert found.rules == generations.rules_digest()
    assert json.loads(found.rules_by_module) == digests.rules_digests()
    figures = json.loads(found.figures)
    assert (figures["milestones"], figures["caught_up"]) == (house.head(), 0)
    count = house.connection.execute(f"SELECT count(*) FROM posting_g{made}").fetchone()
    assert (figures["postings"],) == count
    assert set(figures["seconds"]) == {"bulk", "index", "catch_up"}
    assert figures["milestones_per_second"] > 0
    ready = generations.kept(house.connection, made)
    assert ready is not None, "reads can name it"
    assert house.journal(made) == house.journal(live.id)


def test_every_type_of_milestone_has_a_part_of_the_rules_with_a_digest() -> None:
    topics = digests.rule_of_topics()
    assert set(topics.values()) <= set(digests.rules_digests())
    assert topics[str(m.InvoicePosted.__struct_config__.tag)] == "rules/billing"
    assert topics[str(m.PaymentReceived.__struct_config__.tag)] == "rules/payments"
    assert topics[str(m.PolicyActivated.__struct_config__.tag)] == digests.FOLD


def test_a_change_of_any_file_that_posts_changes_the_digest_of_its_part_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    before, files = digests.rules_digests(), digests._files()
    changed = tmp_path / "billing.py"
    changed.write_bytes(files["rules/billing"][0].read_bytes() + b"#")
    monkeypatch.setattr(digests, "_files", lambda: {**files, "rules/billing": [changed]})
    after = digests.rules_digests.__wrapped__()
    assert {part for part in after if after[part] != before[part]} == {"rules/billing"}
    assert digests.rules_digest.__wrapped__() != digests.rules_digest()


def on_disk(monkeypatch: pytest.MonkeyPatch, path: Any) -> None:
    """As if another version of one rule were installed while this process runs."""
    files = digests._files()
    monkeypatch.setattr(digests, "_files", lambda: {**files, "rules/billing": [path]})


def test_a_process_knows_when_its_rules_on_disk_are_others_than_it_began_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    assert not digests.is_outdated()
    installed = tmp_path / "billing.py"
    installed.write_bytes(digests._files()["rules/billing"][0].read_bytes())
    on_disk(monkeypatch, installed)
    assert not digests.is_outdated(), "the same rule, written anew"
    installed.write_bytes(installed.read_bytes() + b"#")
    assert digests.is_outdated()
    installed.unlink()
    assert digests.is_outdated(), "in the middle of an installation"


def test_the_remedy_is_a_restart_where_the_rules_on_disk_are_others(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    house.record(usual("O-1"))
    live, made = house.project(), kept(house)
    assert generations.halted(live) is None
    for id_ in (live.id, made):
        made_by_others(house, id_)
    house.record(usual("O-2"))
    assert "Run `cairn rebuild`" in str(generations.halted(house.live()))
    on_disk(monkeypatch, tmp_path / "none.py")
    assert "Restart the server" in str(generations.halted(house.live()))
    with pytest.raises(GenerationRefused, match=f"restart the server, or say `.* promote {made}`"):
        promote(house, made)


def test_projectors_at_work_say_by_which_rules(house: House) -> None:
    house.project()
    ours = generations.rules_digest()

    def others(schema: str, rules: str) -> list[str]:
        return running.by_other_rules(house.connection, schema, rules)

    assert others(house.schema, "another") == []
    with projecting(house):
        until(lambda: others(house.schema, "another") == [ours])
        assert others(house.schema, ours) == []
        assert others(f"{house.schema}_2", "another") == []
    until(lambda: others(house.schema, "another") == [])


def test_a_number_that_was_given_out_once_is_known(house: House) -> None:
    assert not generations.has_been(house.connection, 1)
    house.project()
    made = kept(house)
    promoting.drop(house.connection, house.schema, made)
    assert [generations.has_been(house.connection, id_) for id_ in (0, 1, made, made + 1, 2**40)] == [
        False, True, True, False, False,
    ]  # fmt: skip


# ---- promotion and return


def test_promotion_and_return_lose_nothing_that_was_appended_meanwhile(house: House) -> None:
    house.record(usual("O-1"))
    first = house.project().id
    second = kept(house)
    house.record(usual("O-2"))
    house.project()
    assert promote(house, second) == promoting.Promoted(second, first, len(usual("O-2")))
    assert states(house) == {first: "retired", second: "live"}
    house.record(usual("O-3"))
    house.project()
    returned = promoting.return_(house.connection, house.schema)
    assert returned == promoting.Promoted(first, second, len(usual("O-3")))
    assert states(house) == {first: "live", second: "retired"}
    assert house.live().position == house.head()
    assert house.journal(first) == house.journal(second) == house.journal(house.built())
    assert promoting.return_(house.connection, house.schema).generation == second, "and forth again"
    assert promote(house, second) == promoting.Promoted(second, None, 0), "it is live already"


def test_there_is_nothing_to_return_to_before_the_first_promotion(house: House) -> None:
    house.project()
    with pytest.raises(GenerationRefused, match="nothing to return to"):
        promoting.return_(house.connection, house.schema)


def test_what_is_not_built_or_not_there_is_not_promoted(house: House) -> None:
    house.record(usual("O-1"))
    house.project()
    unfinished = house.another()
    with pytest.raises(GenerationRefused, match=f"generation {unfinished} is not built yet"):
        promote(house, unfinished)
    with pytest.raises(GenerationUnknown, match="no generation 99"):
        promote(house, 99)
    with house.connection.transaction():
        side = generations.make(house.connection, "side", OTHERWISE)
    with pytest.raises(GenerationRefused, match="cairn rebuild"):
        promote(house, side.id)
    assert set(states(house).values()) == {"live", "building", "side"}


def test_a_generation_of_other_rules_is_promoted_at_the_head_only(house: House) -> None:
    house.record(usual("O-1"))
    live, made = house.project().id, kept(house)
    made_by_others(house, made)
    house.record(usual("O-2"))
    with pytest.raises(GenerationRefused, match=r"code version 0\.0\.9 with other rules \(others\)"):
        promote(house, made)
    assert states(house) == {live: "live", made: "ready"}
    house.connection.execute("UPDATE generation SET position = %s WHERE id = %s", (house.head(), made))
    assert promote(house, made).generation == made


def test_promotions_at_the_same_time_take_turns(house: House) -> None:
    house.record(usual("O-1"))
    house.project()
    made = [kept(house), kept(house)]
    failures: list[BaseException] = []

    def work(id_: int) -> None:
        try:
            with house.connect() as connection:
                for _ in range(5):
                    promoting.promote(connection, house.schema, id_)
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(id_,)) for id_ in made]
    with projecting(house):
        for thread in threads:
            thread.start()
        house.record(usual("O-2"))
        for thread in threads:
            thread.join(60)
        until(lambda: house.live().position == house.head())
    assert failures == []
    assert sorted(states(house).values()) == ["live", "retired", "retired"]
    assert house.journal(house.live().id) == house.journal(house.built())


# ---- the live projector


def test_nothing_is_taken_into_a_live_generation_of_other_rules(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.record(usual("O-1"))
    live = house.project()
    before = house.journal(live.id)
    made_by_others(house, live.id)
    house.record(usual("O-2"))
    one = Projector(house.schema)
    with caplog.at_level(logging.ERROR):
        assert one.catch_up(house.connection) == one.catch_up(house.connection) == 0
    (told,) = [record.message for record in caplog.records]
    assert "made by other rules (others, code version 0.0.9)" in told
    assert "Run `cairn rebuild`" in told
    assert house.live().position == live.position
    assert house.journal(live.id) == before
    made = rebuild.rebuild(house.conninfo, house.schema, workers=1).generation
    house.record(usual("O-3"))
    assert house.project().position == house.head()
    assert house.live().id == made


def test_the_running_projector_keeps_what_is_ready_at_the_head(house: House) -> None:
    house.record(usual("O-1"))
    house.project()
    ready, foreign = kept(house), kept(house)
    made_by_others(house, foreign)
    with projecting(house):
        house.record(usual("O-2"))
        until(lambda: noted(house, ready).position == house.head())
    assert noted(house, foreign).position < house.head()
    assert house.journal(ready) == house.journal(house.built())


# ---- what is kept, what goes


def test_the_one_before_stays_for_a_return_and_older_ones_go_after_a_while(house: House) -> None:
    house.record(usual("O-1"))
    ids = [house.project().id]
    for _ in range(3):
        ids.append(rebuild.rebuild(house.conninfo, house.schema, workers=1).generation)
    assert tables(house) == set(ids), "whoever reads the older ones comes to an end"
    retired_long_ago(house)
    assert generations.clear_retired(house.connection, house.schema) == ids[:2]
    assert tables(house) == set(states(house)) == set(ids[2:])


def test_the_running_projector_drops_what_is_not_kept_any_more(house: House) -> None:
    house.record(usual("O-1"))
    ids = [house.project().id]
    ids += [rebuild.rebuild(house.conninfo, house.schema, workers=1).generation for _ in range(2)]
    retired_long_ago(house)
    with projecting(house):
        until(lambda: tables(house) == set(ids[1:]))


def test_what_is_being_read_is_not_dropped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.record(usual("O-1"))
    house.project()
    made = kept(house)
    monkeypatch.setattr(generations, "PATIENCE_SECONDS", 0.2)
    with house.connect() as reader, reader.transaction():
        reader.execute(f"SELECT count(*) FROM posting_g{made}")
        with pytest.raises(GenerationRefused, match="being read"):
            promoting.drop(house.connection, house.schema, made)
        assert not generations.try_drop(house.connection, house.schema, made)
    assert states(house)[made] == "ready"
    promoting.drop(house.connection, house.schema, made)
    assert tables(house) == set(states(house)) == {house.live().id}
    with pytest.raises(GenerationUnknown):
        promoting.drop(house.connection, house.schema, made)


def test_neither_the_live_generation_nor_one_under_another_policy_is_dropped(house: House) -> None:
    live = house.project().id
    with house.connection.transaction():
        side = generations.make(house.connection, "side", OTHERWISE).id
    for id_, says in ((live, "is live"), (side, "not adopted")):
        with pytest.raises(GenerationRefused, match=says):
            promoting.drop(house.connection, house.schema, id_)
    assert tables(house) == {live, side}


# ---- builds


def test_of_two_builders_the_second_is_refused_by_name_and_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.record(usual("O-1"))
    house.project()
    monkeypatch.setattr(building, "PATIENCE_SECONDS", 0.1)
    refused: list[str] = []

    def build_too(stage: str, _done: int) -> None:
        if stage == "index":
            with pytest.raises(BuildUnderWay) as found:
                rebuild.rebuild(house.conninfo, house.schema, workers=1)
            refused.append(str(found.value))
            unfinished = max(states(house))
            with pytest.raises(BuildUnderWay, match="is being built since"):
                promoting.drop(house.connection, house.schema, unfinished)

    made = rebuild.rebuild(house.conninfo, house.schema, workers=1, report=build_too)
    assert len(refused) == 1
    assert refused[0].startswith(f"generation {made.generation} is being built since 20")
    assert not building.is_under_way(house.connection, house.schema)


class Stopped(RuntimeError):
    """The build was broken off by the test."""


def broken_off(house: House, monkeypatch: pytest.MonkeyPatch, *, after: int, **given: Any) -> int:
    """A build that is broken off after some shares."""
    left = after

    def stop(moment: str) -> None:
        nonlocal left
        left -= moment == "after_share"
        if not left:
            raise Stopped("the power has gone")

    with monkeypatch.context() as here:
        here.setattr(moments, "_told", stop)
        with pytest.raises(Stopped):
            rebuild.rebuild(house.conninfo, house.schema, workers=1, **given)
    (id_,) = [id_ for id_, state in states(house).items() if state == "building"]
    return id_


@pytest.fixture
def small_shares(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A ledger of several shares."""
    monkeypatch.setattr(bulk, "SHARE", 10)
    monkeypatch.setattr(bulk, "_JOINED", 3)
    for number in range(8):
        house.record(usual(f"O-{number}"))
    house.project()
    return house


def test_a_build_that_was_broken_off_goes_on_with_the_shares_that_are_left(
    small_shares: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = small_shares
    begun = broken_off(house, monkeypatch, after=2)
    found = noted(house, begun)
    assert (found.state, found.error, found.is_held) == ("building", "the power has gone", False)
    before = noting.loaded(house.connection, begun)
    assert len(before) == 2
    assert 0 < found.done == sum(share.milestones for share in before.values()) < house.head()
    loaded: list[int] = []
    load = bulk.load

    def watched(share: bulk.Share) -> bulk.Loaded:
        loaded.append(share.number)
        return load(share)

    monkeypatch.setattr(bulk, "load", watched)
    house.record(usual("O-99"))
    made = rebuild.rebuild(house.conninfo, house.schema, workers=1)
    assert (made.generation, made.resumed, made.caught_up) == (begun, found.done, len(usual("O-99")))
    assert loaded
    assert not set(loaded) & set(before)
    assert noted(house, begun).error is None
    assert house.journal(begun) == house.journal(house.built())
    assert house.beside(begun) == house.beside(house.built())


@pytest.mark.parametrize("change", ["rules", "policies", "plan", "much came in since"])
def test_a_build_of_another_kind_is_cleared_away(
    small_shares: House, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    house = small_shares
    begun = broken_off(house, monkeypatch, after=1)
    if change == "rules":
        made_by_others(house, begun)
    elif change == "plan":
        monkeypatch.setattr(bulk, "SHARE", 11)
    elif change == "much came in since":
        for number in range(20, 30):
            house.record(usual(f"O-{number}"))
    policies = OTHERWISE if change == "policies" else DEFAULT_POLICIES
    made = rebuild.rebuild(house.conninfo, house.schema, workers=1, policies=policies)
    assert (made.resumed, begun in states(house)) == (0, False)
    assert tables(house) == set(states(house))
    assert house.live().policies.stamps == policies.stamps
    left = house.connection.execute("SELECT DISTINCT generation FROM generation_share").fetchall()
    assert left == [(made.generation,)]


def test_a_share_that_a_forgotten_worker_loads_as_well_is_there_once(small_shares: House) -> None:
    house = small_shares
    begun: list[building.Build] = []
    rebuild.rebuild(house.conninfo, house.schema, workers=1, keep=True, begun=begun.append)
    build = begun[0]
    before = house.journal(build.generation)
    again = bulk.load(build.shares[-1])
    assert tuple(again) == noting.loaded(house.connection, build.generation)[build.shares[-1].number]
    assert house.journal(build.generation) == before
    made_by_others(house, build.generation)
    house.connection.execute("DELETE FROM generation_share WHERE generation = %s", (build.generation,))
    with pytest.raises(BuildGone, match="start the rebuild again"):
        bulk.load(build.shares[-1])


# ---- killed at any moment


def die(conninfo: str, schema: str, moment: str, what: str) -> None:
    """Do something and be killed at a moment of it."""
    vars(bulk).update(SHARE=10, _JOINED=3)  # as `small_shares`

    def told(reached: str) -> None:
        if reached == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    moments.watch(told)
    if what in ("rebuild", "keep"):
        rebuild.rebuild(conninfo, schema, workers=1, keep=what == "keep")
        return
    with psycopg.connect(conninfo, autocommit=True) as connection:
        if what == "return":
            promoting.return_(connection, schema)
        else:
            promoting.promote(connection, schema, max(one.id for one in generations.ready(connection)))


#: Moments of a batch of the live projector are those of tests/api/test_crashes.
_OF_BUILDS = [name for name in MOMENTS if "projection" not in name]
_OF_SWAPS = _OF_BUILDS[_OF_BUILDS.index("before_swap") :]
_UP_TO_READY = _OF_BUILDS[: _OF_BUILDS.index("before_swap")]


@pytest.mark.parametrize(
    ("what", "moment"),
    [("rebuild", name) for name in _OF_BUILDS]
    + [("keep", name) for name in _UP_TO_READY[-2:]]
    + [("promote", name) for name in _OF_SWAPS]
    + [("return", name) for name in _OF_SWAPS],
)
def test_killed_at_any_moment_while_appends_go_on_it_ends_in_the_same_books(
    small_shares: House, what: str, moment: str
) -> None:
    house = small_shares
    kept(house)
    if what == "return":
        promote(house, max(states(house)))
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=die, args=(house.conninfo, house.schema, moment, what))
    stop = threading.Event()

    def append() -> None:
        number = 100
        while not stop.is_set():
            house.record(usual(f"O-{number}"))
            number += 1
            stop.wait(0.05)

    writer = threading.Thread(target=append)
    with projecting(house):
        writer.start()
        try:
            process.start()
            process.join(60)
            assert process.exitcode == -signal.SIGKILL
            if what in ("promote", "return"):
                target = [id_ for id_, state in states(house).items() if state in ("ready", "retired")]
                assert len(target) == 1
                promote(house, target[0])
            else:
                rebuild.rebuild(house.conninfo, house.schema, workers=1, keep=what == "keep")
        finally:
            stop.set()
            writer.join(30)
        until(lambda: house.live().position == house.head())
    assert not [id_ for id_, state in states(house).items() if state in generations.UNFINISHED]
    assert tables(house) == set(states(house))
    live = house.live()
    whole = house.built()
    assert house.journal(live.id) == house.journal(whole)
    assert house.beside(live.id) == house.beside(whole)
    assert house.all_reports(live.id, house.head(), "2026-12-31") == house.all_reports(
        whole, house.head(), "2026-12-31"
    )
