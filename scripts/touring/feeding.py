"""What goes into the demonstration: the sample company in two parts, records of real systems, and a policy.

Recorded time is when something was recorded, and nobody can pretend otherwise: so half a year of knowledge
is shown by the position noted between the two parts. Does not belong here: what the company says
(`scripts/sampling`).
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from psycopg import Connection

from adapters.importing import Summary
from adapters.intake import Intake
from adapters.postgres.reading import commit_at, head
from adapters.sources import SOURCES
from api import reading
from api.cli.feeding import feed, progress_bar
from scripts.sample_company import NAME, make_sample, manifest, write_sample
from scripts.sampling.company import LEDGER, key
from scripts.sampling.delivering import serialised
from scripts.touring.screen import listed, most, say, show, table, tell

ROOT: Final = Path(__file__).resolve().parents[2]
SHARED: Final = ROOT.parent / "shared" / "data"
SEED: Final = 1
DEALS: Final = 300
UNTIL: Final = date(2026, 10, 31)
#: The last day of the first part of the feed: half a year before the end.
HALF: Final = date(2026, 4, 30)
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
#: By what is booked from the next year on: name with version, and first day.
POLICY: Final = "bookings-at-win@1"
POLICY_FROM: Final = date(UNTIL.year + 1, 1, 1)


class Noted(NamedTuple):
    """Where the ledger stood between the two parts, and that the second is in as well."""

    position: int
    recorded_at: str
    is_whole: bool


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
        _activate_policy(intake)
        say(f"The database in {folder} is fed already: {head(connection):,} milestones.")
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
    _show_fed({f"arrived by {HALF}": before, f"after it, until {UNTIL}": after})
    say(f"{withheld} more messages were lost on the way; nobody has told the ledger of them.\n")
    _feed_real(intake)
    _activate_policy(intake)
    noted = noted._replace(is_whole=True)
    _keep(folder, noted)
    return noted


def _activate_policy(intake: Intake) -> None:
    """What the controller has decided for the next year. Sent again, it is a duplicate."""
    name, _, version = POLICY.partition("@")
    event = {
        "specversion": "1.0",
        "id": f"policy-{POLICY}",
        "source": LEDGER,
        "type": "policy.activated.v1",
        "subject": f"policy/{POLICY}",
        "time": f"{UNTIL}T16:00:00Z",
        "actor": "controller",
        "data": {
            "keys": [key(LEDGER, "policy", POLICY)],
            "policy": name,
            "version": version,
            "from": f"{POLICY_FROM}",
            "settings": {"booking_trigger": "won"},
        },
    }
    with tempfile.TemporaryDirectory(prefix="cairn-demo-") as folder, progress_bar(quiet=True) as progress:
        path = Path(folder) / "policy.ndjson"
        path.write_bytes(serialised(event))
        feed(intake, path, SOURCES["cloudevents"], "", progress)


def _stand(connection: Connection[Any]) -> Noted:
    commit = commit_at(connection, datetime.max.replace(tzinfo=UTC))
    assert commit is not None, "something has been recorded"
    return Noted(commit.last, reading.text_of(commit.recorded_at), is_whole=False)


def _feed_real(intake: Intake) -> None:
    if not SHARED.is_dir():
        tell(f"(There are no samples of real systems at {SHARED}; they would come in as a second company.)")
        return
    say("Records of real systems, as a second company:")
    fed: dict[str, Summary] = {}
    for name, place in REAL:
        path = SHARED / place
        if path.exists():
            with progress_bar(quiet=True) as progress:
                fed[place] = feed(intake, path, SOURCES[name], INSTANCE, progress)
    _show_fed(fed)


def _show_fed(fed: dict[str, Summary]) -> None:
    """Every record is in one of the columns after the first; then why records made no milestone."""
    names = ["records", "recorded", "duplicate", "conflict", "ignored", "quarantined", "positions"]
    rows = [
        [
            place,
            *(
                f"{count:,}"
                for count in (
                    one.records, one.recorded, one.duplicate, one.conflict, one.ignored.total(),
                    one.quarantined.total(),
                )
            ),
            "-" if one.last is None else f"{one.first:,} to {one.last:,}",
        ]
        for place, one in fed.items()
    ]  # fmt: skip
    show(table(["", *names], rows, texts=[""]))
    for why, counts in (
        ("ignored", [one.ignored for one in fed.values()]),
        ("quarantined", [one.quarantined for one in fed.values()]),
    ):
        if counted := sum(counts, Counter[str]()):
            say(listed(most(counted, "reasons"), head=f"{why}: "))
