"""Policies: what firms may define differently (accounting.md section 4), as data with a name and a version.

A policy is activated by a milestone and adopted by a rebuild: a generation is folded and read under the
policies that it was made with. Belongs here: what may be set, its defaults, which settings hold on a day.
Does not belong here: what a setting does (projections).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from domain import milestones as m
from domain.money import UnknownCurrency, exponent

_CRM: Final = frozenset({"crm"})
_CPQ: Final = frozenset({"cpq"})
_ERP: Final = frozenset({"erp"})
_MDM_ERP: Final = frozenset({"mdm", "erp"})
_ERP_BILLING: Final = frozenset({"erp", "billing"})
_DELIVERY: Final = frozenset({"erp", "wms", "psa"})
_MONEY_IN: Final = frozenset({"erp", "psp", "bank"})
_ERP_PSP: Final = frozenset({"erp", "psp"})
_CRM_ERP: Final = frozenset({"crm", "erp"})
_LEDGER: Final = frozenset({"ledger"})
_ANY: Final = frozenset(m.ROLES)

#: Entitled roles by milestone type; from any other role it is a claim (contract.md section 3).
SYSTEM_OF_RECORD: Final[dict[type[m.Milestone], frozenset[str]]] = {
    m.LeadQualified: _CRM,
    m.OpportunityOpened: _CRM,
    m.OpportunityChanged: _CRM,
    m.OpportunityWon: _CRM,
    m.OpportunityLost: _CRM,
    m.OpportunityReopened: _CRM,
    m.QuoteApproved: _CPQ,
    m.QuoteAccepted: _CPQ,
    m.QuoteRejected: _CPQ,
    m.CustomerApproved: _MDM_ERP,
    m.CustomerRejected: _MDM_ERP,
    m.CustomerMerged: _MDM_ERP,
    m.ProductMapped: frozenset({"mdm", "cpq", "erp"}),
    m.CreditHeld: _ERP,
    m.CreditReleased: _ERP,
    m.OrderSubmitted: _ERP,
    m.OrderRejected: _ERP,
    m.OrderAccepted: _ERP,
    m.OrderChanged: _ERP,
    m.ContractAmended: frozenset({"erp", "cpq"}),
    m.ContractRenewed: _CRM_ERP,
    m.OrderLineCancelled: _ERP,
    m.OrderCancelled: _ERP,
    m.FulfilmentConfirmed: _DELIVERY,
    m.FulfilmentReturned: _DELIVERY,
    m.ServiceActivated: _DELIVERY,
    m.UsageRated: _ERP_BILLING,
    m.InvoicePosted: _ERP_BILLING,
    m.InvoiceVoided: _ERP_BILLING,
    m.InvoiceDueDateChanged: _ERP,
    m.CreditMemoPosted: _ERP_BILLING,
    m.CreditMemoApplied: _ERP_BILLING,
    m.PaymentReceived: _MONEY_IN,
    m.PaymentApplied: _ERP_BILLING,
    m.PaymentUnapplied: _ERP_BILLING,
    m.PaymentReversed: _ERP_PSP,
    m.PaymentRefunded: _ERP_PSP,
    m.DisputeOpened: _ERP_PSP,
    m.DisputeResolved: _ERP_PSP,
    m.PromiseMade: _ERP_PSP,
    m.ReceivableWrittenOff: _ERP,
    m.ReceivableRecovered: _ERP,
    m.RevenueRecognised: _ERP,
    m.RevenueReversed: _ERP,
    m.NonRenewalNotified: _CRM_ERP,
    m.ContractExpired: _CRM_ERP,
    m.ContractChurned: _CRM_ERP,
    m.MilestoneCorrected: _ANY,
    m.MilestoneVoided: _ANY,
    m.DealsLinked: frozenset({"mdm", "crm", "ledger"}),
    m.DealSplit: frozenset({"mdm", "crm", "ledger"}),
    m.PeriodClosed: _LEDGER,
    m.PeriodReopened: _LEDGER,
    m.FxRateFixed: _LEDGER,
    m.PolicyActivated: _LEDGER,
    m.ExceptionAcknowledged: _LEDGER,
    m.ExceptionAssigned: _LEDGER,
    m.ExceptionResolved: _LEDGER,
    m.ControlTotalReported: _ANY,
}


#: Milestone types by their stored name without version, e.g. `order.accepted`.
_TYPES: Final = {str(t.__struct_config__.tag).rpartition(".")[0]: t for t in SYSTEM_OF_RECORD}

#: Hours that an exception waits before it shows, by code (accounting.md section 6).
SLA_HOURS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "WON_NO_ORDER": 24,
        "ORDER_REJECTED_STALE": 8,
        "ORPHAN_PAYMENT": 24,
        "BILLING_OVERDUE": 24,
        "FULFILLED_NOT_BILLED": 120,
        "UNAPPLIED_AGED": 72,
    }
)


_TOLERANCE: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,4})?")
_SPEAKER: Final = re.compile(r"(/[a-z]+/)?[^/:]+/[^/:]+")
#: Ten years: an exception that waits for longer would never show.
MOST_HOURS: Final = 87_660
#: Names of the zone database that mean another zone from machine to machine, or count leap seconds.
_NO_ZONE: Final = re.compile(r"localtime|posixrules|Factory|(posix|right)/.*", re.IGNORECASE | re.DOTALL)


class PolicyRefused(ValueError):
    """The settings of a policy can't be read; the message names the setting and what it may hold."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds on a day.

    booking_trigger: what counts as booked. system_of_record: entitled roles by milestone type, where they
    differ from contract.md section 3. proration: how ratable amounts are earned within their span. arr_live:
    from when run-rate is live. renewal_booked: when a renewal's run-rate is contracted. liability: when an
    invoice makes a contract liability. time_zone: in which a milestone without `effective_on` has its
    business date. pivot_currency: through which amounts are converted where no direct rate is known.
    recognition_tolerance: up to which revenue may differ, in units of the line's currency. sla_hours: by
    exception code. quarter_end_hours: for WON_NO_ORDER in the last three days of a quarter.
    feed_silence_hours: after which a source that says nothing is an exception, 0: never. dense_sequences:
    sources whose `sequence` counts without gaps, over all messages (`source`) or over those of one subject
    (`subject`). Both by `/role/system/instance`, or `system/instance` for every role of it; and silence by
    `*` for every source that is not named.
    """

    booking_trigger: Literal["order_accepted", "won"] = "order_accepted"
    system_of_record: dict[str, tuple[str, ...]] = {}
    proration: Literal["daily", "monthly"] = "daily"
    arr_live: Literal["service_start", "activation"] = "service_start"
    renewal_booked: Literal["signature", "service_start"] = "signature"
    liability: Literal["invoiced", "due", "paid"] = "invoiced"
    time_zone: str = "UTC"
    pivot_currency: str = "USD"
    recognition_tolerance: str = "1.00"
    sla_hours: dict[str, int] = {}
    quarter_end_hours: int = 4
    feed_silence_hours: dict[str, int] = {}
    dense_sequences: dict[str, Literal["source", "subject"]] = {}

    def hours(self, code: str) -> int:
        """The SLA of an exception code, hours; 0 where it shows at once."""
        return self.sla_hours.get(code, SLA_HOURS.get(code, 0))


DEFAULT_SETTINGS: Final = Settings()

#: Settings that only change how the journal is read; all others change what is posted.
READ_ONLY: Final = frozenset(
    {
        "booking_trigger", "liability", "pivot_currency", "sla_hours", "quarter_end_hours",
        "feed_silence_hours", "dense_sequences",
    }
)  # fmt: skip


class Version(msgspec.Struct, frozen=True):
    """One version of a policy. from_: first business day on which it holds, as a day number.

    settings: those that it sets; the others stay as they were the day before.
    """

    policy: str
    version: str
    from_: int
    settings: dict[str, Any] = {}
    author: str = ""

    @property
    def stamp(self) -> str:
        """Name and version, as stamped on reports."""
        return f"{self.policy}@{self.version}"


#: In force where no other has been adopted.
DEFAULT_VERSION: Final = Version("default", "1", -1_000_000)
#: As stamped on reports.
DEFAULT_POLICY: Final = DEFAULT_VERSION.stamp


def merged(before: Settings, changes: Mapping[str, Any]) -> Settings:
    """Settings with some of them changed. Raises PolicyRefused for what is unknown or can't be."""
    known = {name: getattr(before, name) for name in Settings.__struct_fields__}
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise PolicyRefused(f"there is no setting {unknown[0]!r}; known: {', '.join(known)}")
    try:
        found = msgspec.convert({**known, **changes}, Settings)
        ZoneInfo(found.time_zone)
        exponent(found.pivot_currency)
    except (msgspec.ValidationError, ValueError, KeyError, OSError, UnknownCurrency) as error:
        raise PolicyRefused(f"the settings can't be read: {error}") from error
    if not _TOLERANCE.fullmatch(found.recognition_tolerance):
        raise PolicyRefused("recognition_tolerance must be a decimal of zero or more, e.g. 1.00")
    _check_sources(found)
    for name, roles in found.system_of_record.items():
        if name not in _TYPES:
            raise PolicyRefused(f"system_of_record names {name!r}, which is no milestone type")
        if not roles or not set(roles) <= set(m.ROLES):
            raise PolicyRefused(f"system_of_record of {name} must list roles among {', '.join(m.ROLES)}")
    return found


def _check_sources(settings: Settings) -> None:
    for setting in ("feed_silence_hours", "dense_sequences"):
        for name in getattr(settings, setting):
            anyone = name == "*" and setting == "feed_silence_hours"
            if not anyone and _SPEAKER.fullmatch(name) is None:
                raise PolicyRefused(
                    f"{setting} names {name!r}: give /role/system/instance or system/instance"
                )
    for name, hours in settings.feed_silence_hours.items():
        _check_hours(f"feed_silence_hours of {name}", hours)


#: Answers kept, by type and source: a firm has a few dozen.
_MOST_ENTITLED: Final = 10_000


class InForce:
    """Settings with what is worked out of them once. since: first day on which they hold."""

    def __init__(self, since: int, settings: Settings) -> None:
        self.since, self.settings = since, settings
        self._entitled: dict[tuple[type[m.Milestone], str], bool] = {}
        self._records = {
            **SYSTEM_OF_RECORD,
            **{_TYPES[name]: frozenset(roles) for name, roles in settings.system_of_record.items()},
        }

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of business dates."""
        return ZoneInfo(self.settings.time_zone)

    @property
    def monthly(self) -> bool:
        """Whether ratable amounts are earned by months."""
        return self.settings.proration == "monthly"

    def entitled(self, fact: m.Milestone) -> bool:
        """Whether the reporting system is the system of record for this milestone."""
        return self.entitled_for(type(fact), fact.source)

    def entitled_for(self, kind: type[m.Milestone], source: str) -> bool:
        """Whether a source is the system of record for a type of milestone."""
        asked = kind, source
        found = self._entitled.get(asked)
        if found is None:
            if len(self._entitled) > _MOST_ENTITLED:
                self._entitled.clear()
            found = self._entitled[asked] = source[1:].partition("/")[0] in self._records[kind]
        return found


class Policies:
    """Which settings hold on which day: versions in order, each setting what it names from its day on."""

    def __init__(self, versions: Iterable[Version] = ()) -> None:
        #: the default's, then those adopted, by first day; of one day the later given holds.
        self.versions: tuple[Version, ...] = (
            DEFAULT_VERSION,
            *sorted(versions, key=lambda version: version.from_),
        )
        settings = DEFAULT_SETTINGS
        self._periods = [InForce(DEFAULT_VERSION.from_, settings)]
        for version in self.versions[1:]:
            settings = merged(settings, version.settings)
            period = InForce(version.from_, settings)
            if self._periods[-1].since == version.from_:
                self._periods[-1] = period
            else:
                self._periods.append(period)
        self._starts = [period.since for period in self._periods]
        self.first = self._periods[0]
        self.is_one = len(self._periods) == 1

    @property
    def periods(self) -> tuple[InForce, ...]:
        """What holds, from the first day on: each until the next begins."""
        return tuple(self._periods)

    @property
    def stamps(self) -> list[str]:
        """Names and versions, as stamped on reports."""
        return [version.stamp for version in self.versions]

    def at(self, day: int) -> InForce:
        """What holds on a day."""
        if self.is_one:
            return self.first
        return self._periods[max(0, bisect_right(self._starts, day) - 1)]

    def posting_settings(self) -> list[tuple[int, dict[str, Any]]]:
        """What of the settings decides what is posted: two policies that agree in it post the same."""
        found: list[tuple[int, dict[str, Any]]] = []
        for period in self._periods:
            settings = msgspec.to_builtins(period.settings)
            kept = {name: value for name, value in settings.items() if name not in READ_ONLY}
            if not found or found[-1][1] != kept:
                found.append((period.since, kept))
        return found

    def to_json(self) -> str:
        """The versions beside the default, as kept with a generation."""
        return msgspec.json.encode(self.versions[1:]).decode()

    @classmethod
    def from_json(cls, text: str) -> Policies:
        """What `to_json` gave."""
        versions = msgspec.json.decode(text, type=tuple[Version, ...])
        return cls(versions) if versions else DEFAULT_POLICIES


DEFAULT_POLICIES: Final = Policies()


def read_settings(settings: Any) -> dict[str, Any]:
    """The settings that a policy sets, as they came. Raises PolicyRefused where they can't be read."""
    if not isinstance(settings, dict):
        raise PolicyRefused("settings must be a JSON object")
    found = merged(DEFAULT_SETTINGS, settings)
    # not in `merged`: a generation that has adopted such settings once must still be readable
    if _NO_ZONE.fullmatch(found.time_zone):
        raise PolicyRefused(f"time_zone {found.time_zone!r} is not of one place: give e.g. Europe/Berlin")
    for code, hours in found.sla_hours.items():
        if code not in SLA_HOURS:
            raise PolicyRefused(
                f"sla_hours names {code[:80]!r}, which waits for nothing; known: {', '.join(SLA_HOURS)}"
            )
        _check_hours(f"sla_hours of {code}", hours)
    _check_hours("quarter_end_hours", found.quarter_end_hours)
    return settings


def _check_hours(name: str, hours: int) -> None:
    if not 0 <= hours <= MOST_HOURS:
        raise PolicyRefused(f"{name} must be whole hours from 0 to {MOST_HOURS:,} (ten years)")


def _check_name(what: str, name: str) -> None:
    """A stamp `name@version` is put in addresses and lists: it must be read back as what it was."""
    if name != name.strip() or not name.isprintable() or "," in name or "@" in name:
        raise PolicyRefused(
            f"the {what} {name[:80]!r} can't be asked for: leave out commas, @, blanks around it"
            " and characters that can't be seen"
        )


def version_of(fact: m.PolicyActivated) -> Version:
    """The version that a milestone activates. Raises PolicyRefused where it can't be read or be named."""
    _check_name("name", fact.policy)
    _check_name("version", fact.version)
    if fact.policy.casefold() == DEFAULT_VERSION.policy:
        raise PolicyRefused(
            f"the name {fact.policy!r} is that of what holds without any policy: give it another"
        )
    read_settings(fact.settings)
    return Version(fact.policy, fact.version, fact.from_, fact.settings, fact.attributes.get("actor", ""))
