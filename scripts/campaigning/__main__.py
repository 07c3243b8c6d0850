"""A long campaign of random stories against the laws of the ledger; short in the tests.

Each trial has a seed of its own, and is told again by `--only NAME --seed N --trials 1`. Prints a line for
every slice of trials: property, trials so far, seconds; and at a finding its seed, the shortest story that
could be made of it, and what is wrong with it. Exits 1 then, and 0 where every law held.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.postgres.embedded import EmbeddedServer
from scripts.campaigning.running import PROPERTIES, campaign
from scripts.campaigning.trying import Finding, Property


@contextmanager
def database(wanted: list[Property]) -> Iterator[str]:
    """The URL of a server of the campaign's own, "" where no property needs one."""
    if not any(prop.served for prop in wanted):
        yield ""
        return
    with (
        tempfile.TemporaryDirectory(prefix="cairn-campaign-") as folder,
        EmbeddedServer(Path(folder), settings={"shared_buffers": "64MB"}) as url,
    ):
        yield url


def show(finding: Finding) -> None:
    """Print a finding so that it can be told again."""
    print(f"\n{finding.property} is broken by seed {finding.seed}: {finding.told}")
    print(f"the shortest story found, {len(finding.story)} of {finding.drawn} milestones:")
    for event in finding.story:
        print(json.dumps(event))
    print(f"again: ./scripts/campaign --only {finding.property} --seed {finding.seed} --trials 1")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=60.0, help="how long; default: 60")
    length.add_argument("--seconds", type=float, help="how long, for short runs")
    parser.add_argument("--seed", type=int, help="of the first trial of each property; default: another each")
    parser.add_argument("--only", choices=sorted(PROPERTIES), help="one property")
    parser.add_argument("--jobs", type=int, default=2, help="processes; default: 2")
    parser.add_argument("--trials", type=int, help="so many trials of each property, whatever the time")
    asked = parser.parse_args()
    if asked.jobs < 1 or (asked.trials is not None and asked.trials < 1):
        parser.error("--jobs and --trials are at least 1")
    wanted = [PROPERTIES[asked.only]] if asked.only else list(PROPERTIES.values())
    seed = random.SystemRandom().randrange(10**9) if asked.seed is None else asked.seed
    seconds = asked.minutes * 60 if asked.seconds is None else asked.seconds
    print(f"seed {seed}, {len(wanted)} properties, {asked.jobs} jobs, {seconds:,.0f} s", flush=True)
    with database(wanted) as url:
        finding = campaign(wanted, seed, seconds, asked.jobs, asked.trials, url)
    if finding is None:
        print("every law held")
        return 0
    show(finding)
    return 1


if __name__ == "__main__":
    sys.exit(main())
