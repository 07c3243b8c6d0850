"""The compiled fold is used where it was made from exactly these sources, and comes to the same journal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from projections import compiled
from tests.projections.served import House
from tests.projections.stories import crowd

ROOT = Path(__file__).parent.parent.parent

FOLD_ALL = """
import hashlib, sys
from projections import compiled
if sys.argv[1] == "compiled":
    assert compiled.use()
import psycopg
from domain.policies import DEFAULT_POLICIES
from projections import bulk
from projections.folding import Folding
from projections.journal import TABLES, Journal
assert compiled.in_use() == (sys.argv[1] == "compiled")
with psycopg.connect(sys.argv[2], autocommit=True) as connection:
    for share in bulk.shares(connection, sys.argv[2], 1, int(sys.argv[3])):
        journal = Journal()
        folding = Folding(share.edges, bulk.joined(share.edges), journal, DEFAULT_POLICIES)
        for _ in folding.take_all(bulk.rows_of(connection, share)):
            pass
        rows = b"".join(map(journal.take, TABLES))
        print(folding.milestones, journal.postings, hashlib.sha256(rows).hexdigest())
"""


def run(code: str, *words: str) -> str:
    """What a process of its own prints."""
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize("module", compiled.MODULES)
def test_each_module_that_is_compiled_is_one_of_ours(module: str) -> None:
    assert compiled.source(module).is_file()


def test_what_was_made_of_other_sources_stands_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = compiled.folder()
    changed = tmp_path / "changed.py"
    changed.write_text("# another source\n")
    first = compiled.MODULES[0]
    sources = {module: compiled.source(module) for module in compiled.MODULES} | {first: changed}
    monkeypatch.setattr(compiled, "source", sources.__getitem__)
    assert compiled.folder() != before


def test_a_process_that_folds_as_python_already_goes_on_so() -> None:
    said = run(
        "import projections.accounts; from projections import compiled;"
        "answer = compiled.use(); import projections.fold; print(answer, compiled.in_use())"
    )
    assert said.split() == ["False", "False"]


def test_where_nothing_was_compiled_the_fold_is_python(tmp_path: Path) -> None:
    said = run(
        "import sys; from pathlib import Path; from projections import compiled;"
        "compiled.folder = lambda: Path(sys.argv[1]); answer = compiled.use();"
        "import projections.fold; print(answer, compiled.in_use())",
        str(tmp_path / "nothing"),
    )
    assert said.split() == ["False", "False"]


@pytest.mark.skipif(not compiled.folder().exists(), reason="scripts/compile was not run for these sources")
def test_the_compiled_fold_comes_to_the_same_journal(house: House) -> None:
    house.record(crowd(11, 40, 16))
    head = str(house.head())
    as_python = run(FOLD_ALL, "python", house.conninfo, head)
    assert as_python.strip()
    assert run(FOLD_ALL, "compiled", house.conninfo, head) == as_python
