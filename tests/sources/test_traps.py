"""The traps that real sources set (accounting.md section 7), each through its mapping and over the ledger."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.sources import SOURCES
from adapters.sources.mapping import MappedSource
from projections.exceptions.listing import Query, exceptions
from tests.projections import events as e
from tests.sources import mapped, real
from tests.sources import samples as s
from tests.sources import samples_crm as crm
from tests.sources import samples_sap as sap
from tests.sources import samples_stripe as st


class Told:
    """A ledger, told records of sources; after each the reports are made."""

    def __init__(self, ledger: real.Ledger) -> None:
        self.ledger = ledger
        self.house = ledger.house

    def by(self, source: str | MappedSource, *payloads: object) -> list[str]:
        """Records of a source, one after the other: the outcomes of what they tell."""
        reader = SOURCES[source] if isinstance(source, str) else source
        outcomes: list[str] = []
        for payload in payloads:
            body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            items = self.ledger.intake.prepare_record(reader, body, "acme").items
            outcomes += [outcome.outcome for outcome in self.ledger.intake.record(items)]
            self.house.project()
        return outcomes

    def total(self, view: str, *measures: str, until: str = str(real.LATE)) -> list[str | None]:
        """Measures of a view in its one currency, since the beginning."""
        totals = self.house.ask(view, None, until).totals
        assert len(totals) < 2
        return [totals[0][measure] if totals else None for measure in measures]

    def exceptions(self, code: str) -> list[str]:
        """What is told of the exceptions of a code."""
        query = Query(real.LATE, self.house.head(), self.house.live(), codes=(code,))
        return [one.found.detail for one in exceptions(self.house.connection, query)]


@pytest.fixture
def told(server_url: str, fresh_schema: str) -> Iterator[Told]:
    with real.ledger(server_url, fresh_schema) as ledger:
        yield Told(ledger)


# --- a change feed loses changes


def test_several_edits_in_one_transaction_arrive_as_one_and_the_ledger_shows_where_they_ended(
    told: Told,
) -> None:
    # given an opportunity, and one message for three edits that made a win of it
    assert told.by("salesforce_api", crm.sf_open(Amount=100)) == ["recorded"]
    edits = crm.sf_change("UPDATE", changedFields=["Amount", "StageName", "IsWon"])
    assert told.by("salesforce_api", edits) == ["waiting"], "fields that changed are no state"
    assert told.total("pipeline", "open", "won") == ["100.00", "0.00"]
    # when the record that it points to has been fetched
    later = crm.sf_won(Amount=250, SystemModstamp="2024-06-02T08:00:00Z")
    assert told.by("salesforce_api", later) == ["recorded"]
    # then it stands where the edits ended
    assert told.total("pipeline", "open", "won") == ["0.00", "250.00"]


PUSHED_AND_POLLED: dict[str, tuple[tuple[str, object], tuple[str, object]]] = {
    "stripe event and object": (
        ("stripe", st.st_event("charge.succeeded", st.st_charge())),
        ("stripe", st.st_charge()),
    ),
    "chargebee event and object": (
        ("chargebee", {"object": "event", "id": "ev_1", "content": {"invoice": s.cb_invoice()}}),
        ("chargebee", s.cb_invoice()),
    ),
    "salesforce message and query": (
        ("salesforce_outbound", crm.sf_outbound(("Opportunity", {
            "Id": crm.OPPORTUNITY_18, "AccountId": "001A", "Amount": "120000.5", "CloseDate": "2024-06-30",
            "CurrencyIsoCode": "EUR", "IsClosed": "true", "IsDeleted": "false", "IsWon": "true",
            "Probability": "100.0", "StageName": "Closed Won", "SystemModstamp": "2024-06-01T08:00:00.000Z",
            "Type": "New Customer",
        }))),
        ("salesforce_api", crm.sf_won()),
    ),
    "salesforce query and export": (
        ("salesforce_api", crm.sf_open(Id="006A")),
        ("salesforce", s.sf_opportunity()),
    ),
    "hubspot old and new api": (
        ("hubspot", crm.hs_deal(hubspot_owner_id=None)),
        ("hubspot", crm.hs_old_deal()),
    ),
    "sap version 2 and version 4": (
        ("sap", sap.billing()),
        ("sap", {name: value for name, value in sap.billing().items() if name != "to_Item"}
         | {"_Item": [sap.billing_item()]}),
    ),
    "quickbooks list and read": (
        ("quickbooks", s.qbo_invoice()),
        ("quickbooks", {"Invoice": s.qbo_invoice()["data"], "time": "2024-05-03T10:00:00-07:00"}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", PUSHED_AND_POLLED)
@pytest.mark.parametrize("turned", [False, True])
def test_what_was_pushed_and_is_polled_has_one_identity(told: Told, way: str, turned: bool) -> None:
    first, second = reversed(PUSHED_AND_POLLED[way]) if turned else PUSHED_AND_POLLED[way]
    assert set(told.by(*first)) == {"recorded"}
    before = told.house.head()
    assert set(told.by(*second)) == {"duplicate"}
    assert told.house.head() == before


def control_total(*ids: str) -> bytes:
    """What a source says at the end of May 2024 that it has."""
    return json.dumps(
        e.event(
            "control_total.reported", "2024-06-01", "total/invoice", by="erp/quickbooks/acme", deal=None,
            object="invoice", from_="2024-05-01", to="2024-05-31", count=len(ids), ids=list(ids),
        )
    ).encode()  # fmt: skip


def test_a_deletion_that_never_arrived_breaks_the_control_total_until_a_poll_tells_it(told: Told) -> None:
    # given two invoices, one of which is gone in the source, which never said so
    told.by("quickbooks", s.qbo_invoice(), s.qbo_invoice(Id="131", LinkedTxn=[]))
    assert told.exceptions("CONTROL_TOTAL_BREAK") == []
    # when the source says what it has
    told.by("cloudevents", control_total("130"))
    (broken,) = told.exceptions("CONTROL_TOTAL_BREAK")
    assert "131" in broken
    assert told.total("billing", "invoiced") == ["366.90"]
    # then reading the record again takes it back, and the next total agrees
    gone = s.qbo("invoices", Id="131", status="Deleted", MetaData={"LastUpdatedTime": "2024-06-02T10:00:00Z"})
    told.by("quickbooks", gone)
    assert told.total("billing", "invoiced") == ["183.45"]


def test_a_message_that_was_lost_breaks_the_control_total_and_heals_when_a_poll_brings_the_record(
    told: Told,
) -> None:
    told.by("quickbooks", s.qbo_invoice())
    told.by("cloudevents", control_total("130", "131"))
    (broken,) = told.exceptions("CONTROL_TOTAL_BREAK")
    assert "missing here: 131" in broken
    told.by("quickbooks", s.qbo_invoice(Id="131", LinkedTxn=[]))
    assert told.exceptions("CONTROL_TOTAL_BREAK") == []


# --- snapshots are not changes


def test_snapshots_tell_states_and_the_ledger_derives_what_changed(told: Told) -> None:
    # given a deal seen at 100, at 140 and again, untouched, at 140
    for amount, stamp in (("100", "2024-06-01 08:00:00"), ("140", "2024-06-03 08:00:00")):
        told.by("salesforce", s.sf_opportunity(amount=amount, system_modstamp=stamp))
    again = s.sf_opportunity(amount="140", system_modstamp="2024-06-03 08:00:00")
    assert told.by("salesforce", again) == ["duplicate"]
    # then the pipeline holds the last state, and the change is the difference
    assert told.total("pipeline", "open") == ["140.00"]
    assert told.total("pipeline", "open", until="2024-06-02") == ["100.00"]


def test_an_older_snapshot_that_comes_late_changes_its_own_days_alone(told: Told) -> None:
    told.by("salesforce", s.sf_opportunity(amount="140", system_modstamp="2024-06-03 08:00:00"))
    known = told.house.head()
    told.by("salesforce", s.sf_opportunity(amount="100", system_modstamp="2024-06-01 08:00:00"))
    assert told.total("pipeline", "open") == ["140.00"]
    assert told.total("pipeline", "open", until="2024-06-02") == ["100.00"]
    assert told.house.ask("pipeline", None, "2024-06-02", known=known).totals == []


def test_when_it_was_observed_is_kept_apart_from_when_it_is_effective(told: Told) -> None:
    # given a win whose row was renewed two weeks after it was closed
    won = s.sf_opportunity(
        is_won="true", is_closed="true", stage_name="Closed Won", close_date="2024-06-30",
        system_modstamp="2024-07-14 08:00:00",
    )  # fmt: skip
    told.by("salesforce", won)
    # then it counts from the day of closing, and nobody knew of it before it was recorded
    assert told.total("pipeline", "won", until="2024-06-29") == [None]
    assert told.total("pipeline", "won", until="2024-06-30") == ["120000.50"]
    assert told.house.ask("pipeline", None, "2024-06-30", known=0).totals == []
    told.by("salesforce", s.sf_opportunity(id="006B", amount="1"))
    assert told.house.ask("pipeline", None, "2024-06-30", known=1).totals[0]["won"] == "120000.50"


# --- ids, numbers, documents


def test_message_ids_that_repeat_with_other_content_hide_nothing(told: Told) -> None:
    # given two messages of one id about two invoices
    one = st.st_event("invoice.finalized", st.st_invoice(status="open", charge=None, amount_paid=0))
    two = st.st_event(
        "invoice.finalized", st.st_invoice(id="in_2", status="open", charge=None, amount_paid=0)
    )
    assert one["id"] == two["id"]
    # then each is recorded, since a milestone's id names the fact
    assert told.by("stripe", one, two) == ["recorded", "recorded"]
    assert told.total("billing", "invoiced", "tax") == ["200.00", "38.00"]


def test_document_numbers_that_repeat_are_documents_of_their_own(told: Told) -> None:
    told.by("quickbooks", *(s.qbo_invoice(Id=number, LinkedTxn=[]) for number in ("130", "131", "132")))
    assert told.total("billing", "invoiced") == ["550.35"]
    assert told.exceptions("DUPLICATE_BUSINESS_KEY") == []


def test_an_id_that_an_invoice_and_a_payment_share_is_two(told: Told) -> None:
    told.by("quickbooks", s.qbo_invoice(), s.qbo_payment([(193.46, "Invoice", "130")], 193.46, Id="130"))
    assert told.total("collections", "receivable", "cash", "unapplied") == ["0.00", "193.46", "0.00"]


@pytest.mark.parametrize("turned", [False, True])
def test_a_cancellation_is_a_document_of_its_own_and_takes_back_the_other(told: Told, turned: bool) -> None:
    storno = sap.billing(
        BillingDocument="90000007", BillingDocumentType="S1", SDDocumentCategory="N",
        CancelledBillingDocument="0090000000",
    )  # fmt: skip
    pair = [sap.billing(), storno]
    told.by("sap", *(reversed(pair) if turned else pair))
    assert told.total("billing", "invoiced", "tax", "credited") == [None, None, None], "nothing is left"
    assert told.total("collections", "receivable") == [None]


def test_a_clearing_entry_is_no_receipt(told: Told) -> None:
    # given an invoice, money on the account, and an entry that clears one with the other
    told.by("sap", sap.billing())
    told.by("sap", sap.page(sap.receipt("1400000001", "-476.00")))
    assert told.total("collections", "receivable", "cash", "unapplied") == ["476.00", "0.00", "476.00"]
    entry = sap.cleared("100000055")
    told.by("sap", sap.page(sap.item("94", "476.00", **entry), sap.receipt("1400000001", "-476.00", **entry)))
    # then the money is applied, and has been received once
    assert told.total("collections", "receivable", "cash", "unapplied") == ["0.00", "476.00", "0.00"]


@pytest.mark.parametrize("turned", [False, True])
def test_a_payment_intent_that_is_younger_than_its_invoice_changes_nothing(told: Told, turned: bool) -> None:
    # given an invoice and its charge of January, and the intent behind them dated eight weeks later
    intent = {
        "object": "payment_intent", "id": "pi_1", "created": 1709000000, "currency": "usd", "amount": 11900,
        "amount_received": 11900, "status": "succeeded", "invoice": "in_1", "customer": "cus_1",
    }  # fmt: skip
    records = [st.st_invoice(), st.st_charge(), intent]
    outcomes = told.by("stripe", *(reversed(records) if turned else records))
    assert outcomes.count("ignored") == 1, "the charge is the one receipt"
    assert told.total("collections", "receivable", "cash", "unapplied", until="2024-01-02") == [
        "0.00", "119.00", "0.00",
    ]  # fmt: skip


# --- a merge as an update and a deletion


@pytest.mark.parametrize("order", ["0123", "3210", "2301", "1032", "2013", "3120"])
def test_deals_merged_by_an_update_and_a_deletion_count_once_in_any_order(told: Told, order: str) -> None:
    # given two open deals of 1,500.50 and 500.00: the second goes into the first, and is deleted
    first = crm.hs_deal()
    second = crm.hs_deal(amount="500") | {"id": "4712"}
    merge = crm.hs_event("deal.merge", primaryObjectId=4711, mergedObjectIds=[4712], occurredAt=1717315200000)
    gone = crm.hs_event("deal.deletion", objectId=4712, occurredAt=1717315200500)
    records = (first, second, merge, gone)
    told.by("hubspot", *(records[int(n)] for n in order))
    # then one deal stands in the pipeline
    rows = told.house.ask("pipeline", None, str(real.LATE), by=("deal",)).rows
    assert [(row["deal"], row["open"]) for row in rows if row["open"] != "0.00"] == [
        ("crm/hubspot/acme:opportunity:4711", "1500.50")
    ]


def test_a_merge_of_customers_by_an_update_and_a_deletion_groups_their_deals_together(told: Told) -> None:
    told.by("salesforce_api", crm.sf_open(AccountId="001A"), crm.sf_open(Id="006B", AccountId="001B"))
    assert told.by("salesforce_api", crm.sf_change("UPDATE", "Account")) == ["ignored"]
    assert told.by("salesforce_api", crm.sf_change("DELETE", "Account")) == ["waiting"]
    gone = crm.sf_record(
        "Account", Id="001A", IsDeleted=True, MasterRecordId="001B", SystemModstamp="2024-06-01T08:00:00Z"
    )
    assert told.by("salesforce_api", gone) == ["recorded"]
    rows = told.house.ask("pipeline", None, str(real.LATE), by=("customer",)).rows
    assert [(row["customer"], row["open"]) for row in rows] == [("001B", "240001.00")]


# --- how values are written


def test_item_numbers_10_and_000010_are_one_line(told: Told) -> None:
    # given an order with item 000010, delivered as item 000010 and billed as item 10
    told.by("sap", sap.order(), sap.delivery({"ActualDeliveryQuantity": "10"}))
    told.by(
        "sap",
        sap.billing(sap.billing_item(NetAmount="1000.00", TaxAmount="190.00"), TotalGrossAmount="1190.00"),
    )
    # then all of the line is performed and billed
    assert told.total("backlog", "unbilled", "unperformed", "unfulfilled") == ["0.00", "0.00", "0.00"]
    assert told.exceptions("PREDECESSOR_MISSING") == []


def test_a_date_and_a_time_of_day_in_two_fields_are_one_moment() -> None:
    (posted,) = SOURCES["sap"].translate(json.dumps(sap.billing()).encode(), "acme").milestones
    assert posted["time"] == "2025-02-02T09:30:00Z"
    assert isinstance(posted["data"], dict)
    assert posted["data"]["effective_on"] == "2025-02-01"


@pytest.mark.parametrize(
    ("as_", "written"),
    [
        ("odata", "/Date(1738368000000)/"),
        ("odata", "/Date(1738368000000+0060)/"),
        ("odata", "2025-02-01"),
        ("us_date", "2/1/2025"),
        ("us_date", "02/01/2025"),
        ("eu_date", "1.2.2025"),
        ("compact", "20250201"),
        ("compact", "20250201000000"),
        ("unix", 1738368000),
        ("unix_ms", 1738368000000),
        ("iso", "2025-02-01T00:00:00.000-08:00"),
    ],
)
def test_a_date_is_the_same_day_however_it_is_written(told: Told, as_: str, written: object) -> None:
    told.by(shop(f"day: {as_}"), invoice_of("10.00") | {"day": written, "due": written})
    assert told.total("billing", "invoiced", until="2025-01-31") == [None]
    assert told.total("billing", "invoiced", until="2025-02-01") == ["10.00"]


def shop(formats: str) -> MappedSource:
    """A mapping of plain invoices that writes its values so."""
    return mapped.source(
        f"""\
        mapping: shop
        version: 1
        role: erp
        reads: json
        formats: {{time: iso, {formats}}}
        kind: =invoice
        objects:
          invoice:
            currency: currency
            milestones:
              - type: invoice.posted
                subject: [invoice, no]
                time: =2025-02-01T12:00:00Z
                effective_on: day
                data:
                  invoice: no
                  due_on: due
                  lines: {{each: lines, line: =1, sku: =S, net: $object.amount}}
        """
    )


def invoice_of(amount: object, currency: str = "EUR") -> dict[str, Any]:
    """An invoice of the mapping above."""
    return {"no": "1", "due": "2025-02-01", "day": "2025-02-01", "amount": amount, "currency": currency,
            "lines": [{}]}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "formats", "currency", "expected"),
    [
        ("1234.50", "text", "EUR", "1234.50"),
        ("1,234.50", '{as: text, thousands: ","}', "EUR", "1234.50"),
        ("1.234,50", '{as: text, thousands: ".", decimal: ","}', "EUR", "1234.50"),
        ("1234.50-", "{as: text, trailing_minus: yes}", "EUR", "-1234.50"),
        ("(1234.50)", "{as: text, parentheses: yes}", "EUR", "-1234.50"),
        ("5.699", "{as: text, round: half_up}", "USD", "5.70"),
        ("5.699", "text", "KWD", "5.699"),
        (5.25, "major", "EUR", "5.25"),
        (500, "minor", "JPY", "500"),
        ("99.90", "text", "DEM", "99.90"),
        ("1500.00", "text", "ITL", "1500.00"),
    ],
)
def test_an_amount_is_the_same_money_however_it_is_written(
    told: Told, written: object, formats: str, currency: str, expected: str
) -> None:
    source = shop(f"day: iso, amount: {formats}")
    assert told.by(source, invoice_of(written, currency)) == ["recorded"]
    assert told.total("billing", "invoiced") == [expected]


def test_a_third_decimal_is_never_rounded_in_silence(told: Told) -> None:
    assert told.by(shop("day: iso, amount: text"), invoice_of("5.699", "USD")) == ["quarantined"]
    assert told.total("billing", "invoiced") == [None]
