"""Drawn requests against a running server, each round with another seed, until the time is over."""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from scripts.cataloguing.examples import EXAMPLES
from scripts.fuzzing.conforming import MODES, conforms, operations

#: Begins a process each time.
DEAR = {"POST /v1/rebuilds": 1, "GET /v1/generations/{id}/preview": 4, "GET /v1/audit/bundle": 2}
BATCH = "application/cloudevents-batch+json"


@contextmanager
def ledger(token: str) -> Iterator[str]:
    """A ledger of our own with one milestone of each type, which lets in who has the token: its address."""
    with tempfile.TemporaryDirectory(prefix="cairn-fuzz-") as folder:
        env = {name: value for name, value in os.environ.items() if not name.startswith("CAIRN_")}
        env.pop("DATABASE_URL", None)
        words = [sys.executable, "-m", "api.cli", "serve", "--port", "0", "--data", str(Path(folder) / "db")]
        with subprocess.Popen(
            words, env=env | {"CAIRN_LOG": "error", "CAIRN_TOKEN": token}, stdout=subprocess.PIPE, text=True
        ) as served:
            assert served.stdout is not None, "it was asked for"
            try:
                url = next(word for word in served.stdout.readline().split() if word.startswith("http"))
                events = [event for example in EXAMPLES.values() for event in (*example.given, example.then)]
                headers = {"Content-Type": BATCH, "Authorization": f"Bearer {token}"}
                requests.post(
                    f"{url}/v1/events", json.dumps(events), headers=headers, timeout=60
                ).raise_for_status()
                yield url
            finally:
                served.terminate()
                served.wait(60)


def tried(url: str, token: str | None, asked: argparse.Namespace) -> int:
    """Try until the time is over: the exit code."""
    seed = random.SystemRandom().randrange(10**9) if asked.seed is None else asked.seed
    end = time.monotonic() + asked.minutes * 60
    rounds = 0
    with requests.Session() as session:
        if token:
            session.headers["Authorization"] = f"Bearer {token}"
        found = operations(url)
        wanted = [one for one in found if asked.only in (None, one)]
        if not wanted:
            print(f"no operation {asked.only}; there are: {', '.join(found)}", file=sys.stderr)
            return 2
        while time.monotonic() < end or not rounds:
            for label in wanted:
                examples = DEAR.get(label, asked.examples)
                for mode in MODES:
                    print(
                        f"\rround {rounds + 1}, seed {seed + rounds}: {mode.value} {label:60.60}",
                        end="",
                        flush=True,
                    )
                    try:
                        conforms(found[label], mode, session, {}, examples=examples, number=seed + rounds)
                    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                        again = f"./scripts/fuzz --minutes 0 --seed {seed + rounds} --only '{label}'"
                        print(f"\n{label} ({mode.value}): {error}\nagain: {again}")
                        return 1
            rounds += 1
    print(f"\n{rounds} rounds of {len(wanted)} operations: no fault")
    return 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long; default: 60")
    parser.add_argument("--seed", type=int, help="of the first round; default: another each time")
    parser.add_argument("--only", metavar="OPERATION", help="one operation, as 'GET /v1/status'")
    parser.add_argument(
        "--examples", type=int, default=50, help="requests of a kind to each operation a round"
    )
    parser.add_argument("--url", help="of a ledger that may be broken; default: one of its own")
    asked = parser.parse_args()
    if asked.url:
        return tried(asked.url.rstrip("/"), os.environ.get("CAIRN_TOKEN"), asked)
    token = secrets.token_hex(24)
    with ledger(token) as url:
        return tried(url, token, asked)


if __name__ == "__main__":
    sys.exit(main())
