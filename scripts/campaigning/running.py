"""A campaign over time and processes: slices of trials, property by property in turn.

Belongs here: which trials run when and where, a line of progress a slice. Does not belong here: one trial
(`trying`), what is tried (`folding`, `serving`), the command line (`__main__`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import cycle
from multiprocessing import get_context
from typing import Final, NamedTuple

from scripts.campaigning import folding, serving
from scripts.campaigning.trying import Finding, Property, tried

PROPERTIES: Final = {prop.name: prop for prop in (*folding.PROPERTIES, *serving.PROPERTIES)}
#: Seeds between the first of one slice of a property and of the next: more than a slice can try.
STRIDE: Final = 100_000
LONGEST_SLICE: Final = 20.0


class Slice(NamedTuple):
    """Some trials of one property, one after another."""

    property: str
    trials: int
    seconds: float
    finding: Finding | None


def sliced(name: str, seed: int, seconds: float, trials: int | None) -> Slice:
    """Try a property from a seed on, for so long or so many trials, or until a finding; at least once."""
    prop, begun, done = PROPERTIES[name], time.monotonic(), 0
    while done == 0 or (done < trials if trials is not None else time.monotonic() - begun < seconds):
        finding = tried(prop, seed + done)
        done += 1
        if finding is not None:
            return Slice(name, done, time.monotonic() - begun, finding)
    return Slice(name, done, time.monotonic() - begun, None)


def campaign(
    wanted: Sequence[Property], seed: int, seconds: float, jobs: int, trials: int | None, url: str
) -> Finding | None:
    """Run slices in turn until the time is over, or the first finding."""
    until = time.monotonic() + seconds
    length = min(LONGEST_SLICE, seconds * jobs / len(wanted))
    done: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    starts: Counter[str] = Counter()
    turns = iter(wanted) if trials is not None else cycle(wanted)
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=serving.use, initargs=(url,)
    ) as pool:
        running: set[Future[Slice]] = set()
        while True:
            while len(running) < jobs and (len(starts) < len(wanted) or time.monotonic() < until):
                prop = next(turns, None)
                if prop is None:
                    break
                first = seed + STRIDE * starts[prop.name]
                starts[prop.name] += 1
                left = max(0.0, min(length, until - time.monotonic()))
                running.add(pool.submit(sliced, prop.name, first, left, trials))
            if not running:
                return None
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for found in map(Future.result, ended):
                done[found.property] += found.trials
                spent[found.property] += round(found.seconds * 10)
                print(
                    f"{found.property:<26} {done[found.property]:>9,} trials"
                    f" {spent[found.property] / 10:>9,.1f} s",
                    flush=True,
                )
                if found.finding is not None:
                    pool.shutdown(cancel_futures=True)
                    return found.finding
