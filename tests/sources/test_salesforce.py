"""Salesforce rows and what they become."""

from pathlib import Path

import pytest

from adapters.sources import SOURCES
from adapters.sources.base import FileRefused
from adapters.sources.mapping import MappedSource
from adapters.sources.mapping.cutting import column_name
from tests.sources.checks import ignored, refused, translated, types
from tests.sources.samples import sf, sf_opportunity, sf_order

SF = SOURCES["salesforce"]
CRM = "crm/salesforce/acme"


def kind_of(row: dict[str, str]) -> str:
    """The kind that the columns of a row tell."""
    assert isinstance(SF, MappedSource)
    return SF.mapping.cutting.kind_of(frozenset(row))


def test_an_open_opportunity_is_a_snapshot_with_its_version() -> None:
    (event,) = translated(SF, sf_opportunity())
    assert types([event]) == ["opportunity.changed"]
    assert event["id"] == "opportunity/006A@2024-06-01T08:00:00Z:opportunity.changed"
    assert event["sequence"] == "1717228800000000"
    body = event["data"]
    assert (body["currency"], body["amount"], body["probability"]) == ("EUR", "120000.50", "0.65")
    assert (body["stage"], body["close_on"]) == ("Negotiation", "2024-06-30")


def test_the_same_row_again_is_the_same_milestone_and_a_later_one_another() -> None:
    assert translated(SF, sf_opportunity()) == translated(SF, sf_opportunity())
    (later,) = translated(SF, sf_opportunity(system_modstamp="2024-06-01 08:00:00.5"))
    (first,) = translated(SF, sf_opportunity())
    assert later["id"] != first["id"]
    assert int(later["sequence"]) > int(first["sequence"])


def test_columns_of_salesforce_itself_are_known_too() -> None:
    row = {
        "Id": "006A",
        "AccountId": "001A",
        "Amount": "5",
        "CurrencyIsoCode": "EUR",
        "CloseDate": "2024-06-30",
        "SystemModstamp": "2024-06-01T08:00:00.000Z",
        "StageName": "Negotiation",
        "IsWon": "0",
        "IsClosed": "0",
        "IsDeleted": "0",
    }
    assert kind_of(row) == "opportunity"
    assert types(translated(SF, sf("opportunity", **row))) == ["opportunity.changed"]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Product2Id", "product_2_id"),
        ("SBQQ__Quote__c", "sbqq_quote_c"),
        ("_fivetran_start", "_fivetran_start"),
        ("netsuite_conn__NetSuite_Id__c", "netsuite_conn_net_suite_id_c"),
    ],
)
def test_a_column_has_one_name(header: str, name: str) -> None:
    assert column_name(header) == name


def test_a_won_opportunity_is_won_on_its_close_date() -> None:
    (won,) = translated(SF, sf_opportunity(is_won="true", is_closed="true"))
    assert types([won]) == ["opportunity.won"]
    body = won["data"]
    assert (body["class"], body["signed_on"], body["effective_on"]) == ("new", "2024-06-30", "2024-06-30")


@pytest.mark.parametrize(
    ("kind", "class_"), [("Renewal", "renewal"), ("Existing Customer - Upgrade", "expansion")]
)
def test_the_type_of_an_opportunity_is_the_class_of_its_booking(kind: str, class_: str) -> None:
    (won,) = translated(SF, sf_opportunity(is_won="true", type=kind))
    assert won["data"]["class"] == class_


def test_a_win_of_unknown_class_or_without_currency_or_amount_is_refused() -> None:
    assert refused(SF, sf_opportunity(is_won="true", type="x7==")) == ("value_unknown", "/row/type")
    assert refused(SF, sf_opportunity(currency_iso_code="")) == ("field_missing", "/row/currency_iso_code")
    assert refused(SF, sf_opportunity(amount="")) == ("field_missing", "/row/amount")


def test_a_closed_opportunity_that_is_not_won_is_lost() -> None:
    (lost,) = translated(SF, sf_opportunity(is_closed="true", amount="", loss_reason_c="price"))
    assert (lost["type"], lost["data"]["reason"]) == ("opportunity.lost.v1", "price")
    assert lost["data"]["effective_on"] == "2024-06-30"


@pytest.mark.parametrize("won", ["true", "false"])
def test_a_deleted_opportunity_is_lost_whatever_it_was_worth(won: str) -> None:
    (lost,) = translated(SF, sf_opportunity(is_deleted="TRUE", is_won=won, amount="", currency_iso_code=""))
    assert (lost["type"], lost["data"]["reason"]) == ("opportunity.lost.v1", "deleted")
    assert "effective_on" not in lost["data"]


def test_a_version_of_a_history_counts_from_its_start() -> None:
    row = {**sf_opportunity()["row"], "_fivetran_start": "2024-05-20 07:00:00"}
    assert kind_of(row) == "opportunity_history"
    (event,) = translated(SF, sf("opportunity_history", **row))
    assert event["time"] == "2024-05-20T07:00:00Z"


def test_without_a_stamp_of_its_own_a_row_is_dated_by_the_connector_or_refused() -> None:
    copied = sf_opportunity(system_modstamp="", _fivetran_synced="2024-06-02 09:00:00")
    assert translated(SF, copied)[0]["time"] == "2024-06-02T09:00:00Z"
    assert refused(SF, sf_opportunity(system_modstamp="")) == ("field_missing", "/row/system_modstamp")


@pytest.mark.parametrize("share", ["1000", "-1"])
def test_a_probability_beyond_100_per_cent_is_refused(share: str) -> None:
    assert refused(SF, sf_opportunity(probability=share)) == ("probability_range", "/row/probability")


def test_an_order_is_a_claim_that_ties_quote_opportunity_and_erp_order_together() -> None:
    (event,) = translated(SF, sf_order())
    assert (event["source"], event["type"]) == ("/crm/salesforce/acme", "order.submitted.v1")
    assert event["time"] == "2024-06-30T12:00:00Z"
    assert event["data"]["keys"] == [
        f"{CRM}:order:801A",
        "cpq/salesforce/acme:quote:a0Q1",
        f"{CRM}:opportunity:006A",
        "erp/netsuite/acme:order:934887",
        "erp/netsuite/acme:order:SO4866",
    ]


def test_an_order_that_names_two_erp_orders_is_refused() -> None:
    assert refused(SF, sf_order(celigo_sfnsio_net_suite_id_c="1")) == (
        "key_contradictory",
        "/row/celigo_sfnsio_net_suite_id_c",
    )


def test_draft_and_deleted_orders_are_ignored_and_activation_needs_a_time() -> None:
    assert ignored(SF, sf_order(status_code="Draft")) == "draft"
    assert ignored(SF, sf_order(is_deleted="TRUE")) == "deleted"
    assert refused(SF, sf_order(activated_date="")) == ("field_missing", "/row/activated_date")
    assert refused(SF, sf_order(status_code="Done")) == ("value_unknown", "/row/status_code")
    assert refused(SF, sf_order(is_deleted="maybe")) == ("flag_format", "/row/is_deleted")


def test_lines_and_master_records_are_ignored_and_unknown_rows_refused() -> None:
    assert ignored(SF, sf("opportunity_line_item", id="00kA")) == "part_of_opportunity"
    assert ignored(SF, sf("order_item", id="802A")) == "part_of_order"
    assert ignored(SF, sf("account", id="001A")) == "master_data"
    assert refused(SF, sf("unknown", a="b")) == ("object_unknown", "/object")
    assert refused(SF, {**sf_order(), "beyond": ["x"]}) == ("row_ragged", "/beyond")


def test_the_header_tells_the_kind_whatever_the_file_is_called(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("StageName,CloseDate,IsWon,Id\nx,2024-01-01,0,1\n")
    (tmp_path / "other.csv").write_text("id,b\n1,2\n")
    assert [record.payload[:26] for record in SF.records(tmp_path)] == [
        b'{"object":"opportunity","r',
        b'{"object":"unknown","row":',
    ]


def test_a_file_with_none_of_the_columns_is_refused_whole(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a;b\n1;2\n")
    with pytest.raises(FileRefused, match=r"none of the columns .* found `a;b`, 1 with .* is ';'"):
        list(SF.records(tmp_path))


def test_a_cell_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"StageName,CloseDate,IsWon,Id\nGesch\xe4ft,2024-01-01,0,1\n")
    (record,) = SF.records(tmp_path)
    assert SF.translate(record.payload, "acme").refused[0].code == "text_encoding"


def test_an_id_is_the_same_in_15_and_in_18_characters() -> None:
    short, whole = "0065e00000AbCdE", "0065e00000AbCdEAAV"
    (first,) = translated(SF, sf_opportunity(id=short, account_id="0015e00000AbCdE"))
    (second,) = translated(SF, sf_opportunity(id=whole, account_id="0015e00000AbCdEAAV"))
    assert first == second
    assert first["subject"] == f"opportunity/{whole}"
    (order,) = translated(SF, sf_order(opportunity_id=short, netsuite_conn_opportunity_c=whole))
    assert f"{CRM}:opportunity:{whole}" in order["data"]["keys"]
