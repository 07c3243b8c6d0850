"""Write a sample company: three years of messages of Fernhill Instruments, and what goes wrong with them.

`python scripts/sample_company.py --out DIR` makes in DIR
- `arrivals.ndjson`: one stream of CloudEvents of all systems in the order in which they arrive,
- one file a system (`erp-netsuite.ndjson`, ...): the same lines, by source,
- `missing.ndjson`: messages that were never delivered, to reconcile against,
- `manifest.json`: what a ledger owes to each line (contract.md, section 2), how many lines had arrived by the
  end of each month, and what each deal tells.

One seed is one company, byte for byte. Does not belong here: how deals go; that is `scripts/sampling`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

if not __package__:  # run as a file: the packages lie one folder up
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.sampling.books import keep_master_records, keep_periods, keep_rates, link_in_error
from scripts.sampling.collecting import settle_lumps
from scripts.sampling.company import SOURCES, Company, Message, found_customers
from scripts.sampling.delivering import Delivery, deliver, serialised
from scripts.sampling.draw import Dice, add_months, later, month_starts
from scripts.sampling.living import live
from scripts.sampling.selling import Story, open_deal

NAME: Final = "Fernhill Instruments"
CUSTOMERS: Final = 120
YEARS: Final = 3


@dataclass(slots=True)
class Sample:
    """A company's three years: what its systems said, what of it arrived, and the stories behind it."""

    seed: int
    since: date
    until: date
    messages: list[Message]
    stories: list[Story]
    delivery: Delivery


def make_sample(seed: int, deals: int, until: date) -> Sample:
    """Invent a company with `deals` deals in the three years up to `until`: same arguments, same company."""
    if deals < 1:
        raise ValueError(f"{deals} deals make no company: give at least one")
    dice = Dice(seed)
    since = later(add_months(until, -12 * YEARS), 1)
    company = Company(dice, since, until)
    customers = found_customers(dice, min(CUSTOMERS, max(2, deals)))
    keep_master_records(company, customers)
    keep_rates(company)
    keep_periods(company)
    span, stories = (until - since).days, []
    for number in range(deals):
        day = later(since, number * (span - 5) // deals + dice.below(5))
        story, order = open_deal(company, dice.pick(customers), day)
        stories.append(story)
        live(company, order)
    settle_lumps(company)
    link_in_error(company, stories)
    messages = company.messages()
    return Sample(seed, since, until, messages, stories, deliver(messages, dice, until))


def manifest(sample: Sample) -> dict[str, Any]:
    """What may be expected of the sample; line numbers of `arrivals.ndjson` begin at 1."""
    arrivals, missing = sample.delivery.arrivals, sample.delivery.missing
    outcomes = Counter(arrival.outcome for arrival in arrivals)
    arrived = Counter(f"{arrival.day:%Y-%m}" for arrival in arrivals)
    months, upto = {}, 0
    for month in month_starts(sample.since, sample.until):
        upto += arrived[f"{month:%Y-%m}"]
        months[f"{month:%Y-%m}"] = upto
    faults = Counter(arrival.fault for arrival in arrivals if arrival.fault)
    names = ("recorded", "duplicate", "conflict", "quarantined")
    return {
        "company": NAME,
        "seed": sample.seed,
        "since": sample.since.isoformat(),
        "until": sample.until.isoformat(),
        "lines": len(arrivals),
        "outcomes": {name: outcomes[name] for name in names} | {"withheld": len(missing)},
        "never_repaired": sample.delivery.unrepaired,
        "faults": dict(sorted(faults.items())),
        "arrived_by_end_of": months,
        "not_recorded": {
            str(number): arrival.outcome
            for number, arrival in enumerate(arrivals, 1)
            if arrival.outcome != "recorded"
        },
        "stories": [asdict(story) for story in sample.stories],
    }


def file_name(source: str) -> str:
    """The file of a system: `/erp/netsuite/fernhill` is in `erp-netsuite.ndjson`."""
    return "-".join(source.split("/")[1:3]) + ".ndjson"


def write_sample(sample: Sample, folder: Path) -> None:
    """Write all files of a sample into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [(arrival.event["source"], arrival.line) for arrival in sample.delivery.arrivals]
    (folder / "arrivals.ndjson").write_bytes(b"".join(line for _, line in lines))
    for source in SOURCES:
        own = b"".join(line for name, line in lines if name == source)
        (folder / file_name(source)).write_bytes(own)
    (folder / "missing.ndjson").write_bytes(b"".join(map(serialised, sample.delivery.missing)))
    text = json.dumps(manifest(sample), indent=1, ensure_ascii=False) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    """Write the sample that the command line asks for, and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--deals", type=int, default=300)
    parser.add_argument("--until", type=date.fromisoformat, default=date(2026, 10, 31), help="last day")
    asked = parser.parse_args()
    sample = make_sample(asked.seed, asked.deals, asked.until)
    write_sample(sample, asked.out)
    told = manifest(sample)
    counts = ", ".join(f"{count} {name}" for name, count in told["outcomes"].items())
    print(f"{NAME}, {told['since']} to {told['until']}: {told['lines']} lines ({counts}) in {asked.out}")


if __name__ == "__main__":
    main()
