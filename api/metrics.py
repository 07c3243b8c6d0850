"""What Prometheus is told. Labels come from closed sets, so that nobody outside can make them grow.

Belongs here: the instruments of one process, and their rendering. Does not belong here: who calls them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest

from adapters.intake import Group
from domain.arrivals import Outcome, Prepared

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
#: Sources that get a label of their own; whatever comes after them counts as "other".
MAX_SOURCES: Final = 100
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The instruments of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter(
            "cairn_events_total",
            "Events answered, by outcome and source.",
            ("outcome", "source"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "cairn_request_seconds",
            "Seconds from a request's headers to the end of its answer.",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._commits = Histogram(
            "cairn_commit_events",
            "Events that were answered by one commit of the log.",
            buckets=_SIZES,
            registry=self.registry,
        )
        self._writes = Histogram(
            "cairn_commit_seconds",
            "Seconds from a group's closing until all of it was durable.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._up = self._gauge("cairn_database_up", "Whether the database could be asked.")
        self._position = self._gauge("cairn_log_position", "Last position of the log.")
        self._projected = self._gauge("cairn_projected_position", "Last position that reports have taken in.")
        self._lag = self._gauge(
            "cairn_projection_lag_seconds", "Age of the oldest milestone not yet in reports."
        )
        self._tree = self._gauge("cairn_tree_size", "Milestones that the transparency log holds.")
        self._signed = self._gauge(
            "cairn_checkpoint_size", "Milestones that the last checkpoint covers; NaN before the first."
        )
        self._tampering = self._gauge(
            "cairn_tampering", "1 where the ledger is not what was hashed, signed or published, otherwise 0."
        )
        self._waiting = Gauge(
            "cairn_held", "Messages kept aside, by kind.", ("kind",), registry=self.registry
        )
        self._breaches = self._gauge(
            "cairn_law_breaches", "Breaches of the laws of the books that the last self-check found."
        )
        self._checked = self._gauge(
            "cairn_self_check_age_seconds",
            "Age of the last self-check of the books; NaN before the first.",
        )
        self._round = self._gauge(
            "cairn_check_round",
            "Part of the journal that this round of the self-check has compared; NaN before the first.",
        )
        self._received = Counter(
            "cairn_feed_records_total",
            "Records that configured feeds have brought, by feed and outcome.",
            ("feed", "outcome"),
            registry=self.registry,
        )
        self._rejected = Counter(
            "cairn_feed_rejections_total",
            "Messages to configured feeds that were turned away, by feed and reason.",
            ("feed", "reason"),
            registry=self.registry,
        )
        self._sources: dict[str, str] = {}
        self._children: dict[tuple[str, str], Counter] = {}
        self._timers: dict[tuple[str, str, int], Histogram] = {}

    def _gauge(self, name: str, says: str) -> Gauge:
        return Gauge(name, says, registry=self.registry)

    def answered(self, items: Iterable[Prepared], outcomes: Iterable[Outcome]) -> None:
        """Count the outcomes of a request."""
        for item, outcome in zip(items, outcomes, strict=True):
            self._counter(outcome.outcome, item.source or "unknown").inc()

    def committed(self, group: Group) -> None:
        """Count one commit of the log. Called in the writer's thread."""
        self._commits.observe(group.items)
        self._writes.observe(group.seconds)

    def received(self, feed: str, counts: Mapping[tuple[str, str], int]) -> None:
        """Count records of a configured feed by (outcome, reason)."""
        for (outcome, _), number in counts.items():
            self._received.labels(feed, outcome).inc(number)

    def rejected(self, feed: str, reason: str) -> None:
        """Count a message to a configured feed that was turned away."""
        self._rejected.labels(feed, reason).inc()

    def _counter(self, outcome: str, source: str) -> Counter:
        known = self._sources.get(source)
        if known is None:
            known = source if len(self._sources) < MAX_SOURCES and len(source) <= 200 else "other"
            if known != "other":
                self._sources[source] = known
        found = self._children.get((outcome, known))
        if found is None:
            found = self._children[outcome, known] = self._events.labels(outcome, known)
        return found

    def served(self, method: str, route: str, status: int, seconds: float) -> None:
        """Time one request."""
        timer = self._timers.get((method, route, status))
        if timer is None:
            timer = self._seconds.labels(method, route, str(status))
            self._timers[method, route, status] = timer
        timer.observe(seconds)

    def stands(self, status: Mapping[str, Any] | None) -> None:
        """Note where log and reports stand (api/health.py); None while the database can't be asked."""
        self._up.set(0 if status is None else 1)
        if status is not None:
            self._position.set(status["log"]["position"])
            self._projected.set(status["projection"]["position"])
            self._lag.set(status["projection"]["lag_seconds"])
            tree = status["transparency"]
            self._tree.set(tree["size"])
            self._signed.set(math.nan if tree["checkpoint"] is None else tree["checkpoint"]["size"])
            self._tampering.set(0 if tree["ok"] else 1)
            check = status["self_check"]
            self._breaches.set(len(check["breaches"]))
            self._checked.set(check["age_seconds"] if check["checked_at"] is not None else math.nan)
            self._round.set(check["round"]["part"] if check["round"] is not None else math.nan)
            self._waiting.labels("quarantine").set(status["quarantine"]["open"])
            self._waiting.labels("conflict").set(status["conflicts"])

    def render(self) -> bytes:
        """Everything, in the text format."""
        return generate_latest(self.registry)
