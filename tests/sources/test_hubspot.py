"""HubSpot: webhooks, deals of its API in both shapes, and rows of exports, and what they become."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.sources import SOURCES
from domain.arrivals import Fetch
from tests.sources.checks import ignored, refused, translated, types
from tests.sources.samples_crm import (
    hs_change,
    hs_deal,
    hs_event,
    hs_history,
    hs_old_deal,
    hs_row,
    hs_rows,
    hs_stages,
)

HS = SOURCES["hubspot"]
CSV = SOURCES["hubspot_csv"]
KEY = "crm/hubspot/acme:opportunity:{}"


def needed(payload: Any) -> tuple[Fetch, ...]:
    """What a message points to."""
    return HS.translate(json.dumps(payload).encode(), "acme").needed


# --- webhooks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        hs_event("deal.creation"),
        hs_event("deal.propertyChange", propertyName="dealstage", propertyValue="closedwon"),
        hs_event("object.creation", objectTypeId="0-3"),
        hs_event("object.propertyChange", objectTypeId="0-3", propertyName="amount", propertyValue="5"),
    ],
)
def test_a_message_that_a_deal_has_changed_is_completed_by_fetching_it(event: dict[str, Any]) -> None:
    assert needed(event) == (Fetch("deals", "4711"),)


def test_a_property_that_nothing_reads_is_not_worth_a_fetch() -> None:
    event = hs_event("deal.propertyChange", propertyName="hs_next_step", propertyValue="call")
    assert ignored(HS, event) == "property_not_read"


def test_another_company_of_a_deal_is_fetched_and_another_contact_is_not() -> None:
    to_company = hs_event("deal.associationChange", associationType="DEAL_TO_COMPANY", fromObjectId=9)
    to_contact = hs_event("deal.associationChange", associationType="DEAL_TO_CONTACT", fromObjectId=9)
    assert needed(to_company) == (Fetch("deals", "9"),)
    assert ignored(HS, to_contact) == "association_not_read"


def test_a_deleted_deal_is_lost_when_it_was_deleted_whatever_id_the_message_has() -> None:
    (lost,) = translated(HS, hs_event("deal.deletion"))
    (again,) = translated(HS, hs_event("object.deletion", objectTypeId="0-3", eventId=2, attemptNumber=3))
    assert again == lost
    assert (lost["id"], lost["data"]["reason"]) == (
        "opportunity/4711@2024-06-01T08:00:00.123Z:opportunity.lost",
        "deleted",
    )
    assert lost["sequence"] == "1717228800123000"


def test_a_restored_deal_is_open_again_after_its_deletion() -> None:
    (lost,) = translated(HS, hs_event("deal.deletion"))
    (again,) = translated(HS, hs_event("deal.restore", occurredAt=1717228900000))
    assert (again["type"], again["data"]["reason"]) == ("opportunity.reopened.v1", "restored")
    assert int(again["sequence"]) > int(lost["sequence"])


@pytest.mark.parametrize(
    ("merge", "survivor", "gone"),
    [
        ({"primaryObjectId": 1, "mergedObjectIds": [2, 3]}, "1", ["2", "3"]),
        ({"primaryObjectId": 1, "mergedObjectIds": [2], "newObjectId": 4}, "4", ["2", "1"]),
        ({"primaryObjectId": 1, "mergedObjectIds": [1, 2], "newObjectId": 4}, "4", ["1", "2"]),
        ({"primaryObjectId": 1, "mergedObjectIds": [2], "newObjectId": 1}, "1", ["2"]),
    ],
)
def test_merged_deals_go_on_as_the_surviving_one_and_leave_the_pipeline(
    merge: dict[str, Any], survivor: str, gone: list[str]
) -> None:
    events = translated(HS, hs_event("deal.merge", **merge))
    linked = [event["data"]["keys"] for event in events if event["type"] == "deals.linked.v1"]
    lost = [event["subject"] for event in events if event["type"] == "opportunity.lost.v1"]
    assert linked == [[KEY.format(one), KEY.format(survivor)] for one in gone]
    assert lost == [f"opportunity/{one}" for one in gone]


def test_merged_companies_are_merged_customers_and_no_claim() -> None:
    (merged,) = translated(HS, hs_event("company.merge", primaryObjectId=1, mergedObjectIds=[2]))
    assert (merged["source"], merged["type"]) == ("/mdm/hubspot/acme", "customer.merged.v1")
    assert (merged["data"]["customer"], merged["data"]["into"]) == ("2", "1")


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (hs_event("contact.propertyChange", propertyName="email"), "master_data"),
        (hs_event("company.creation"), "master_data"),
        (hs_event("line_item.creation"), "part_of_deal"),
        (hs_event("object.creation", objectTypeId="0-8"), "part_of_deal"),
        (hs_event("object.creation", objectTypeId="2-77"), "not_order_to_cash"),
        (hs_event("conversation.newMessage"), "not_order_to_cash"),
    ],
)
def test_messages_about_anything_else_are_left_aside(event: dict[str, Any], reason: str) -> None:
    assert ignored(HS, event) == reason


def test_a_message_about_an_unknown_change_of_a_deal_is_refused() -> None:
    assert refused(HS, hs_event("deal.transmogrified"))[0] == "object_unknown"


# --- deals of the API -----------------------------------------------------------------------------


def test_an_open_deal_is_a_snapshot_with_its_version() -> None:
    (event,) = translated(HS, hs_deal())
    assert event["id"] == "opportunity/4711@2024-06-01T08:00:00.5Z:opportunity.changed"
    assert event["sequence"] == "1717228800500000"
    body = event["data"]
    assert (body["amount"], body["currency"], body["stage"]) == ("1500.50", "EUR", "contractsent")
    assert (body["probability"], body["close_on"]) == ("0.9", "2024-06-30")
    assert body["dimensions"] == {"customer": "88", "owner": "7"}


def test_the_old_api_tells_the_same_deal_alike() -> None:
    (old,) = translated(HS, hs_old_deal())
    (new,) = translated(HS, hs_deal(hubspot_owner_id=None))
    assert old == new


def test_the_old_api_tells_wins_losses_and_deletions_too() -> None:
    assert types(translated(HS, hs_old_deal("closedwon"))) == ["opportunity.won"]
    assert types(translated(HS, hs_old_deal("closedlost"))) == ["opportunity.lost"]
    (deleted,) = translated(HS, hs_old_deal(isDeleted=True))
    assert deleted["data"]["reason"] == "deleted"


def test_a_won_deal_has_its_class_and_its_day() -> None:
    (won,) = translated(HS, hs_deal(dealstage="closedwon", dealtype="existingbusiness"))
    body = won["data"]
    assert (won["type"], body["class"]) == ("opportunity.won.v1", "expansion")
    assert (body["signed_on"], body["effective_on"]) == ("2024-06-30", "2024-06-30")


def test_an_account_s_own_stage_is_refused_until_it_is_in_the_table_or_the_deal_says_what_it_is() -> None:
    assert refused(HS, hs_deal(dealstage="98765")) == ("value_unknown", "/properties/dealstage")
    told: dict[str, Any] = {"dealstage": "98765", "hs_deal_stage_probability": "0.35"}
    (open_,) = translated(HS, hs_deal(**told, hs_is_closed="false", hs_is_closed_won="false"))
    assert (open_["type"], open_["data"]["probability"]) == ("opportunity.changed.v1", "0.35")
    (won,) = translated(HS, hs_deal(**told, hs_is_closed="true", hs_is_closed_won="true"))
    (lost,) = translated(HS, hs_deal(**told, hs_is_closed="true", hs_is_closed_won="false"))
    assert types([won, lost]) == ["opportunity.won", "opportunity.lost"]


def test_an_open_deal_without_an_amount_is_worth_nothing_and_a_won_one_is_refused() -> None:
    (open_,) = translated(HS, hs_deal(amount=None))
    assert open_["data"]["amount"] == "0.00"
    assert refused(HS, hs_deal(amount="", dealstage="closedwon")) == ("field_missing", "/properties/amount")


def test_what_is_missing_is_not_made_up() -> None:
    assert refused(HS, hs_deal(deal_currency_code=None))[1] == "/properties/deal_currency_code"
    assert refused(HS, hs_deal(dealstage=None)) == ("field_missing", "/properties/dealstage")
    assert refused(HS, hs_deal(dealstage="closedwon", dealtype="")) == (
        "field_missing",
        "/properties/dealtype",
    )
    assert refused(HS, hs_deal(dealstage="closedwon", closedate=None)) == (
        "field_missing",
        "/properties/closedate",
    )


def test_an_archived_deal_is_lost_whatever_stage_it_is_in() -> None:
    gone = {**hs_deal(dealstage="98765"), "archived": True, "archivedAt": "2024-06-02T09:00:00.000Z"}
    (lost,) = translated(HS, gone)
    assert (lost["time"], lost["data"]["reason"]) == ("2024-06-02T09:00:00Z", "deleted")


def test_the_deals_that_a_deal_has_swallowed_join_it_and_are_lost() -> None:
    events = translated(HS, hs_deal(hs_merged_object_ids="5; 6"))
    assert types(events) == ["opportunity.changed", "opportunity.lost", "opportunity.lost"]
    assert events[0]["data"]["keys"] == [KEY.format(number) for number in ("4711", "5", "6")]
    assert [event["subject"] for event in events[1:]] == ["opportunity/5", "opportunity/6"]


HISTORY = {
    "dealstage": [  # the latest first, as HubSpot lists them
        hs_change("contractsent", "2024-05-20T08:00:00.000Z"),
        hs_change("closedlost", "2024-05-10T08:00:00.000Z"),
        hs_change("qualifiedtobuy", "2024-05-01T08:00:00.000Z"),
    ],
    "amount": [
        hs_change("1500.5", "2024-05-05T08:00:00.000Z"),
        hs_change("900", "2024-05-01T08:00:00.000Z"),
    ],
    "closedate": [hs_change("1719766206678", "2024-05-01T08:00:00.000Z")],
}


def test_the_history_of_a_deal_is_a_snapshot_for_each_moment_and_says_when_it_was_open_again() -> None:
    events = translated(HS, hs_deal(history=HISTORY))
    told = sorted(
        (event["time"], event["type"].split(".")[1], event["data"].get("amount"))
        for event in events
        if ".history:" in event["id"]
    )
    assert told == [
        ("2024-05-01T08:00:00Z", "changed", "900.00"),
        ("2024-05-05T08:00:00Z", "changed", "1500.50"),
        ("2024-05-10T08:00:00Z", "lost", None),
        ("2024-05-20T08:00:00Z", "changed", "1500.50"),
        ("2024-05-20T08:00:00Z", "reopened", None),
    ]
    assert all(event["data"].get("close_on", "2024-06-30") == "2024-06-30" for event in events)


def test_a_deal_closed_in_its_history_counts_from_the_day_of_the_change_not_the_day_hoped_for() -> None:
    events = translated(HS, hs_deal(history=HISTORY))
    (lost,) = [event for event in events if event["type"] == "opportunity.lost.v1"]
    assert (lost["time"], lost["data"].get("effective_on")) == ("2024-05-10T08:00:00Z", None)


def test_a_win_whose_amount_was_given_later_is_told_from_then_on() -> None:
    history = {
        "dealstage": [hs_change("closedwon", "2024-05-10T08:00:00.000Z")],
        "amount": [hs_change("900", "2024-05-10T08:00:00.040Z")],
    }
    events = translated(HS, hs_deal(dealstage="closedwon", history=history))
    assert [(e["time"], e["data"]["amount"]) for e in events] == [
        ("2024-06-01T08:00:00.5Z", "1500.50"),
        ("2024-05-10T08:00:00.04Z", "900.00"),
    ]


def test_a_history_without_amounts_is_none_but_shows_that_a_deal_was_closed_before() -> None:
    events = translated(HS, hs_deal(history={"dealstage": HISTORY["dealstage"]}))
    assert types(events) == ["opportunity.changed", "opportunity.reopened"]


def test_a_deal_that_entered_a_closed_stage_once_and_is_open_now_was_reopened() -> None:
    events = translated(HS, hs_deal(hs_v2_date_entered_closedlost="2024-05-10T08:00:00Z"))
    assert types(events) == ["opportunity.changed", "opportunity.reopened"]


def test_a_page_of_a_list_is_its_records_and_an_empty_one_nothing() -> None:
    other = {**hs_deal(), "id": "4712"}
    assert len(translated(HS, {"results": [hs_deal(), other]})) == 2
    assert ignored(HS, {"results": []}) == "empty_page"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"id": "1", "properties": {"domain": "acme.test", "name": "Acme"}}, "master_data"),
        ({"id": "1", "properties": {"email": "a@b.test"}}, "master_data"),
        ({"id": "1", "properties": {"hs_product_id": "5", "price": "3"}}, "part_of_deal"),
        ({"id": "default", "label": "Sales", "stages": []}, "set_up"),
    ],
)
def test_records_of_other_kinds_are_left_aside(record: dict[str, Any], reason: str) -> None:
    assert ignored(HS, record) == reason


# --- rows of exports ------------------------------------------------------------------------------


def test_a_row_tells_the_deal_as_the_api_does() -> None:
    (row,) = translated(CSV, hs_row(property_hs_lastmodifieddate="2024-06-01 8:00:00.5"))
    (deal,) = translated(HS, hs_deal(hs_primary_associated_company=None))
    assert row == deal


def test_rows_are_won_lost_or_deleted() -> None:
    assert types(translated(CSV, hs_row(deal_pipeline_stage_id="closedwon"))) == ["opportunity.won"]
    assert types(translated(CSV, hs_row(deal_pipeline_stage_id="closedlost"))) == ["opportunity.lost"]
    (gone,) = translated(CSV, hs_row(is_deleted="TRUE", deal_pipeline_stage_id=""))
    assert gone["data"]["reason"] == "deleted"


def test_a_row_says_itself_that_it_is_closed_or_was() -> None:
    own = {"deal_pipeline_stage_id": "98765"}
    told = {"property_hs_is_closed": "TRUE", "property_hs_is_closed_won": "TRUE"}
    assert types(translated(CSV, hs_row(**own, **told))) == ["opportunity.won"]
    told["property_hs_is_closed_won"] = "FALSE"
    assert types(translated(CSV, hs_row(**own, **told))) == ["opportunity.lost"]
    told["property_hs_is_closed"] = "FALSE"
    again = hs_row(**own, **told, property_hs_v2_date_entered_closedlost="2024-05-10 08:00:00")
    assert types(translated(CSV, again)) == ["opportunity.changed", "opportunity.reopened"]


def test_each_version_of_a_deal_is_a_snapshot() -> None:
    first = hs_row()["row"]
    second = {**first, "property_hs_lastmodifieddate": "2024-06-02 08:00:00", "property_amount": "7"}
    assert [e["data"]["amount"] for e in translated(CSV, hs_rows("deal", first, second))] == [
        "1500.50",
        "7.00",
    ]


def test_a_row_without_stage_or_stamp_is_refused() -> None:
    assert refused(CSV, hs_row(deal_pipeline_stage_id="")) == (
        "field_missing",
        "/rows/0/deal_pipeline_stage_id",
    )
    assert refused(CSV, hs_row(property_hs_lastmodifieddate="")) == (
        "field_missing",
        "/rows/0/property_hs_lastmodifieddate",
    )


def test_a_history_of_properties_is_the_deal_at_each_of_its_moments() -> None:
    events = translated(
        CSV,
        hs_history(
            ("2024-05-20 8:00:00.250", "dealstage", "closedwon"),
            ("2024-05-20 8:00:00.250", "closedate", "1719766206678"),
            ("2024-05-01 08:00:00", "dealstage", "qualifiedtobuy"),
            ("2024-05-01 08:00:00", "amount", "900"),
            ("2024-05-01 08:00:00", "deal_currency_code", "EUR"),
            ("2024-05-01 08:00:00", "dealtype", "newbusiness"),
        ),
    )
    assert [(e["time"], e["type"], e["data"]["amount"]) for e in events] == [
        ("2024-05-20T08:00:00.25Z", "opportunity.won.v1", "900.00"),
        ("2024-05-01T08:00:00Z", "opportunity.changed.v1", "900.00"),
    ]
    assert events[0]["data"]["signed_on"] == "2024-06-30"


def test_a_history_without_stages_is_not_whole_and_one_without_amounts_says_nothing() -> None:
    at = "2024-05-01 08:00:00"
    assert refused(CSV, hs_history((at, "amount", "900"))) == ("history_incomplete", "/row/deal_id")
    assert ignored(CSV, hs_history((at, "dealstage", "closedwon"))) == "history_without_amount"
    assert ignored(CSV, hs_history((at, "my_own", "x"))) == "properties_not_read"


def test_stages_alone_tell_what_is_lost_and_open_again() -> None:
    events = translated(
        CSV,
        hs_stages(
            ("2024-05-01 08:00:00", "qualifiedtobuy"),
            ("2024-05-10 08:00:00", "closedlost"),
            ("2024-05-20 08:00:00", "contractsent"),
            ("2024-06-20 08:00:00", "closedwon"),
        ),
    )
    assert [(e["time"], e["type"]) for e in events] == [
        ("2024-05-10T08:00:00Z", "opportunity.lost.v1"),
        ("2024-05-20T08:00:00Z", "opportunity.reopened.v1"),
    ]
    assert ignored(CSV, hs_stages(("2024-05-01 08:00:00", "closedwon"))) == "stage_without_amount"
    assert refused(CSV, hs_stages(("2024-05-01 08:00:00", "f66c"))) == ("value_unknown", "/rows/0/value")


def test_a_row_of_a_merged_deal_links_it_to_the_surviving_one() -> None:
    row = {"deal_id": "1", "merged_deal_id": "2", "_fivetran_synced": "2024-06-01 08:00:00"}
    linked, lost = translated(CSV, hs_rows("merged_deal", row))
    assert linked["data"]["keys"] == [KEY.format(2), KEY.format(1)]
    assert (lost["subject"], lost["data"]["reason"]) == ("opportunity/2", "merged")


def test_rows_of_one_deal_are_one_record_and_files_without_deals_stay_rows(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("deal_id,name,value,timestamp\n1,a,x,t\n1,b,y,t\n2,a,z,t\n")
    (tmp_path / "stages.csv").write_text("stage_id,pipeline_id,probability\na,p,0.1\nb,p,1.0\n")
    found = [json.loads(record.payload) for record in CSV.records(tmp_path)]
    assert [(one["object"], len(one.get("rows", "."))) for one in found] == [
        ("deal_property_history", 2),
        ("deal_property_history", 1),
        ("pipeline_stage", 1),
        ("pipeline_stage", 1),
    ]
