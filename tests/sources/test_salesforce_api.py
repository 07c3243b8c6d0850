"""Salesforce's records, Change Data Capture, Platform Events and Outbound Messages, and what they become."""

import json
from typing import Any

import pytest

from adapters.sources import SOURCES
from domain.arrivals import Fetch
from domain.contract import parse_event
from tests.sources.checks import ignored, refused, translated, types
from tests.sources.samples import sf_opportunity
from tests.sources.samples_crm import (
    OPPORTUNITY,
    OPPORTUNITY_18,
    sf_change,
    sf_decoded,
    sf_event,
    sf_header,
    sf_open,
    sf_outbound,
    sf_record,
    sf_won,
)

SF = SOURCES["salesforce_api"]
SOAP = SOURCES["salesforce_outbound"]
READ = Fetch("Opportunity", OPPORTUNITY)


def needed(payload: Any) -> tuple[Fetch, ...]:
    """What a message points to."""
    return SF.translate(json.dumps(payload).encode(), "acme").needed


# --- Change Data Capture --------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["CREATE", "UPDATE", "GAP_CREATE", "GAP_UPDATE"])
def test_a_change_and_a_gap_are_completed_by_fetching_the_record(change: str) -> None:
    assert needed(sf_change(change)) == (READ,)


def test_one_change_of_several_records_fetches_each() -> None:
    assert needed(sf_change("UPDATE", recordIds=["006A", "006B"])) == (
        Fetch("Opportunity", "006A"),
        Fetch("Opportunity", "006B"),
    )


@pytest.mark.parametrize("ids", [[], ["000000000000000AAA"]])
def test_an_overflow_polls_the_whole_kind(ids: list[str]) -> None:
    assert needed(sf_change("GAP_OVERFLOW", recordIds=ids)) == (Fetch("Opportunity", None),)
    assert needed(sf_change("GAP_OVERFLOW", "Order", recordIds=ids)) == (Fetch("Order", None),)


def test_an_id_that_stands_for_many_records_polls_the_kind() -> None:
    assert needed(sf_change("GAP_UPDATE", recordIds=["006*"])) == (Fetch("Opportunity", None),)


def test_fields_that_nothing_reads_are_not_worth_a_fetch() -> None:
    assert (
        ignored(SF, sf_change("UPDATE", changedFields=["NextStep", "LastModifiedDate"])) == "fields_not_read"
    )
    assert needed(sf_change("UPDATE", changedFields=["NextStep", "Amount"])) == (READ,)


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize(
    ("header", "read"),
    [
        ({"changedFields": ["0x24"]}, True),  # StageName, LastModifiedDate
        ({"changedFields": ["0x000030"]}, False),  # NextStep, LastModifiedDate
        ({"changedFields": ["0x30"], "nulledFields": ["0x08"]}, True),  # Amount was emptied
        ({"changedFields": ["0x30"], "diffFields": ["0x4"]}, True),  # StageName, as a difference
        ({"changedFields": ["0x20", "1-0x03"]}, False),  # within Name
        ({"changedFields": ["0x20", "2-0x01"]}, True),  # within StageName
        ({"changedFields": ["0x20", "2-0x00"]}, False),
        ({"changedFields": ["0x8000000000000000000"]}, True),  # beyond the schema: not ours to judge
    ],
)
def test_bitmaps_of_changed_fields_are_read_by_the_schema_that_comes_with_them(
    header: dict[str, Any], read: bool, as_text: bool
) -> None:
    message = sf_decoded(as_text=as_text, **header)
    if read:
        assert needed(message) == (READ,)
    else:
        assert ignored(SF, message) == "fields_not_read"


def test_bitmaps_without_their_schema_fetch_the_record() -> None:
    assert needed(sf_decoded(known=False, changedFields=["0x30"])) == (READ,)


def test_change_events_are_read_in_every_envelope() -> None:
    header = sf_header("UPDATE")
    for message in (
        {"ChangeEventHeader": header},
        {"payload": {"ChangeEventHeader": header}},
        {"detail-type": "OpportunityChangeEvent", "detail": {"payload": {"ChangeEventHeader": header}}},
    ):
        assert needed(message) == (READ,)


@pytest.mark.parametrize("change", ["DELETE", "GAP_DELETE"])
def test_a_deleted_opportunity_is_lost_with_its_commit_to_the_last_digit(change: str) -> None:
    (lost,) = translated(SF, sf_change(change))
    assert lost["id"] == f"opportunity/{OPPORTUNITY_18}@9223372036854775807-2:opportunity.lost"
    assert (lost["time"], lost["data"]["reason"]) == ("2024-06-01T08:00:00.653Z", "deleted")
    assert lost["sequence"] == "1717228800653002"


@pytest.mark.parametrize("change", ["UNDELETE", "GAP_UNDELETE"])
def test_a_restored_opportunity_is_open_again_and_the_record_of_that_second_counts_after_it(
    change: str,
) -> None:
    (lost,) = translated(SF, sf_change("DELETE"))
    (again,) = translated(SF, sf_change(change, commitNumber=2**63, commitTimestamp=1717228900987))
    (record,) = translated(SF, sf_won(SystemModstamp="2024-06-01T08:01:40.000+0000"))
    assert (again["type"], again["data"]["reason"]) == ("opportunity.reopened.v1", "restored")
    assert int(lost["sequence"]) < int(again["sequence"]) <= int(record["sequence"])


def test_changes_of_one_transaction_keep_their_order_and_come_after_the_record_s_stamp() -> None:
    (first,) = translated(SF, sf_change("DELETE", sequenceNumber=1))
    (second,) = translated(SF, sf_change("DELETE", sequenceNumber=2))
    (record,) = translated(SF, sf_open())
    assert int(record["sequence"]) < int(first["sequence"]) < int(second["sequence"])
    assert first["id"] != second["id"]


def test_one_deletion_of_several_opportunities_loses_each() -> None:
    events = translated(SF, sf_change("DELETE", recordIds=["006A", "006B"]))
    assert [event["subject"] for event in events] == ["opportunity/006A", "opportunity/006B"]


def test_a_deletion_of_a_kind_that_is_not_mapped_or_without_a_commit_is_refused() -> None:
    assert refused(SF, sf_change("UPDATE", "Widget__c"))[0] == "object_unknown"
    assert refused(SF, sf_change("DELETE", commitNumber=None))[0] == "field_missing"
    assert refused(SF, sf_change("UPDATE", recordIds=[]))[0] == "envelope_empty"


def test_a_merge_of_accounts_comes_as_an_update_and_a_deletion() -> None:
    # given the two messages of a merge
    assert ignored(SF, sf_change("UPDATE", "Account")) == "master_data"
    assert needed(sf_change("DELETE", "Account")) == (Fetch("Account", None, "merged_or_deleted"),)
    # when the poll that they ask for brings the deleted account
    gone = sf_record(
        "Account", Id="001A", IsDeleted=True, MasterRecordId="001B", SystemModstamp="2024-06-01T08:00:00Z"
    )
    (merged,) = translated(SF, gone)
    # then it names the one that it went into
    assert (merged["source"], merged["type"]) == ("/mdm/salesforce/acme", "customer.merged.v1")
    assert (merged["data"]["customer"], merged["data"]["into"]) == ("001A", "001B")
    assert ignored(SF, sf_record("Account", Id="001B", IsDeleted=False)) == "master_data"


# --- Platform Events ------------------------------------------------------------------------------


def test_a_platform_event_that_names_a_record_is_completed_by_it() -> None:
    assert needed(sf_event("Won__e", Opportunity__c=OPPORTUNITY)) == (READ,)
    assert needed(sf_event("Order_Ready__e", Order_Id__c="801A")) == (Fetch("Order", "801A"),)
    decoded = {"payload": {"OrderId": "801A"}, "event": {"EventApiName": "OrderSummaryCreatedEvent"}}
    assert needed(decoded) == (Fetch("Order", "801A"),)


def test_any_other_platform_event_waits_for_its_mapping_under_its_own_name() -> None:
    assert refused(SF, sf_event("Weather__e", Rain__c=True)) == ("object_unknown", "/channel")


# --- records --------------------------------------------------------------------------------------


def test_a_record_tells_what_a_row_of_the_same_stamp_tells() -> None:
    (record,) = translated(SF, sf_open(Id="006A"))
    (row,) = translated(SOURCES["salesforce"], sf_opportunity())
    assert record == row


def test_records_are_won_lost_and_deleted() -> None:
    (won,) = translated(SF, sf_won())
    (lost,) = translated(SF, sf_won(IsWon=False, StageName="Closed Lost"))
    (deleted,) = translated(SF, sf_won(IsDeleted=True, Amount=None))
    assert types([won, lost, deleted]) == ["opportunity.won", "opportunity.lost", "opportunity.lost"]
    assert (won["data"]["class"], won["data"]["signed_on"]) == ("new", "2024-06-30")
    assert deleted["data"]["reason"] == "deleted"


def test_a_record_without_flags_is_read_by_its_stage() -> None:
    bare = {"IsWon": None, "IsClosed": None}
    assert types(translated(SF, sf_won(**bare))) == ["opportunity.won"]
    assert types(translated(SF, sf_won(**bare, StageName="Prospecting"))) == ["opportunity.changed"]
    assert refused(SF, sf_won(**bare, StageName="Ours")) == ("value_unknown", "/StageName")


def test_the_history_of_stages_tells_that_an_opportunity_is_open_again() -> None:
    change = {"OpportunityId": "006A", "CreatedDate": "2024-06-01T08:00:00.000+0000", "Field": "StageName"}
    again = sf_record("OpportunityFieldHistory", **change, OldValue="Closed Lost", NewValue="Prospecting")
    (event,) = translated(SF, again)
    assert (event["type"], event["subject"]) == ("opportunity.reopened.v1", "opportunity/006A")
    on = sf_record("OpportunityFieldHistory", **change, OldValue="Prospecting", NewValue="Closed Won")
    assert ignored(SF, on) == "restates_opportunity"


def test_an_order_is_a_claim_that_ties_its_keys_together() -> None:
    order = sf_record(
        "Order",
        Id="801A",
        Status="Activated",
        ActivatedDate="2024-06-30T12:00:00.000+0000",
        OpportunityId="006A",
        SBQQ__Quote__c="a0Q1",
        netsuite_conn__NetSuite_Id__c="934887",
    )
    (event,) = translated(SF, order)
    assert (event["source"], event["type"]) == ("/crm/salesforce/acme", "order.submitted.v1")
    assert "erp/netsuite/acme:order:934887" in event["data"]["keys"]
    assert ignored(SF, {**order, "Status": "Draft"}) == "draft"


def test_a_page_of_a_query_is_its_records() -> None:
    page = {"totalSize": 2, "done": True, "records": [sf_open(Id="006A"), sf_won(Id="006B")]}
    assert types(translated(SF, page)) == ["opportunity.changed", "opportunity.won"]
    assert ignored(SF, {"totalSize": 0, "done": True, "records": []}) == "empty_page"


# --- Outbound Messages ----------------------------------------------------------------------------

FIELDS = {
    "Id": OPPORTUNITY_18,
    "AccountId": "001A",
    "Amount": "120000.5",
    "CloseDate": "2024-06-30",
    "CurrencyIsoCode": "EUR",
    "IsClosed": "false",
    "IsDeleted": "false",
    "IsWon": "false",
    "Probability": "65.0",
    "StageName": "Negotiation",
    "SystemModstamp": "2024-06-01T08:00:00.000Z",
    "Type": "New Customer",
}


def notified(*notifications: tuple[str, dict[str, str]]) -> list[dict[str, Any]]:
    """The milestones of an Outbound Message, each accepted by the contract."""
    found = SOAP.translate(sf_outbound(*notifications), "acme")
    assert found.refused == ()
    for milestone in found.milestones:
        parse_event(milestone)
    return [dict(milestone) for milestone in found.milestones]


def test_a_notification_tells_what_the_record_of_the_same_stamp_tells() -> None:
    assert notified(("Opportunity", FIELDS)) == translated(SF, sf_open())


def test_every_notification_of_a_message_counts_and_one_told_twice_once() -> None:
    won = {**FIELDS, "Id": "006B", "IsWon": "true", "IsClosed": "true"}
    events = notified(("Opportunity", FIELDS), ("Opportunity", won), ("Opportunity", FIELDS))
    assert types(events) == ["opportunity.won", "opportunity.changed"] or types(events) == [
        "opportunity.changed",
        "opportunity.won",
    ]


def test_a_field_that_was_not_chosen_for_the_message_is_asked_for() -> None:
    less = {name: value for name, value in FIELDS.items() if name != "SystemModstamp"}
    ((code, pointer, _message),) = SOAP.translate(sf_outbound(("Opportunity", less)), "acme").refused
    assert (code, pointer) == ("field_missing", "/Body/notifications/Notification/sObject/SystemModstamp")


@pytest.mark.parametrize(
    ("kind", "ignored_as", "refused_as"),
    [
        ("Account", "master_data", None),
        ("OrderItem", "part_of_order", None),
        ("Widget__c", None, "object_unknown"),
    ],
)
def test_notifications_of_other_records_are_left_aside_or_refused(
    kind: str, ignored_as: str | None, refused_as: str | None
) -> None:
    found = SOAP.translate(sf_outbound((kind, {"Id": "1"})), "acme")
    assert found.ignored == ignored_as
    assert [refusal.code for refusal in found.refused] == ([refused_as] if refused_as else [])


def test_a_message_with_a_document_type_is_refused() -> None:
    body = sf_outbound(("Opportunity", FIELDS)).replace(
        b"<soapenv:Envelope", b"<!DOCTYPE x><soapenv:Envelope", 1
    )
    assert SOAP.translate(body, "acme").refused[0].code == "xml_unsafe"
