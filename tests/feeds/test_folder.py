"""Files dropped in a folder: taken when they are complete, once, and put away."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import PersistenceError
from psycopg_pool import ConnectionPool

from adapters.feeds.folder import Folder, Put
from adapters.feeds.inlet import Inlet
from adapters.feeds.sections import FolderSection
from adapters.feeds.tallies import Tallies
from adapters.feeds.waits import Waits
from adapters.intake import Intake
from adapters.sources import Record
from tests.feeds.pulled import Orders, feed
from tests.ingest.conftest import Ask


class Time:
    now = 0.0


class Dropped:
    """A folder feed, with a clock of its own."""

    def __init__(self, folder: Path, intake: Intake, tallies: Tallies, pool: ConnectionPool[Any]) -> None:
        self.path = folder
        self.time = Time()
        inlet = Inlet(intake, tallies, feed(folder={"path": str(folder)}), Orders())
        self.folder = Folder(
            inlet, FolderSection(path=folder, settled=5), Waits(pool),
            clock=lambda: 0.0, monotonic=lambda: self.time.now,
        )  # fmt: skip

    def round(self, *, later: float = 0.0) -> list[Put]:
        self.time.now += later
        return list(self.folder.round())

    def taken(self) -> list[Put]:
        """What is taken once files have settled."""
        return self.round() + self.round(later=6)

    def tree(self) -> list[str]:
        return sorted(str(one.relative_to(self.path)) for one in self.path.rglob("*") if one.is_file())


@pytest.fixture
def dropped(folder: Path, intake: Intake, tallies: Tallies, pool: ConnectionPool[Any]) -> Dropped:
    return Dropped(folder, intake, tallies, pool)


def lines(*numbers: int) -> bytes:
    return b"".join(json.dumps({"id": n}).encode() + b"\n" for n in numbers)


def test_a_file_is_taken_when_it_has_settled_and_put_in_done(dropped: Dropped, ask: Ask) -> None:
    (dropped.path / "orders.jsonl").write_bytes(lines(1, 2))
    assert dropped.round() == []
    assert dropped.round(later=3) == []
    (put,) = dropped.round(later=3)
    assert (put.name, put.outcome) == ("orders.jsonl", "done")
    assert put.summary is not None
    assert put.summary.recorded == 2
    assert dropped.tree() == ["done/orders.jsonl"]
    assert ask("SELECT outcome, records FROM feed_tally") == [("recorded", 2)]
    assert ask("SELECT name, bytes, outcome, summary->'recorded' FROM taken_file") == [
        ("orders.jsonl", len(lines(1, 2)), "done", 2)
    ]


def test_a_file_that_grows_is_left_alone(dropped: Dropped) -> None:
    file = dropped.path / "orders.jsonl"
    file.write_bytes(lines(1))
    dropped.round()
    with file.open("ab") as stream:
        stream.write(lines(2))
    assert dropped.round(later=6) == []
    (put,) = dropped.round(later=6)
    assert put.summary is not None
    assert put.summary.records == 2


def test_unfinished_hidden_and_linked_files_are_left_alone(dropped: Dropped, tmp_path: Path) -> None:
    elsewhere = tmp_path / "secret.jsonl"
    elsewhere.write_bytes(lines(1))
    for name in ("a.jsonl.part", ".b.jsonl", "c.jsonl~", "d.tmp"):
        (dropped.path / name).write_bytes(lines(1))
    (dropped.path / "e.jsonl").symlink_to(elsewhere)
    assert dropped.taken() == []
    (dropped.path / "a.jsonl.part").replace(dropped.path / "a.jsonl")
    assert [put.name for put in dropped.taken()] == ["a.jsonl"]


def test_the_same_bytes_under_another_name_are_known(
    dropped: Dropped, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    (dropped.path / "a.jsonl").write_bytes(lines(1, 2))
    dropped.taken()
    (dropped.path / "b.jsonl").write_bytes(lines(1, 2))
    (dropped.path / "a.jsonl").write_bytes(lines(1, 2))
    puts = dropped.taken()
    assert [put.outcome for put in puts] == ["known", "known"]
    assert all("holds the same as a.jsonl" in warning for put in puts for warning in put.warnings)
    assert "is not read again" in caplog.text
    assert ask("SELECT sum(records)::int FROM feed_tally") == [(2,)]
    assert len(dropped.tree()) == 3, "nothing that was dropped is thrown away"


def test_a_file_of_which_something_went_to_quarantine_is_read_again(
    dropped: Dropped, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = lines(1) + b"not json\n"
    (dropped.path / "a.jsonl").write_bytes(content)
    dropped.taken()
    (dropped.path / "a.jsonl").write_bytes(content)
    (put,) = dropped.taken()
    assert (put.outcome, put.summary and put.summary.duplicate) == ("done", 1)
    assert ask("SELECT count(*) FROM quarantine") == [(1,)], "the same bytes open no other entry"
    # how it is cut was mended
    monkeypatch.setattr(Orders, "records", lambda self, path: iter([Record(b'{"id": 1}', "a.jsonl:1")]))
    (dropped.path / "a.jsonl").write_bytes(content)
    assert [put.outcome for put in dropped.taken()] == ["done"]
    (dropped.path / "a.jsonl").write_bytes(content)
    assert [put.outcome for put in dropped.taken()] == ["known"]


def test_a_file_that_another_mapping_has_read_is_read_again(
    dropped: Dropped, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dropped.path / "a.jsonl").write_bytes(lines(1))
    dropped.taken()
    monkeypatch.setattr(Orders, "stamp", "orders@2#abc", raising=False)
    for outcome in ("done", "known"):
        (dropped.path / "a.jsonl").write_bytes(lines(1))
        assert [put.outcome for put in dropped.taken()] == [outcome]


def test_a_name_that_is_no_utf_8_stops_nobody(dropped: Dropped, ask: Ask) -> None:
    for name, content in ((b"1\xff.jsonl", lines(1)), (b"2\xfe.jsonl.gz", b"no gzip")):
        (dropped.path / os.fsdecode(name)).write_bytes(content)
    (dropped.path / "good.jsonl").write_bytes(lines(7))
    assert [(put.name, put.outcome) for put in dropped.taken()] == [
        ("1\\xff.jsonl", "done"), ("2\\xfe.jsonl.gz", "failed"), ("good.jsonl", "done"),
    ]  # fmt: skip
    (why,) = (dropped.path / "failed").glob("*.why.txt")
    assert "2\\xfe.jsonl.gz" in why.read_text()
    assert ask("SELECT name FROM taken_file ORDER BY id") == [
        ("1\\xff.jsonl",), ("2\\xfe.jsonl.gz",), ("good.jsonl",),
    ]  # fmt: skip


def test_what_goes_wrong_in_noting_a_file_stops_no_other(
    dropped: Dropped, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Waits.take

    def noting(self: Waits, feed: str, digest: bytes, name: str, *rest: Any) -> None:
        if name == "bad.jsonl":
            raise UnicodeEncodeError("utf-8", "x", 0, 1, "no")
        take(self, feed, digest, name, *rest)

    monkeypatch.setattr(Waits, "take", noting)
    (dropped.path / "bad.jsonl").write_bytes(lines(1))
    (dropped.path / "good.jsonl").write_bytes(lines(7))
    assert [(put.name, put.outcome) for put in dropped.taken()] == [
        ("bad.jsonl", "failed"), ("good.jsonl", "done"),
    ]  # fmt: skip
    assert dropped.tree() == ["done/good.jsonl", "failed/bad.jsonl", "failed/bad.jsonl.why.txt"]
    assert dropped.round() == []


def test_a_very_long_name_is_put_in_failed_with_its_reason(dropped: Dropped) -> None:
    (dropped.path / f"{'n' * 246}.jsonl.gz").write_bytes(b"no gzip")
    assert [put.outcome for put in dropped.taken()] == ["failed"]
    assert len(dropped.tree()) == 2


def test_a_file_without_a_record_is_told(dropped: Dropped, caplog: pytest.LogCaptureFixture) -> None:
    (dropped.path / "none.jsonl").write_bytes(b"\n")
    (put,) = dropped.taken()
    assert put.warnings == ("none.jsonl: holds no record",)
    assert "holds no record" in caplog.text


def test_members_that_are_not_read_are_named(dropped: Dropped) -> None:
    with zipfile.ZipFile(dropped.path / "b.zip", "w") as archive:
        archive.writestr("one.jsonl", lines(3))
        archive.writestr("notes.md", b"hello")
        archive.writestr("x/.hidden.jsonl", lines(4))
    (put,) = dropped.taken()
    assert put.warnings == ("b.zip: 2 of 3 files in it are not read: notes.md, x/.hidden.jsonl",)


def test_a_file_with_the_name_of_one_before_is_kept_beside_it(dropped: Dropped) -> None:
    (dropped.path / "a.jsonl").write_bytes(lines(1))
    dropped.taken()
    (dropped.path / "a.jsonl").write_bytes(lines(2))
    dropped.taken()
    first, second = dropped.tree()
    assert {first.endswith("a.jsonl"), second.endswith("a.jsonl")} == {True}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl.gz", gzip.compress(lines(1, 2), mtime=0)[:-4]),
        ("a.zip", b"PK\3\4 no zip"),
        ("b.jsonl.gz", b"no gzip"),
    ],
)
def test_a_broken_file_is_put_in_failed_with_the_reason_and_holds_up_no_other(
    dropped: Dropped, ask: Ask, name: str, content: bytes
) -> None:
    (dropped.path / name).write_bytes(content)
    (dropped.path / "good.jsonl").write_bytes(lines(7))
    puts = {put.name: put for put in dropped.taken()}
    assert puts[name].outcome == "failed"
    assert puts["good.jsonl"].outcome == "done"
    why = (dropped.path / "failed" / f"{name}.why.txt").read_text()
    assert name in why
    assert ".taking" not in why
    # mended, it comes in, whatever was in already
    (dropped.path / "a.jsonl").write_bytes(lines(1, 2, 3))
    dropped.taken()
    assert ask("SELECT count(*) FROM log") == [(4,)]


def test_a_file_that_raises_what_nobody_foresaw_is_put_in_failed_and_holds_up_no_other(
    dropped: Dropped, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = Orders.records

    def stumbling(self: Orders, path: Path) -> Any:
        if path.name == "bad.jsonl":
            raise KeyError("a value of the file")
        return read(self, path)

    monkeypatch.setattr(Orders, "records", stumbling)
    (dropped.path / "bad.jsonl").write_bytes(lines(1))
    (dropped.path / "good.jsonl").write_bytes(lines(7))
    assert [(put.name, put.outcome) for put in dropped.taken()] == [
        ("bad.jsonl", "failed"),
        ("good.jsonl", "done"),
    ]
    why = (dropped.path / "failed" / "bad.jsonl.why.txt").read_text()
    assert "bad.jsonl" in why
    assert "KeyError" in why
    assert "a value of the file" not in why + caplog.text


def test_a_log_that_can_t_be_written_leaves_the_file_to_the_next_round(
    dropped: Dropped, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise PersistenceError("away")

    (dropped.path / "a.jsonl").write_bytes(lines(1))
    dropped.round()
    with monkeypatch.context() as patched:
        patched.setattr(Orders, "records", away)
        with pytest.raises(PersistenceError):
            dropped.round(later=6)
    assert [(put.name, put.outcome) for put in dropped.round()] == [("a.jsonl", "done")]


def test_a_file_of_which_something_is_quarantined_is_named_in_the_log(
    dropped: Dropped, caplog: pytest.LogCaptureFixture
) -> None:
    (dropped.path / "fine.jsonl").write_bytes(lines(7))
    (dropped.path / "odd.jsonl").write_bytes(lines(1) + b"not json\n" + b"nor this\n")
    assert [put.outcome for put in dropped.taken()] == ["done", "done"]
    (warned,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "odd.jsonl" in warned
    assert "2 of 3" in warned


def test_packed_files_are_read(dropped: Dropped, ask: Ask) -> None:
    (dropped.path / "a.jsonl.gz").write_bytes(gzip.compress(lines(1, 2)))
    with zipfile.ZipFile(dropped.path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("2026/one.jsonl", lines(3))
        archive.writestr("two.json", b'[{"id": 4}, {"id": 5}]')
        archive.writestr("readme.md", b"hello")
        archive.writestr("__MACOSX/two.json", b"junk")
    assert [put.outcome for put in dropped.taken()] == ["done", "done"]
    assert ask("SELECT count(*) FROM log") == [(5,)]


def test_what_a_process_left_behind_is_taken_first(dropped: Dropped, ask: Ask) -> None:
    taking = dropped.path / ".taking"
    taking.mkdir()
    (taking / "left.jsonl").write_bytes(lines(1, 2))
    (put,) = dropped.round()
    assert (put.name, put.outcome) == ("left.jsonl", "done")
    assert dropped.tree() == ["done/left.jsonl"]
    # it died after noting the file and before putting it away
    (taking / "left.jsonl").write_bytes(lines(1, 2))
    (put,) = dropped.round()
    assert put.outcome == "known"
    assert ask("SELECT count(*) FROM log") == [(2,)]


def test_without_the_folder_it_says_so(dropped: Dropped) -> None:
    dropped.path.rmdir()
    with pytest.raises(FileNotFoundError, match="no such folder"):
        dropped.round()
