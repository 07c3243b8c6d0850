"""The demonstration, from nothing to reports: what it shows is what the API answers; and started again."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.excepting import age_of
from tests.api.running import PATIENCE, ROOT, environment

Answer = dict[str, Any]
FIGURES = ("won", "ordered", "invoiced", "gross", "cash")
VIEWS = {
    "pipeline": "at=2026-10-31",
    "bookings": "from=2026-01-01&to=2026-10-31",
    "backlog": "at=2026-10-31",
    "billing": "at=2026-10-31",
    "collections": "at=2026-10-31",
}
NOTED = 7_085


@dataclass
class Shown:
    """What the first start printed before it served, and what the API answers to what it says it asked."""

    text: str
    answers: dict[str, Answer]
    folder: Path

    def section(self, path: str) -> str:
        """What stands below a question, with single blanks and no line ends."""
        _, found, rest = self.text.partition(f"  GET /v1/reports/{path}\n")
        assert found, f"the demo does not show {path}"
        return " ".join(rest.partition("\n\n")[0].split())

    def rows(self, path: str) -> list[Answer]:
        rows: list[Answer] = self.answers[path]["rows"]
        return rows


def command(folder: Path, *words: str) -> dict[str, Any]:
    return {
        "args": [sys.executable, ROOT / "scripts" / "tour.py", *words],
        "env": environment(CAIRN_DATA=str(folder), CAIRN_PORT="0"),
    }


def signed(amount: str) -> str:
    return amount if amount.startswith("-") else f"+{amount}"


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, httpx.Client]]:
    """The whole show, and a client of what it serves at its end."""
    errors = folder.parent / "errors"
    with (
        errors.open("w+") as said,
        subprocess.Popen(**command(folder), stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("cairn listens on"):
                break
        else:
            raise AssertionError(errors.read_text())
        url = next(word for word in lines[-1].split() if word.startswith("http"))
        try:
            with httpx.Client(base_url=url, timeout=PATIENCE) as client:
                yield "".join(lines), client
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp("show") / "demo"
    with serving(folder) as (text, client):
        asked = re.findall(r"^  GET /v1/reports/(\S+)$", text, re.MULTILINE)
        asked += [f"{view}?{span}" for view, span in VIEWS.items()]
        closing = next(path for path in asked if "basis=as_reported" in path)
        asked += [closing.replace("&basis=as_reported", ""), f"{closing}&known_position={NOTED}"]
        answers = {path: client.get(f"/v1/reports/{path}").raise_for_status().json() for path in asked}
    return Shown(text, answers, folder)


def test_the_demo_shows_what_came_in_and_that_the_laws_hold(shown: Shown) -> None:
    for said in (
        " arrived by 2026-04-30        7,473    7,085 ",
        "quarantined: ",
        "The laws of the books hold",
        "/v1/quarantine",
        "/v1/policies",
    ):
        assert said in shown.text, said


def test_started_again_it_shows_the_same_without_feeding(shown: Shown) -> None:
    done = subprocess.run(
        **command(shown.folder, "--once"), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "is fed already" in done.stdout
    show = re.compile(r"^pipeline at .*?^To go on", re.DOTALL | re.MULTILINE)
    assert show.findall(done.stdout) == show.findall(shown.text)
    assert show.findall(shown.text)


def test_it_fits_a_terminal_of_100_columns_but_for_addresses(shown: Shown) -> None:
    wide = [line for line in shown.text.splitlines() if len(line) > 100 and "http://" not in line]
    assert wide == []


@pytest.mark.parametrize("view", VIEWS)
def test_every_figure_of_a_view_is_shown(shown: Shown, view: str) -> None:
    span = VIEWS[view]
    title = re.escape(
        f"{view} {span}".replace("at=", "at ").replace("from=", "from ").replace("&to=", " to ")
    )
    found = re.search(f"^{title}, as known at position .*?\n\n", shown.text, re.DOTALL | re.MULTILINE)
    assert found, view
    amounts = [
        value
        for row in shown.rows(f"{view}?{span}")
        for name, value in row.items()
        if name not in ("currency", "explain")
    ]
    assert amounts
    assert sorted(re.findall(r"(?<= )-?\d[\d.]*(?= )", found[0].partition("\n")[2])) == sorted(amounts)


def test_a_restatement_is_shown_by_cause_with_what_was_known_before(shown: Shown) -> None:
    path = f"backlog/restatement?at=2026-04-30&from_known={NOTED}"
    answer, section = shown.answers[path], shown.section(path)
    lines = []
    for row in answer["rows"]:
        for measure, change in row["change"].items():
            if change.strip("-0."):
                told = f"{row['currency']} {measure} {row['before'][measure]} {row['after'][measure]}"
                causes = [
                    f"{cause['cause']} {signed(cause['change'][measure])}"
                    for cause in answer["causes"]
                    if cause["currency"] == row["currency"] and cause["change"][measure].strip("-0.")
                ]
                lines.append(f"{told} {signed(change)} {', '.join(causes)}")
    assert lines
    assert section == f"currency measure known then known now change by cause {' '.join(lines)}"
    assert f"{len(answer['lines'])} lines, each with its milestone" in " ".join(shown.text.split())


def test_closed_months_stay_as_reported_beside_what_is_known_now(shown: Shown) -> None:
    path = "billing?from=2026-01-01&to=2026-04-30&by=month&currency=EUR&basis=as_reported"
    then, now, restated = (
        {row["month"]: row for row in shown.rows(asked)}
        for asked in (f"{path}&known_position={NOTED}", path, path.replace("&basis=as_reported", ""))
    )
    lines = [
        " ".join(
            [
                month,
                *(one[month][name] for name in ("invoiced", "recognised") for one in (then, now, restated)),
            ]
        )
        for month in ("2026-01", "2026-02", "2026-03", "2026-04")
    ]
    assert shown.section(path).endswith(" ".join(lines))
    assert "the first open day was 2026-04-01" in " ".join(shown.text.split())
    for month in ("2026-01", "2026-02", "2026-03"):
        assert then[month]["invoiced"] == now[month]["invoiced"] != restated[month]["invoiced"]
    assert then["2026-04"]["invoiced"] != now["2026-04"]["invoiced"]


def test_the_bridge_is_shown_with_every_reason_and_nothing_left_over(shown: Shown) -> None:
    path = "bridge?at=2026-10-31&by=currency"
    totals, section = shown.answers[path]["totals"], shown.section(path)
    euros = next(total for total in totals if total["currency"] == "EUR")
    steps: dict[str, list[str]] = {
        step: [] for step in ("won_ordered", "ordered_invoiced", "invoiced_gross", "gross_cash")
    }
    for row in euros["rows"]:
        steps[row["step"]].append(f"{row['reason']} {row['amount']}")
    told = [
        f"{figure} {euros[figure]} {', '.join(reasons)}".strip()
        for figure, reasons in zip(FIGURES, (*steps.values(), []), strict=True)
    ]
    assert " ".join(told) in section
    assert len(euros["rows"]) > 20
    assert section.endswith("in any step: EUR 0.00, GBP 0.00, JPY 0, KWD 0.000, USD 0.00.")


def test_some_exceptions_are_shown_with_code_amount_age_and_next_step(shown: Shown) -> None:
    path = "exceptions?at=2026-10-31&entity=FI-DE&currency=EUR"
    section = shown.section(path)
    oldest: dict[str, Answer] = {}
    for row in shown.rows(path):
        oldest.setdefault(row["code"], row)
    codes = ("WON_NO_ORDER", "FULFILLED_NOT_BILLED", "PAST_DUE", "UNAPPLIED_AGED", "LATE_RENEWAL")
    told = []
    for code in codes:
        row = oldest[code]
        of = (row["object"] or row["deal"]).rsplit(":", 1)[-1]
        told.append(f"{code} {of} {row['amount_at_risk']} {row['age']} {row['suggested_action']}")
    assert section == f"code of at risk age next step {' '.join(told)}"


def test_the_latency_of_each_stage_is_shown(shown: Shown) -> None:
    path = "latency?from=2026-01-01&to=2026-10-31&entity=FI-DE"
    stages = [
        row
        for row in shown.rows(path)
        if row["stage"] != "invoice_propagation" and not row["stage"].startswith("capture.")
    ]
    told = []
    for row in stages:
        p50, p90, p99, oldest = (
            "-" if row[name] is None else age_of(row[name])
            for name in ("p50", "p90", "p99", "oldest_waiting")
        )
        told.append(f"{row['stage']} {row['count']} {p50} {p90} {p99} {row['waiting']} {oldest}")
    assert len(stages) == 6
    assert shown.section(path).endswith(" ".join(told))


def test_one_report_is_shown_under_two_policies_side_by_side(shown: Shown) -> None:
    path = "bookings?from=2026-01-01&to=2027-01-01&policy=default@1,bookings-at-win@1"
    rows = {(row["policy"], row["currency"]): row for row in shown.rows(path)}
    lines = []
    for currency in ("EUR", "GBP", "JPY", "KWD", "USD"):
        both = [rows[policy, currency] for policy in ("default@1", "bookings-at-win@1")]
        assert both[1]["booked"] == both[1]["won"]
        lines.append(
            " ".join([currency, *(one[name] for name in ("booked", "debooked", "net") for one in both)])
        )
    assert shown.section(path).endswith(" ".join(lines))
    assert rows["default@1", "EUR"]["booked"] != rows["bookings-at-win@1", "EUR"]["booked"]
