"""The demonstration: a sample company and real records go in, reports come out, as known now and before.

`scripts/demo` runs it. The first start feeds a database of its own; later ones find it fed. Recorded time is
when something was recorded, and nobody can pretend otherwise: so half a year of knowledge is shown by the
position noted between the two parts of the feed.

Belongs here: the order of the show. Does not belong here: anything that a command of `cairn` does.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

if not __package__:  # run as a file: the packages lie one folder up
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from psycopg import Connection
from rich.table import Table

from adapters.intake import Intake
from adapters.postgres.reading import commit_at, head
from adapters.sources import SOURCES
from api import reading, reporting
from api.cli import run_to_end
from api.cli.asking import table_of
from api.cli.feeding import feed, opened, progress_bar, show_summary
from api.cli.serving import AddressTaken, bound_to, listen
from api.cli.tables import show
from api.parameters import question
from api.settings import Settings, load
from domain.money import exponent, format_scaled, parse_minor
from projections import laws
from projections.measures import VIEWS
from projections.projector import Projector
from scripts.sample_company import NAME, make_sample, manifest, write_sample

ROOT: Final = Path(__file__).resolve().parent.parent
SHARED: Final = ROOT.parent / "shared" / "data"
SEED: Final = 1
DEALS: Final = 300
UNTIL: Final = date(2026, 10, 31)
#: The last day of the first part of the feed: half a year before the end.
HALF: Final = date(2026, 4, 30)
SHOWN: Final = ("pipeline", "bookings", "backlog", "billing", "collections")
#: Source module and place below the shared samples, one firm's systems.
REAL: Final = (
    ("quickbooks", "quickbooks"),
    ("chargebee", "chargebee"),
    ("stripe", "stripe/webhooks"),
    ("stripe", "stripe/objects"),
    ("stripe", "stripe/fixtures3.json"),
    ("salesforce", "salesforce"),
)
INSTANCE: Final = "sample"


class Noted(NamedTuple):
    """Where the ledger stood between the two parts, and that the second is in as well."""

    position: int
    recorded_at: str
    is_whole: bool


def say(text: str = "") -> None:
    """A paragraph."""
    print(text, flush=True)


def _note_of(folder: Path) -> Noted | None:
    try:
        return Noted(**json.loads((folder / "demo.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def _keep(folder: Path, noted: Noted) -> None:
    unfinished = folder / "demo.json.new"
    unfinished.write_text(json.dumps(noted._asdict()) + "\n", encoding="utf-8")
    unfinished.replace(folder / "demo.json")


@contextmanager
def _sample() -> Iterator[tuple[Path, Path, dict[str, Any]]]:
    """The sample company in two files, and what is told about it."""
    sample = make_sample(SEED, DEALS, UNTIL)
    told = manifest(sample)
    first = told["arrived_by_end_of"][f"{HALF:%Y-%m}"]
    with tempfile.TemporaryDirectory(prefix="cairn-demo-") as name:
        folder = Path(name)
        write_sample(sample, folder)
        parts = folder / f"{NAME} to {HALF}.ndjson", folder / f"{NAME} to {UNTIL}.ndjson"
        with (folder / "arrivals.ndjson").open("rb") as lines:
            parts[0].write_bytes(b"".join(islice(lines, first)))
            parts[1].write_bytes(b"".join(lines))
        yield *parts, told


def fill(intake: Intake, connection: Connection[Any], folder: Path) -> Noted:
    """Feed everything, unless it is fed; where a start was broken off, go on."""
    noted = _note_of(folder)
    if noted is not None and noted.is_whole:
        say(f"The database in {folder} is fed already: {head(connection):,} milestones.\n")
        return noted
    with _sample() as (first, second, told), progress_bar(quiet=False) as progress:
        say(f"{NAME}, an invented company: {DEALS} deals over three years, told by ten systems.")
        canonical = SOURCES["cloudevents"]
        before = feed(intake, first, canonical, "", progress)
        if noted is None:
            noted = _stand(connection)
            _keep(folder, noted)
        after = feed(intake, second, canonical, "", progress)
        withheld = told["outcomes"]["withheld"]
    show_summary(before, f"What had arrived by {HALF}: ")
    show_summary(after, f"\nWhat arrived after it, until {UNTIL}: ")
    say(f"{withheld} more messages were lost on the way; nobody has told the ledger of them.\n")
    _feed_real(intake)
    noted = noted._replace(is_whole=True)
    _keep(folder, noted)
    return noted


def _stand(connection: Connection[Any]) -> Noted:
    commit = commit_at(connection, datetime.max.replace(tzinfo=UTC))
    assert commit is not None, "something has been recorded"
    return Noted(commit.last, reading.text_of(commit.recorded_at), is_whole=False)


def _feed_real(intake: Intake) -> None:
    if not SHARED.is_dir():
        say(f"(There are no samples of real systems at {SHARED}; they would come in as a second company.)\n")
        return
    say("Records of real systems, as a second company:")
    for name, place in REAL:
        path = SHARED / place
        if path.exists():
            with progress_bar(quiet=True) as progress:
                show_summary(feed(intake, path, SOURCES[name], INSTANCE, progress), f"\n{place}: ")
    say()


def _answer(connection: Connection[Any], view: str, **asked: object) -> tuple[Any, dict[str, Any]]:
    asking = question(view, [(name, str(value)) for name, value in asked.items()], UNTIL)
    return asking, reporting.report(connection, asking)


def show_views(connection: Connection[Any], noted: Noted) -> None:
    """The views now, and one of them as it was known half a year before."""
    for view in SHOWN:
        span = {"from": date(UNTIL.year, 1, 1), "to": UNTIL} if view == "bookings" else {"at": UNTIL}
        show(table_of(*_answer(connection, view, **span)))
        say()
    say(
        f"The ledger stood at position {noted.position:,} when it had been told what arrived by {HALF}.\n"
        "All of it was recorded today, since a ledger can't claim to have known earlier: so the question\n"
        f"is asked with known_position={noted.position}. Asked today, and as known then:\n"
    )
    asking, then = _answer(connection, "backlog", at=HALF, known_position=noted.position)
    _, now = _answer(connection, "backlog", at=HALF)
    show(table_of(asking, then))
    say()
    show(table_of(asking, now))
    say()
    show(_difference(then, now))
    say()
    live = reading.generation(connection, None)
    breaches = laws.check(connection, live.id, UNTIL, live.position)
    say(
        f"The laws of the books {'hold' if not breaches else 'are BROKEN'} over {live.position:,} milestones"
        f"{'' if not breaches else f': {breaches}'}."
    )


def _difference(then: dict[str, Any], now: dict[str, Any]) -> Table:
    measures = VIEWS["backlog"].measures
    table = Table(title="what has become known since", title_justify="left", box=None, padding=(0, 1))
    table.add_column("currency")
    for name in measures:
        table.add_column(name, justify="right", no_wrap=True)
    before = {row["currency"]: row for row in then["rows"]}
    for row in now["rows"]:
        currency = row["currency"]
        old = before.get(currency, dict.fromkeys(measures, "0"))
        deltas = [parse_minor(row[name], currency) - parse_minor(old[name], currency) for name in measures]
        table.add_row(currency, *(_signed(delta, currency) for delta in deltas))
    return table


def _signed(delta: int, currency: str) -> str:
    return ("+" if delta > 0 else "") + format_scaled(delta, exponent(currency))


def show_urls(base: str, connection: Connection[Any], noted: Noted) -> None:
    """Where to go on."""
    _, answer = _answer(connection, "bookings", at=UNTIL, by="deal", limit=1)
    row = answer["rows"][0]
    for said, path in (
        ("the console", "/"),
        ("bookings by month", "/v1/reports/bookings?from=2026-01-01&to=2026-10-31&by=month"),
        ("as known then", f"/v1/reports/backlog?at={HALF}&by=customer&known_position={noted.position}"),
        ("behind one row", row["explain"]),
        ("a deal", f"/v1/deals/{row['deal']}"),
        ("its timeline", f"/v1/deals/{row['deal']}/timeline"),
        ("a milestone with its source", "/v1/milestones/1"),
        ("what did not get in", "/v1/quarantine"),
        ("the laws", f"/v1/laws?at={UNTIL}"),
        ("the interface", "/openapi.json"),
    ):
        say(f"  {said:<28} {base}{path}")
    say()


def _bound(settings: Settings) -> socket.socket:
    """The port that was asked for, or any where that is taken: the show goes on."""
    try:
        return bound_to(settings.host, settings.port)
    except AddressTaken:
        return bound_to(settings.host, 0)


def tour(*, once: bool) -> None:
    """The whole show; then serve until Ctrl-C, unless `once`."""
    settings = load(log="warning")
    if "folder" not in settings.model_fields_set:
        settings = load(log="warning", folder=ROOT / ".cairn" / "demo")
    settings.check_access()
    settings.folder.mkdir(parents=True, exist_ok=True)
    with _bound(settings) as bound, opened(settings) as (intake, pool):
        with pool.connection() as connection:
            noted = fill(intake, connection, settings.folder)
            Projector(settings.tenant).catch_up(connection)
            show_views(connection, noted)
            base = f"http://{settings.host}:{bound.getsockname()[1]}"
            say(f"\nTo go on{', start it without --once' if once else ''}:")
            show_urls(base, connection, noted)
        if not once:
            listen(settings, bound, projects=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="print everything and end, without serving")
    asked = parser.parse_args()
    run_to_end(lambda: tour(once=asked.once))


if __name__ == "__main__":
    main()
