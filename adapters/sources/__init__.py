"""Source systems: bytes in, milestones of the contract out. docs/sources.md says what each record becomes."""

from __future__ import annotations

from typing import Final

from adapters.sources.base import Record, Refusal, Source, Speaker, Translation
from adapters.sources.chargebee import Chargebee
from adapters.sources.cloudevents import CloudEvents
from adapters.sources.quickbooks import QuickBooks
from adapters.sources.salesforce import Salesforce
from adapters.sources.stripe import Stripe

#: Every source by its name.
SOURCES: Final[dict[str, Source]] = {
    source.name: source for source in (CloudEvents(), QuickBooks(), Chargebee(), Stripe(), Salesforce())
}

__all__ = ["SOURCES", "Record", "Refusal", "Source", "Speaker", "Translation"]
