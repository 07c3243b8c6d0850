"""Salesforce opportunities and orders.

An opportunity row is a snapshot: opportunity.changed while open, won or lost when closed. Its version is
the stamp of its last change, which is part of the id and, in microseconds, its `sequence`: the same row read
again is a duplicate, a later one a new snapshot.

Times. SystemModstamp, else LastModifiedDate; in an export without either, the connector's own stamps stand
in: when this version began (`_fivetran_start`), or when the row was last copied (`_fivetran_synced`), which
connectors renew only where the row has changed. Both are moments by which it was so.

An account's currency is not in a row of an organisation with one currency, and is not guessed at: without
CurrencyIsoCode an amount is refused.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

from adapters.sources.amounts import currency_of, decimal_text, major_text, money
from adapters.sources.base import JsonValue, Milestone, speaker
from adapters.sources.events import milestone
from adapters.sources.payload import Node
from adapters.sources.times import utc_day, utc_time
from domain.instants import parse_instant

_STAMPS: Final = ("system_modstamp", "last_modified_date")
_TRUE: Final = frozenset({"1", "true"})
_FALSE: Final = frozenset({"0", "false"})
#: Opportunity.Type as Salesforce delivers it, to the class of a booking. Upgrades and other business with a
#: customer widen what there is; a replacement goes on with it.
_CLASSES: Final[dict[str, str]] = {
    "existing business": "expansion",
    "existing customer - downgrade": "renewal",
    "existing customer - replacement": "renewal",
    "existing customer - upgrade": "expansion",
    "expansion": "expansion",
    "new": "new",
    "new business": "new",
    "new customer": "new",
    "renewal": "renewal",
}
_ORDER_STATES: Final = frozenset({"Activated", "Draft"})
#: The columns in which the NetSuite connectors repeat the ERP's internal id and order number.
_ERP_IDS: Final = ("netsuite_conn_net_suite_id_c", "celigo_sfnsio_net_suite_id_c")
_ERP_NUMBERS: Final = ("netsuite_conn_net_suite_order_number_c", "celigo_sfnsio_net_suite_order_number_c")


def opportunity(row: Node, instance: str) -> tuple[Milestone, ...]:
    """The current row of an opportunity."""
    return _snapshot(row, instance, (*_STAMPS, "_fivetran_synced"))


def opportunity_version(row: Node, instance: str) -> tuple[Milestone, ...]:
    """One version of an opportunity from a history table: a snapshot since its start."""
    return _snapshot(row, instance, ("_fivetran_start",))


def _snapshot(row: Node, instance: str, stamps: tuple[str, ...]) -> tuple[Milestone, ...]:
    """opportunity.changed, won or lost.

    A deleted one is lost, whatever it was: a win that is deleted is debooked, an open one leaves the
    pipeline, one never heard of moves nothing. Its amount does not matter, so none is needed.
    """
    number = row.at("id").identifier("the opportunity's id")
    stamp = utc_time(next((row.at(c) for c in stamps if row.at(c).given), row.at(stamps[0])), "a time stamp")
    instant = parse_instant(stamp)
    assert instant is not None, "utc_time has read it"
    closed = utc_day(row.at("close_date"), "the close date") if row.at("close_date").given else None
    if _flag(row.at("is_deleted")):
        name, facts, on = "opportunity.lost", _lost("deleted"), None
    elif _flag(row.at("is_won")):
        name, facts, on = "opportunity.won", _won(row), closed
    elif _flag(row.at("is_closed")):
        name, facts, on = "opportunity.lost", _lost(row.at("loss_reason_c").label()), closed
    else:
        name, facts, on = "opportunity.changed", _open(row, closed), None
    event = milestone(
        speaker("crm", "salesforce", instance),
        name,
        ("opportunity", number),
        stamp,
        facts,
        effective_on=on,
        customer=row.at("account_id").optional(),
        edition=stamp,
        sequence=str(instant.microseconds),
    )
    return (event,)


def _value(row: Node) -> dict[str, JsonValue]:
    currency = currency_of(row.at("currency_iso_code"))
    return {"currency": currency, "amount": money(major_text(row.at("amount"), currency), currency)}


def _open(row: Node, closes: str | None) -> dict[str, JsonValue]:
    share = row.at("probability")
    facts = _value(row)
    facts["stage"] = row.at("stage_name").label()
    facts["probability"] = _probability(share) if share.given else None
    facts["close_on"] = closes
    return facts


def _won(row: Node) -> dict[str, JsonValue]:
    kind = row.at("type")
    class_ = _CLASSES.get(kind.text("the opportunity's type").strip().lower())
    if class_ is None:
        kind.refuse("value_unknown", "no class (new, expansion, renewal) is mapped; extend salesforce_deals")
    return {**_value(row), "class": class_, "signed_on": utc_day(row.at("close_date"), "the close date")}


def _lost(reason: str | None) -> dict[str, JsonValue]:
    return {"reason": reason}


def _probability(node: Node) -> str:
    """Per cent to a share from 0 to 1."""
    per_cent = Fraction(Decimal(decimal_text(node)))
    if not 0 <= per_cent <= 100:
        node.refuse("probability_range", "a probability lies between 0 and 100 per cent")
    text = f"{Decimal(decimal_text(node)) / 100:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def order(row: Node, instance: str) -> tuple[Milestone, ...] | str:
    """order.submitted of an activated order, with every key that ties it to the deal.

    The ERP's keys are those of a NetSuite of the same instance name, by order number and by internal id.
    A deleted order is left aside: the hand-over that it told has happened.
    """
    if _flag(row.at("is_deleted")):
        return "deleted"
    status = row.at("status_code" if row.at("status_code").given else "status")
    if status.word(_ORDER_STATES, "the order's status") == "Draft":
        return "draft"
    crm, number = speaker("crm", "salesforce", instance), row.at("id").identifier("the order's id")
    erp, cpq = speaker("erp", "netsuite", instance), speaker("cpq", "salesforce", instance)
    keys = [erp.key("order", native) for names in (_ERP_NUMBERS, _ERP_IDS) for native in _agreed(row, names)]
    keys += [cpq.key("quote", native) for native in _agreed(row, ("sbqq_quote_c", "quote_id"))]
    deals = ("opportunity_id", "netsuite_conn_opportunity_c")
    keys += [crm.key("opportunity", native) for native in _agreed(row, deals)]
    keys += [crm.key("order", native) for native in _agreed(row, ("original_order_id",))]
    event = milestone(
        crm,
        "order.submitted",
        ("order", number),
        utc_time(row.at("activated_date"), "the time of activation"),
        {"order": number},
        keys=keys,
        customer=row.at("account_id").optional(),
    )
    return (event,)


def _agreed(row: Node, columns: tuple[str, ...]) -> tuple[str, ...]:
    """The one value of columns that repeat each other; none where all are empty."""
    found = [row.at(column) for column in columns if row.at(column).given]
    values = {node.identifier() for node in found}
    if len(values) > 1:
        found[-1].refuse("key_contradictory", "two columns that repeat one id differ; which one holds?")
    return tuple(values)


def _flag(node: Node) -> bool:
    if not node.given:
        return False
    told = node.text().lower()
    if told not in _TRUE | _FALSE:
        node.refuse("flag_format", "needs true or false")
    return told in _TRUE
