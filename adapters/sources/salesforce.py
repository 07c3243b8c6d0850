"""Salesforce: rows of CSV exports, as connectors (`stage_name`) or Salesforce (`StageName`) write them.

A record is `{"object": ..., "row": {header: cell}}`; the object is told by the header, not by the file's
name. Times are in UTC, as Salesforce stores them, also where the export does not say so.

Roles. Opportunities speak as the CRM. An order of Salesforce is not the order: acceptance is the ERP's to
say. What Salesforce knows is that it handed the order over, order.submitted, a claim under `crm` that posts
nothing and ties the keys of quote, opportunity and ERP order together.

Belongs here: telling the kinds apart, reading a row. The milestones are in salesforce_deals.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from adapters.sources import files
from adapters.sources.base import Milestone, Record, Translation, speaker
from adapters.sources.payload import Node, Unreadable, read_payload
from adapters.sources.salesforce_deals import opportunity, opportunity_version, order

#: Columns by which a kind is known, the more special first.
_SIGNS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("opportunity_history", frozenset({"stage_name", "close_date", "is_won", "_fivetran_start"})),
    ("opportunity", frozenset({"stage_name", "close_date", "is_won"})),
    ("opportunity_line_item", frozenset({"opportunity_id", "pricebook_entry_id", "unit_price"})),
    ("order_item", frozenset({"order_id", "pricebook_entry_id", "unit_price"})),
    ("order", frozenset({"order_number", "effective_date", "status_code"})),
    ("product", frozenset({"product_code", "family", "is_active"})),
    ("account", frozenset({"account_number", "billing_street", "annual_revenue"})),
)
_KINDS: Final[dict[str, Callable[[Node, str], tuple[Milestone, ...] | str]]] = {
    "opportunity": opportunity,
    "opportunity_history": opportunity_version,
    "order": order,
}
#: Lines say nothing without the row that they belong to, which carries the amount.
_LEFT_ASIDE: Final[dict[str, str]] = {
    "account": "master_data",
    "product": "master_data",
    "opportunity_line_item": "part_of_opportunity",
    "order_item": "part_of_order",
}
_RUN: Final = re.compile(r"(?<=.)__+")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Z])")


class Salesforce:
    """Salesforce CSV exports."""

    name: Final = "salesforce"
    canonical: Final = False

    def records(self, path: Path) -> Iterator[Record]:
        """One record a row of the .csv files."""
        return files.csv_records(path, kind_of)

    def translate(self, payload: bytes, instance: str) -> Translation:
        """What one row means; see docs/sources.md for the mapping."""
        speaker("crm", self.name, instance)
        try:
            found = _record(read_payload(payload), instance)
        except Unreadable as unreadable:
            return Translation(refused=(unreadable.refusal,))
        return Translation(ignored=found) if isinstance(found, str) else Translation(found)


def kind_of(header: frozenset[str]) -> str:
    """The object kind of a header, `unknown` where none of the known ones fits."""
    columns = {column_name(column) for column in header}
    return next((kind for kind, signs in _SIGNS if signs <= columns), "unknown")


def column_name(header: str) -> str:
    """A column as connectors write it: `StageName` is `stage_name`, `SBQQ__Quote__c` is `sbqq_quote_c`."""
    return _RUN.sub("_", _HUMP.sub("_", header)).lower()


def _record(record: Node, instance: str) -> tuple[Milestone, ...] | str:
    kind = record.at("object").text("the object's kind")
    for surplus in ("beyond", "cells"):
        if record.at(surplus).given:
            record.at(surplus).refuse("row_ragged", "the row does not fit its header; check the quoting")
    if kind in _LEFT_ASIDE:
        return _LEFT_ASIDE[kind]
    if kind not in _KINDS:
        record.at("object").refuse("object_unknown", "the header fits no known object; extend salesforce.py")
    row = record.at("row")
    cells = {column_name(header): node.value for header, node in row.members()}
    return _KINDS[kind](Node(cells, row.pointer), instance)
