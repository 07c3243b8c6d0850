"""The demonstration: a sample company and real records go in, reports come out, as known now and before.

`scripts/demo` runs it. The first start feeds a database of its own; later ones find it fed.

Belongs here: the order of the show, and where to go on from it. Does not belong here: what goes in, what is
shown and how it looks (`scripts/touring`); anything that a command of `cairn` does.
"""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path
from typing import Any

if not __package__:  # run as a file: the packages lie one folder up
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from psycopg import Connection

from api.cli import run_to_end
from api.cli.feeding import opened
from api.cli.serving import AddressTaken, bound_to, listen
from api.settings import Settings, load
from projections.projector import Projector
from scripts.touring.feeding import HALF, ROOT, UNTIL, Noted, fill
from scripts.touring.screen import say
from scripts.touring.showing import report, show_all


def show_urls(base: str, connection: Connection[Any], noted: Noted) -> None:
    """Where to go on."""
    _, answer = report(connection, "bookings", [("at", f"{UNTIL}"), ("by", "deal"), ("limit", "1")])
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
        ("the policies", "/v1/policies"),
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
    settings.folder.mkdir(parents=True, exist_ok=True)
    with _bound(settings) as bound, opened(settings) as (intake, pool):
        with pool.connection() as connection:
            noted = fill(intake, connection, settings.folder)
            Projector(settings.tenant).catch_up(connection)
            show_all(connection, noted)
            base = f"http://{settings.host}:{bound.getsockname()[1]}"
            say(f"\nTo go on{', start it without --once' if once else ''}:")
            show_urls(base, connection, noted)
            if settings.database_url is None:
                say("\nCommands on it, in another terminal:")
                say(f"  export CAIRN_DATA={settings.folder}; .venv/bin/cairn trail")
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
