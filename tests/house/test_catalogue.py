"""docs/events.md is what the code says, and its table of exceptions names codes that there are."""

import re
import sys
from pathlib import Path

import pytest

from domain.contract import SENT, parse_event
from projections import accounts as a
from projections.exceptions import codes
from scripts.cataloguing import __main__ as catalogue
from scripts.cataloguing.examples import EXAMPLES
from scripts.cataloguing.exceptions import ANY, BY_TYPE
from scripts.cataloguing.page import change_of, meaning, page

ROOT = Path(__file__).parents[2]

SAID_BY_THE_RULES = {
    code
    for path in (ROOT / "projections").rglob("*.py")
    for code in re.findall(r'\.(?:find|signal)\(\s*"([A-Z_]+)"', path.read_text(encoding="utf-8"))
}


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["catalogue", *arguments])
    return catalogue.main()


def test_the_page_is_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--check", monkeypatch=monkeypatch) == 0, "docs/events.md is stale: run ./scripts/catalogue"


def test_a_stale_page_fails_the_check_and_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalogue, "PATH", tmp_path / "events.md")
    assert run("--check", monkeypatch=monkeypatch) == 1
    assert "./scripts/catalogue" in capsys.readouterr().out
    assert run(monkeypatch=monkeypatch) == 0
    assert run("--check", monkeypatch=monkeypatch) == 0
    (tmp_path / "events.md").write_text(page().replace("required", "optional", 1), encoding="utf-8")
    assert run("--check", monkeypatch=monkeypatch) == 1


def test_every_type_has_a_section_an_anchor_and_an_example_in_the_order_of_the_contract() -> None:
    found = page()
    assert re.findall(r"^### (.*)$", found, re.MULTILINE) == list(SENT)
    assert re.findall(r'^<a id="(.*)"></a>$', found, re.MULTILINE) == list(EXAMPLES)
    assert [f"{name}.v1" for name in EXAMPLES] == list(SENT)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_milestone_of_its_type_that_the_ledger_takes_without_an_exception(name: str) -> None:
    example = EXAMPLES[name]
    assert parse_event(example.then).name == f"{name}.v1"
    assert meaning(SENT[f"{name}.v1"].struct).endswith(".")
    change = change_of(example)
    assert [signal[2] for signal in change.signals if signal[2].isupper() and signal[8] > 0] == []


def test_the_examples_show_what_the_accounting_says_of_them() -> None:
    def moves(name: str) -> set[tuple[str, str, int]]:
        return {(a.NAMES[row[2]], a.NAMES[row[3]], row[5]) for row in change_of(EXAMPLES[name]).rows}

    assert moves("payment.received") == {("source.bank", "unapplied", 500000)}
    assert moves("invoice.posted") == {
        ("unbilled", "receivable", 1200000),
        ("source.tax", "receivable", 240000),
    }
    assert ("receivable", "discount", 8000) in moves("payment.applied")
    assert ("unfulfilled", "recognised", 300000) in moves("fulfilment.confirmed")


def test_the_table_of_exceptions_names_types_and_codes_that_there_are() -> None:
    known = {code.code for code in codes.ALL} | SAID_BY_THE_RULES
    assert set(BY_TYPE) <= set(EXAMPLES)
    assert {code for raised in (ANY, *BY_TYPE.values()) for code in raised} <= known


def test_every_exception_that_a_rule_finds_is_in_the_table() -> None:
    listed = {code for raised in (ANY, *BY_TYPE.values()) for code in raised} | {"FOLD_FAILED"}
    assert SAID_BY_THE_RULES
    assert listed >= SAID_BY_THE_RULES
