"""Milestones about milestones, deals and the whole ledger, for stories: corrections, voids, links, splits.

Belongs here: CloudEvents that change how others are read. Does not belong here: business milestones
(tests/projections/events), what becomes of any of them (tests/projections/books).
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.projections.events import CRM, ERP, Event, event

MDM = "mdm/reltio/acme"
LEDGER = "ledger/cairn/acme"


def identity(target: Event) -> dict[str, str]:
    """How another milestone names this one."""
    return {"source": target["source"], "id": target["id"]}


def corrected(
    on: str, target: Event, replacement: Event, *, by: str | None = None, reason: str = "typo", **rest: Any
) -> Event:
    """milestone.corrected of a target. by: the reporting system; default: the target's own."""
    rest.setdefault("deal", None)
    told = event(
        "milestone.corrected",
        on,
        f"correction/{target['id']}",
        by=by or target["source"][1:],
        target=identity(target),
        reason=reason,
        replacement=replacement,
        **rest,
    )
    return with_own_key(told)


def void(
    on: str, target: Event, *, by: str | None = None, reason: str = "entered twice", **rest: Any
) -> Event:
    """milestone.voided of a target. by: the reporting system; default: the target's own."""
    rest.setdefault("deal", None)
    told = event(
        "milestone.voided",
        on,
        f"void/{target['id']}",
        by=by or target["source"][1:],
        target=identity(target),
        reason=reason,
        **rest,
    )
    return with_own_key(told)


def instead(target: Event, /, **changes: Any) -> Event:
    """A whole milestone like the target, with other data. keys, effective_on: as in `data`."""
    made: Event = deepcopy(target)
    for name, value in changes.items():
        if value is None:
            made["data"].pop(name.rstrip("_"), None)
        else:
            made["data"][name.rstrip("_")] = value
    return made


def linked(on: str, *keys: str, by: str = MDM, number: str = "1", **rest: Any) -> Event:
    """deals.linked of some keys."""
    return event("deals.linked", on, f"link/{number}", by=by, deal=None, keys=keys, **rest)


def split(on: str, *keys: str, by: str = MDM, number: str = "1", **rest: Any) -> Event:
    """deal.split: these keys leave."""
    return event("deal.split", on, f"split/{number}", by=by, deal=None, keys=keys, **rest)


def order_key(order: str = "SO-1") -> str:
    return f"{ERP}:order:{order}"


def invoice_key(invoice: str = "I-1") -> str:
    return f"{ERP}:invoice:{invoice}"


def opportunity_key(number: str = "O-1") -> str:
    return f"{CRM}:opportunity:{number}"


def ledger_wide(type_: str, on: str, subject: str, *, by: str = LEDGER, **rest: Any) -> Event:
    """A milestone that concerns the whole ledger: a period, a rate, a policy, an exception's handling."""
    return with_own_key(event(type_, on, subject, by=by, deal=None, **rest))


def closed(on: str, period: str, **rest: Any) -> Event:
    return ledger_wide("period.closed", on, f"period/{period}", period=period, actor="kim", **rest)


def period_reopened(on: str, period: str, **rest: Any) -> Event:
    return ledger_wide("period.reopened", on, f"period/{period}", period=period, actor="kim", **rest)


def rate(on: str, base: str, quote: str, value: str, **rest: Any) -> Event:
    subject = f"rate/{base}{quote}-{on}"
    return ledger_wide("fx.rate_fixed", on, subject, base=base, quote=quote, rate=value, on_=on, **rest)


def merged(on: str, customer: str, into: str, **rest: Any) -> Event:
    return ledger_wide(
        "customer.merged", on, f"customer/{customer}", by=MDM, customer=customer, into=into, **rest
    )


def policy(on: str, version: str, settings: dict[str, Any], **rest: Any) -> Event:
    body: dict[str, Any] = {"policy": "house", "version": version, "from": on, "settings": settings}
    return ledger_wide("policy.activated", on, f"policy/house-{version}", **body, **rest)


def with_own_key(told: Event) -> Event:
    """`data.keys` is required: where nothing else is named, the subject's own key stands there."""
    if not told["data"]["keys"]:
        kind, _, native = told["subject"].partition("/")
        told["data"]["keys"] = [f"{told['source'][1:]}:{kind}:{native}"]
    return told
