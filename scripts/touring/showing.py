"""What the demonstration shows of a fed ledger, one topic after the other, each with where to ask for it.

Belongs here: which questions are asked, and what of the answers stands on the screen. The answers are those
of HTTP and the command line, by the same functions. Does not belong here: working anything out.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlencode

from psycopg import Connection

from api import bridging, excepting, latencies, reading, reporting, restating
from api.parameters import Question, question
from domain.money import format_minor, parse_minor
from projections import latency, laws, periods
from projections.bridge import FIGURES, STEPS
from projections.questions import ReportRefused
from scripts.touring.feeding import HALF, POLICY, POLICY_FROM, UNTIL, Noted
from scripts.touring.screen import beside, listed, most, say, show, show_report, table, tell

_VIEWS: Final = ("pipeline", "bookings", "backlog", "billing", "collections")
#: In which currency and of which of the company's entities something is shown where all would be too much.
_CURRENCY: Final = "EUR"
_ENTITY: Final = "FI-DE"
#: Exceptions along the way of a deal, from won to renewed.
_CODES: Final = ("WON_NO_ORDER", "FULFILLED_NOT_BILLED", "PAST_DUE", "UNAPPLIED_AGED", "LATE_RENEWAL")
#: Stages that end with a milestone; the others end when it is recorded.
_STAGES: Final = tuple(stage for stage in latency.STAGES if stage != "invoice_propagation")
_YEAR: Final = date(UNTIL.year, 1, 1)

Sent = list[tuple[str, str]]


def report(connection: Connection[Any], view: str, sent: Sent) -> tuple[Question, dict[str, Any]]:
    """A report and what was asked."""
    asked = question(view, sent, UNTIL)
    return asked, reporting.report(connection, asked)


def _topic(said: str, view: str, sent: Sent) -> None:
    """What a topic is about, and where its answer can be had."""
    say()
    tell(said)
    say(f"  GET /v1/reports/{view}?{urlencode(sent, safe='@:,')}")


def show_all(connection: Connection[Any], noted: Noted) -> None:
    """All topics in their order."""
    show_views(connection)
    show_restatement(connection, noted)
    show_closing(connection, noted)
    show_bridge(connection)
    show_exceptions(connection)
    show_latency(connection)
    show_policies(connection)
    show_laws(connection)


def show_views(connection: Connection[Any]) -> None:
    """The views as they stand."""
    for view in _VIEWS:
        span = [("from", f"{_YEAR}"), ("to", f"{UNTIL}")] if view == "bookings" else [("at", f"{UNTIL}")]
        say()
        show_report(*report(connection, view, span))


def show_restatement(connection: Connection[Any], noted: Noted) -> None:
    """One of the views at the same date as known at two moments, and what causes lie between them."""
    sent = [("at", f"{HALF}"), ("from_known", f"{noted.position}")]
    answer = restating.restatement(connection, restating.asked("backlog", sent, UNTIL))
    _topic(
        f"The backlog at {HALF}, and what has become known of it since. All of this was recorded today, and"
        f" a ledger can't claim to have known it earlier: what had arrived by {HALF} is asked for as known"
        f" at position {noted.position:,}. {len(answer['lines'])} lines, each with its milestone, add up to"
        " the change.",
        "backlog/restatement",
        sent,
    )
    rows = [
        [
            row["currency"],
            measure,
            row["before"][measure],
            row["after"][measure],
            _signed(change),
            ", ".join(
                f"{cause['cause']} {_signed(cause['change'][measure])}"
                for cause in answer["causes"]
                if cause["currency"] == row["currency"] and _is_some(cause["change"].get(measure, "0"))
            ),
        ]
        for row in answer["rows"]
        for measure, change in row["change"].items()
        if _is_some(change)
    ]
    names = ["currency", "measure", "known then", "known now", "change", "by cause"]
    show(table(names, rows, texts=["currency", "measure", "by cause"]))


def _is_some(amount: str) -> bool:
    return amount.strip("-0.") != ""


def _signed(amount: str) -> str:
    return amount if amount.startswith("-") else f"+{amount}"


def show_closing(connection: Connection[Any], noted: Noted) -> None:
    """Closed months as they were reported, which no late fact changes, beside what is known of them now."""
    live = reading.generation(connection, None)
    open_on = periods.first_open(connection, live.id, noted.position).at(noted.position + 1)
    restated = [("from", f"{_YEAR}"), ("to", f"{HALF}"), ("by", "month"), ("currency", _CURRENCY)]
    as_reported = [*restated, ("basis", "as_reported")]
    then = [*as_reported, ("known_position", f"{noted.position}")]
    _topic(
        f"Closed months. After position {noted.position:,} the first open day was {open_on}: what was"
        " reported of the months before it stays. What came late counts in the first open month, or restated"
        " where it belongs.",
        "billing",
        as_reported,
    )
    answers = {
        f"as reported,\nknown at {noted.position:,}": then,
        "as reported,\nknown now": as_reported,
        "restated\n": restated,
    }
    rows = {heading: report(connection, "billing", sent)[1]["rows"] for heading, sent in answers.items()}
    show(beside("month", ("invoiced", "recognised"), rows))


def show_bridge(connection: Connection[Any]) -> None:
    """From won to cash: what is taken away on the way, why, and that nothing is left over."""
    sent = [("at", f"{UNTIL}"), ("by", "currency")]
    answer = bridging.answer(connection, bridging.asked(sent, UNTIL))
    _topic(
        f"The bridge at {UNTIL}: from what the CRM calls won to what was paid, every difference with its"
        f" reason (docs/bridge.md). In {_CURRENCY}:",
        "bridge",
        sent,
    )
    shown = next(total for total in answer["totals"] if total["currency"] == _CURRENCY)
    rows = [
        [
            figure,
            shown[figure],
            listed((f"{row['reason']} {row['amount']}" for row in shown["rows"] if row["step"] == step), 75),
        ]
        for figure, step in zip(FIGURES, (*STEPS, ""), strict=True)
    ]
    reasons = "less, on the way to the next line"
    show(table(["", "amount", reasons], rows, texts=["", reasons]))
    rest = ", ".join(f"{total['currency']} {_left_over(total)}" for total in answer["totals"])
    say(f"Left over by these reasons in any step: {rest}.")


def _left_over(total: dict[str, Any]) -> str:
    """The largest amount, by magnitude, that the rows of one step do not account for."""
    currency = total["currency"]
    figures = [parse_minor(total[figure], currency) for figure in FIGURES]
    rests = [
        before
        - after
        - sum(parse_minor(row["amount"], currency) for row in total["rows"] if row["step"] == step)
        for step, (before, after) in zip(STEPS, pairwise(figures), strict=True)
    ]
    return format_minor(max(rests, key=abs), currency)


def show_exceptions(connection: Connection[Any]) -> None:
    """How many there are of each code, and the oldest of some."""
    counts = _exceptions(connection, [("at", f"{UNTIL}"), ("limit", "1")])["counts"]
    sent = [("at", f"{UNTIL}"), ("entity", _ENTITY), ("currency", _CURRENCY)]
    _topic(
        f"Exceptions at {UNTIL}: {sum(counts.values()):,} for somebody to do something about"
        f" (docs/exceptions.md): {', '.join(most(counts, 'codes', 4))}. The oldest of some, of"
        f" {_ENTITY} in {_CURRENCY}; `cairn exceptions ack|assign|resolve` says what is done about one:",
        "exceptions",
        sent,
    )
    oldest: dict[str, dict[str, Any]] = {}
    for row in _exceptions(connection, sent)["rows"]:
        oldest.setdefault(row["code"], row)
    rows = [
        [
            code,
            _native(row["object"] or row["deal"]),
            row["amount_at_risk"],
            row["age"],
            row["suggested_action"],
        ]
        for code, row in ((code, oldest[code]) for code in _CODES if code in oldest)
    ]
    show(table(["code", "of", "at risk", "age", "next step"], rows, texts=["code", "of", "next step"]))


def _exceptions(connection: Connection[Any], sent: Sent) -> dict[str, Any]:
    return excepting.listing(connection, excepting.asked(sent, UNTIL))


def _native(key: str) -> str:
    """What its system calls the object of a key."""
    return key.rsplit(":", 1)[-1]


def show_latency(connection: Connection[Any]) -> None:
    """How long the stages of the workflow take."""
    sent = [("from", f"{_YEAR}"), ("to", f"{UNTIL}"), ("entity", _ENTITY)]
    answer = latencies.answer(connection, latencies.asked(sent, UNTIL))
    _topic(
        f"Latency of {_ENTITY} in {UNTIL.year} (docs/latency.md). Stages that end when the ledger is told are"
        " left out here: it was told everything today.",
        "latency",
        sent,
    )
    rows = [
        [
            row["stage"],
            f"{row['count']:,}",
            *(_age(row[name]) for name in ("p50", "p90", "p99")),
            f"{row['waiting']:,}",
            _age(row["oldest_waiting"]),
        ]
        for row in answer["rows"]
        if row["stage"] in _STAGES
    ]
    names = ["stage", "count", "p50", "p90", "p99", "waiting", "oldest waiting"]
    show(table(names, rows, texts=["stage"]))


def _age(seconds: int | None) -> str | None:
    return None if seconds is None else excepting.age_of(seconds)


def show_policies(connection: Connection[Any]) -> None:
    """One report under two policies."""
    stamps = ("default@1", POLICY)
    sent = [("from", f"{_YEAR}"), ("to", f"{POLICY_FROM}"), ("policy", ",".join(stamps))]
    _topic(
        f"Under two policies: from {POLICY_FROM} on a win is to count as booked, and not its order ({POLICY},"
        f" activated by the controller). The bookings of {UNTIL.year} under both, asked to the first day on"
        " which it holds. Until a rebuild adopts it no other report counts by it.",
        "bookings",
        sent,
    )
    try:
        found = report(connection, "bookings", sent)[1]["rows"]
    except ReportRefused as error:  # voided meanwhile
        tell(f"({error})")
        return
    rows = {stamp: [row for row in found if row["policy"] == stamp] for stamp in stamps}
    show(beside("currency", ("booked", "debooked", "net"), rows))


def show_laws(connection: Connection[Any]) -> None:
    """Whether the books add up."""
    live = reading.generation(connection, None)
    breaches = laws.check(connection, live.id, UNTIL, live.position)
    say()
    say(
        f"The laws of the books {'hold' if not breaches else 'are BROKEN'} over {live.position:,} milestones"
        f"{'' if not breaches else f': {breaches}'}."
    )
