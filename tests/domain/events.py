"""CloudEvents for the tests of the domain, and the words of given / when / then."""

from collections.abc import Sequence
from typing import Any

from domain.canonical import content_digest
from domain.contract import parse_event
from domain.deal import Deal, Decision, Recorded, decide, evolve
from domain.milestones import Milestone

ERP = "/erp/netsuite/acme"
CRM = "/crm/salesforce/acme"

Event = dict[str, Any]


def event(
    type_: str, subject: str, id_: str = "1", *, source: str = ERP, sequence: Any = None, **fields: Any
) -> Event:
    """A CloudEvent with these data fields."""
    made: Event = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": f"{type_}.v1",
        "subject": subject,
        "time": "2026-03-01T10:00:00Z",
        "data": fields,
    }
    if sequence is not None:
        made["sequence"] = sequence
    return made


def line(number: str = "1", net: str = "100.00", **more: Any) -> Event:
    return {"line": number, "sku": "SUB", "net": net, "kind": "one_time", **more}


def order(number: str = "SO-1", id_: str = "o1", *, net: str = "100.00", **more: Any) -> Event:
    return event(
        "order.accepted",
        f"order/{number}",
        id_,
        order=number,
        currency="EUR",
        lines=[line(net=net)],
        **more,
    )


def invoice(number: str = "INV-1", id_: str = "i1", **more: Any) -> Event:
    return event(
        "invoice.posted",
        f"invoice/{number}",
        id_,
        invoice=number,
        currency="EUR",
        due_on="2026-04-01",
        lines=[line()],
        **more,
    )


def received(number: str = "P-1", id_: str = "p1", **more: Any) -> Event:
    return event(
        "payment.received", f"payment/{number}", id_, payment=number, currency="EUR", amount="100.00", **more
    )


def applied(number: str = "P-1", to: str = "INV-1", id_: str = "a1", **more: Any) -> Event:
    keys = [f"erp/netsuite/acme:invoice:{to}"]
    return event(
        "payment.applied",
        f"application/{number}-{to}",
        id_,
        payment=number,
        invoice=to,
        currency="EUR",
        amount="100.00",
        keys=keys,
        **more,
    )


def milestone(made: Event) -> Milestone:
    return parse_event(made)


def given(*events: Recorded) -> Deal:
    """The deal after these."""
    deal = Deal()
    for each in events:
        deal = evolve(deal, each)
    return deal


def when(deal: Deal, made: Event, *, position: int) -> Decision:
    """What is decided when this arrives."""
    return decide(deal, parse_event(made), content_digest(made), position=position)


def recorded(*made: Event, start: int = 1) -> list[Recorded]:
    """The events of a deal in which each of these was new."""
    deal, found = Deal(), []
    for position, each in enumerate(made, start):
        decision = when(deal, each, position=position)
        assert isinstance(decision, Recorded)
        found.append(decision)
        deal = evolve(deal, decision)
    return found


def positions(events: Sequence[Recorded]) -> list[int]:
    return [each.position for each in events]
