"""The company of docs/reports.md: small enough to be added up by hand, with something in every measure.

Belongs here: its milestones, and the days that the page asks for. Does not belong here: what the page says of
them (tests/projections/test_reports_page).
"""

from __future__ import annotations

from tests.projections import events as e
from tests.projections.events import Event

FIRST, LAST = "2026-01-01", "2026-06-30"


def _of(customer: str) -> dict[str, str]:
    return {"customer": customer}


def _prospects() -> list[Event]:
    """O-2 is open, O-3 is lost, O-4 is won and waits for its order, O-9 is won and open again."""
    return [
        e.opened("2026-01-20", e.line("SUB", "4000.00"), number="O-2", probability="0.25"),
        e.opened("2026-01-25", e.line("SUB", "700.00"), number="O-3", probability="0.4"),
        e.lost("2026-02-20", number="O-3"),
        e.won("2026-03-20", e.line("SVC", "2500.00"), number="O-4"),
        e.opened("2026-03-25", e.line("SVC", "600.00"), number="O-9", probability="0.5"),
        e.won("2026-04-01", e.line("SVC", "600.00"), number="O-9", probability="0.5"),
        e.reopened("2026-04-15", number="O-9"),
    ]


def _ames() -> list[Event]:
    """O-1: two years of SUB at 10.00 a day, and two days of set-up, of which one is delivered."""
    sub = e.line("SUB", "7310.00", "2026-03-01", "2028-02-29")
    set_up = e.line("SET-UP", "1000.00", number="2", quantity="2", recognition="on_fulfilment")
    return [
        e.opened("2026-01-10", sub, set_up, number="O-1", dimensions=_of("Ames")),
        e.won("2026-02-01", sub, set_up, number="O-1", dimensions=_of("Ames")),
        e.accepted("2026-02-15", sub, set_up),
        e.delivered("2026-03-15", "F-1", ("SO-1/2", "1")),
        e.invoiced(
            "2026-03-01", "I-1", e.line("SUB", "1825.00", of="SO-1/1", tax="365.00"), due="2026-03-31"
        ),
        e.invoiced(
            "2026-03-20", "I-2", e.line("SET-UP", "500.00", of="SO-1/2", tax="100.00"), due="2026-04-20"
        ),
        e.invoiced(
            "2026-06-20", "I-5", e.line("SUB", "1000.00", of="SO-1/1", tax="200.00"), due="2026-07-20"
        ),
        e.received("2026-04-10", "P-1", "2000.00", deal="O-1"),
        e.applied("2026-04-10", "P-1", "I-1", "1500.00"),
        e.written_off("2026-06-15", "I-2", "100.00"),
    ]


def _bell() -> list[Event]:
    """O-5: a year of SUB at 20.00 a day; less from April, more from May; usage; a concession."""
    sub = e.line("SUB", "7300.00", "2025-10-01", "2026-09-30")
    less = e.line("SUB", "-366.00", "2026-04-01", "2026-09-30", number="2")
    more = e.line("PLUS", "765.00", "2026-05-01", "2026-09-30", number="3")
    return [
        e.won("2025-09-20", sub, number="O-5", dimensions=_of("Bell")),
        e.accepted("2025-10-01", sub, order="SO-5", deal="O-5"),
        e.invoiced("2025-10-01", "I-0", e.line("SUB", "3650.00", of="SO-5/1"), deal="O-5"),
        e.received("2025-10-20", "P-0", "3650.00", deal="O-5"),
        e.applied("2025-10-20", "P-0", "I-0", "3650.00", deal="O-5"),
        e.amended("2026-04-01", less, order="SO-5", deal="O-5", kind="downsell"),
        e.amended("2026-05-01", more, amendment="A-2", order="SO-5", deal="O-5"),
        e.invoiced(
            "2026-05-01", "I-3", e.line("PLUS", "765.00", of="SO-5/3", tax="153.00"),
            due="2026-05-20", deal="O-5",
        ),
        e.rated("2026-05-31", "U-1", e.line("CALLS", "240.00", kind="usage"), deal="O-5"),
        e.invoiced(
            "2026-06-01", "I-4", e.line("CALLS", "240.00", tax="48.00", kind="usage"),
            due="2026-06-15", deal="O-5",
        ),
        e.credited(
            "2026-06-10", "CM-1", "concession", e.line("PLUS", "50.00", of="SO-5/3", tax="10.00"),
            to=(("I-3", "20.00"),), deal="O-5",
        ),
        e.disputed("2026-06-20", "I-4", "88.00", deal="O-5"),
    ]  # fmt: skip


def _cole() -> list[Event]:
    """O-6 ends on the last day; O-7 is cancelled; O-10 starts on the day after."""
    sub = e.line("SUB", "1825.00", "2025-07-01", "2026-06-30")
    box = e.line("BOX", "800.00", quantity="1", recognition="on_fulfilment")
    later = e.line("SUB", "1840.00", "2026-07-01", "2026-12-31")
    return [
        e.won("2025-06-20", sub, number="O-6", dimensions=_of("Cole")),
        e.accepted("2025-07-01", sub, order="SO-6", deal="O-6"),
        e.invoiced("2025-07-01", "I-6", e.line("SUB", "1825.00", of="SO-6/1"), deal="O-6"),
        e.received("2025-07-20", "P-6", "1825.00", deal="O-6"),
        e.applied("2025-07-20", "P-6", "I-6", "1825.00", deal="O-6"),
        e.ended("churned", "2026-06-30", order="SO-6", deal="O-6"),
        e.won("2026-02-05", box, number="O-7", dimensions=_of("Cole")),
        e.accepted("2026-02-10", box, order="SO-7", deal="O-7"),
        e.cancelled("2026-03-10", order="SO-7", deal="O-7"),
        e.won("2026-06-18", later, number="O-10", dimensions=_of("Cole")),
        e.accepted("2026-06-20", later, order="SO-10", deal="O-10"),
    ]


def company() -> list[Event]:
    """All milestones of the page's example."""
    return [*_prospects(), *_ames(), *_bell(), *_cole()]
