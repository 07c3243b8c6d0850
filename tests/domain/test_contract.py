"""From a CloudEvent to a milestone: what each type needs, what is refused, and with which reason where."""

import copy
from typing import Any

import msgspec
import pytest

from domain.canonical import decode_json
from domain.contract import SENT, parse_event, read_held
from domain.instants import parse_day
from domain.milestones import InvoicePosted, MilestoneCorrected, OpportunityOpened, OrderAccepted
from domain.refusals import Refused
from tests.domain.events import Event, event, invoice, line, order, received
from tests.domain.samples import SAMPLES


def reasons_of(made: Any) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as refused:
        parse_event(made)
    assert all(reason.message for reason in refused.value.reasons), "a reason says what to do"
    return [(reason.code, reason.pointer) for reason in refused.value.reasons]


def changed(made: Event, pointer: str, value: Any) -> Event:
    """A copy with one value replaced, or left out (...)."""
    found = copy.deepcopy(made)
    *path, last = pointer.strip("/").split("/")
    inner: Any = found
    for step in path:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[int(last) if isinstance(inner, list) else last] = value
    return found


@pytest.mark.parametrize("name", sorted(SENT))
def test_every_type_is_read_with_all_its_fields(name: str) -> None:
    milestone = parse_event(SAMPLES[name])
    assert type(milestone) is SENT[name].struct
    assert milestone.name == name
    assert milestone.sequence == "7"
    assert milestone.attributes["actor"] == "kim"


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        (name, field.wire)
        for name, described in sorted(SENT.items())
        for field in described.fields
        if field.required
    ],
)
def test_a_required_field_that_is_missing_is_named(name: str, wire: str) -> None:
    assert ("field_missing", f"/data/{wire}") in reasons_of(changed(SAMPLES[name], f"/data/{wire}", ...))


def test_amounts_become_minor_units_and_dates_day_numbers() -> None:
    made = parse_event(changed(order(), "/data/lines/0/net", "120000.00"))
    assert isinstance(made, OrderAccepted)
    assert made.lines[0].net == 12_000_000
    assert made.class_ == "new"
    posted = parse_event(invoice())
    assert isinstance(posted, InvoicePosted)
    assert posted.due_on == parse_day("2026-04-01")


def test_the_business_date_defaults_to_the_day_of_time_in_utc() -> None:
    late = order() | {"time": "2026-03-01T23:30:00-02:00"}
    assert parse_event(late).effective == parse_day("2026-03-02")
    assert parse_event(changed(late, "/data/effective_on", "2026-01-05")).effective == parse_day("2026-01-05")


def test_the_subjects_own_key_is_always_among_the_keys() -> None:
    made = parse_event(order(keys=["crm/salesforce/acme:opportunity:006A"]))
    assert made.keys == ("crm/salesforce/acme:opportunity:006A", "erp/netsuite/acme:order:SO-1")
    assert parse_event(order()).keys == ("erp/netsuite/acme:order:SO-1",)


@pytest.mark.parametrize(
    ("pointer", "value", "reason"),
    [
        ("/data/currency", "XXX", ("currency_unknown", "/data/currency")),
        ("/data/currency", 978, ("currency_unknown", "/data/currency")),
        ("/data/lines/0/net", "1.005", ("amount_precision", "/data/lines/0/net")),
        ("/data/lines/0/net", 1.5, ("amount_format", "/data/lines/0/net")),
        ("/data/lines/0/net", 15, ("amount_format", "/data/lines/0/net")),
        ("/data/lines/0/net", "NaN", ("amount_format", "/data/lines/0/net")),
        ("/data/lines/0/kind", "gift", ("value_unknown", "/data/lines/0/kind")),
        ("/data/lines/0/kind", ..., ("field_missing", "/data/lines/0/kind")),
        ("/data/keys", ["SO-1"], ("key_format", "/data/keys/0")),
        ("/data/keys", "SO-1", ("keys_format", "/data/keys")),
        ("/data/dimensions", {"colour": "red"}, ("dimension_unknown", "/data/dimensions/colour")),
        ("/data/effective_on", "01.03.2026", ("date_format", "/data/effective_on")),
        ("/data", "x", ("data_missing", "/data")),
        ("/subject", ..., ("subject_missing", "/subject")),
        ("/subject", "SO-1", ("subject_format", "/subject")),
        ("/time", ..., ("time_missing", "/time")),
        ("/source", "netsuite", ("source_format", "/source")),
        ("/source", "/shop/netsuite/acme", ("source_format", "/source")),
        ("/type", "order.accepted.v2", ("type_version_unknown", "/type")),
        ("/type", "order.teleported.v1", ("type_unknown", "/type")),
        ("/id", "x\0y", ("text_format", "/id")),
        ("/id", "x" * 1001, ("text_format", "/id")),
    ],
)
def test_what_can_not_be_understood_has_a_code_and_a_pointer(
    pointer: str, value: Any, reason: tuple[str, str]
) -> None:
    assert reason in reasons_of(changed(order(), pointer, value))


def test_all_reasons_are_found_in_one_reading() -> None:
    bad = changed(changed(changed(order(), "/time", ...), "/data/lines/0/net", "x"), "/data/order", ...)
    assert {code for code, _ in reasons_of(bad)} >= {"time_missing", "amount_format", "field_missing"}


def test_amounts_without_a_currency_are_those_of_their_document() -> None:
    promise = event("promise.made", "invoice/INV-1", invoice="INV-1", amount="10.123")
    assert parse_event(promise).amount == "10.123"  # type: ignore[attr-defined]


def test_an_opportunity_needs_lines_or_an_amount() -> None:
    bare = event("opportunity.opened", "opportunity/006A", currency="EUR")
    assert reasons_of(bare) == [("field_missing", "/data/lines")]
    made = parse_event(changed(bare, "/data/amount", "10.00"))
    assert isinstance(made, OpportunityOpened)
    assert made.amount == 1000


def test_a_line_number_may_stand_once() -> None:
    doubled = changed(order(), "/data/lines", [line(), line()])
    assert reasons_of(doubled) == [("line_repeated", "/data/lines")]


def test_a_correction_carries_a_whole_milestone_that_is_checked_too() -> None:
    replacement = changed(order(), "/data/currency", "XXX")
    correction = event(
        "milestone.corrected", "correction/K-1",
        target={"source": "/erp/netsuite/acme", "id": "o1"}, reason="typo", replacement=replacement,
    )  # fmt: skip
    assert ("currency_unknown", "/data/replacement/data/currency") in reasons_of(correction)
    made = parse_event(changed(correction, "/data/replacement", order()))
    assert isinstance(made, MilestoneCorrected)
    assert made.target.id == "o1"


def test_a_large_integer_survives() -> None:
    policy = SAMPLES["policy.activated.v1"]
    made = parse_event(changed(policy, "/data/settings", {"n": 2**63 - 1}))
    assert made.settings == {"n": 2**63 - 1}  # type: ignore[attr-defined]


def test_a_number_in_a_document_number_is_taken_as_its_digits() -> None:
    assert parse_event(changed(received(), "/data/payment", 77)).payment == "77"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "time",
    [
        "0001-01-01T00:00:00+23:59",
        "0001-01-01T23:59:59Z",
        "9999-12-31T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "9999-12-31T23:59:60Z",
        "9999-12-30T23:59:60Z",
    ],
)
def test_a_time_at_the_ends_of_the_calendar_is_refused_for_its_day_could_lie_outside(time: str) -> None:
    assert reasons_of(order() | {"time": time}) == [("time_range", "/time")]
    dated = changed(order() | {"time": time}, "/data/effective_on", "2026-03-01")
    assert reasons_of(dated) == [("time_range", "/time")]
    correction = changed(SAMPLES["milestone.corrected.v1"], "/data/replacement", dated)
    assert reasons_of(correction) == [("time_range", "/data/replacement/time")]


@pytest.mark.parametrize("time", ["0001-01-02T00:00:00Z", "9999-12-30T23:59:59.999999Z"])
def test_a_time_within_a_day_of_the_ends_of_the_calendar_is_read(time: str) -> None:
    assert parse_event(order() | {"time": time}).time == time


def test_a_correction_from_before_times_had_a_range_is_still_read_as_it_is_held() -> None:
    far = order() | {"time": "0001-01-01T00:00:00+23:59"}
    assert read_held(msgspec.json.encode(far)).time == far["time"]
    correction = changed(SAMPLES["milestone.corrected.v1"], "/data/replacement", far)
    assert isinstance(read_held(msgspec.json.encode(correction)), MilestoneCorrected)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (b'{"a":{"b/c":[1,0.5]}}', ("number_format", "/data/settings/a/b~1c/1")),
        (b'{"a":1e2}', ("number_format", "/data/settings/a")),
        (b'{"a":18446744073709551616}', ("number_range", "/data/settings/a")),
        (b'{"a":-9223372036854775809}', ("number_range", "/data/settings/a")),
    ],
)
def test_a_number_that_settings_can_not_hold_is_told_with_its_place(
    settings: bytes, reason: tuple[str, str]
) -> None:
    held, _ = decode_json(settings)
    made = changed(SAMPLES["policy.activated.v1"], "/data/settings", held)
    assert reasons_of(made) == [reason]
    correction = changed(SAMPLES["milestone.corrected.v1"], "/data/replacement", made)
    code, at = reason
    assert reasons_of(correction) == [(code, "/data/replacement" + at)]


def test_a_fraction_in_what_is_not_read_hinders_a_replacement_as_little_as_a_milestone() -> None:
    held, _ = decode_json(b'{"score":0.85}')
    made = changed(order(), "/data/extra", held)
    parse_event(made)
    correction = parse_event(changed(SAMPLES["milestone.corrected.v1"], "/data/replacement", made))
    assert isinstance(correction, MilestoneCorrected)
    assert b'{"score":0.85}' in correction.replacement


def test_of_very_many_numbers_out_of_place_the_first_hundred_are_told() -> None:
    made = changed(SAMPLES["policy.activated.v1"], "/data/settings", {"a": [0.5] * 10_000})
    assert len(reasons_of(made)) == 100
