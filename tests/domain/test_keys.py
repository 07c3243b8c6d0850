"""Business keys: their form, which of them join deals, and which one names a deal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.keys import is_key, joins, kind_of, own_key, payment_key, public_name


@pytest.mark.parametrize(
    "text",
    [
        "erp/netsuite/acme:order:SO-1",
        "erp/netsuite/acme:order:a:b",
        "crm/salesforce/acme:opportunity:006/A b",
    ],
)
def test_a_key_is_a_system_an_object_and_a_native_id(text: str) -> None:
    assert is_key(text)


@pytest.mark.parametrize(
    "text",
    ["", "SO-1", "erp:order:SO-1", "erp/netsuite:order:SO-1", "erp/netsuite/acme:order",
     "erp/netsuite/acme::1", "erp/netsuite/acme:order:", "/erp/netsuite/acme:order:1", "erp//acme:order:1"],
)  # fmt: skip
def test_anything_else_is_no_key(text: str) -> None:
    assert not is_key(text)


def test_payments_customers_and_products_never_join() -> None:
    kinds = {"order": True, "invoice": True, "payment": False, "customer": False, "product": False}
    assert {kind: joins(f"erp/netsuite/acme:{kind}:1") for kind in kinds} == kinds


def test_a_subject_has_a_key_of_its_own() -> None:
    assert own_key("/erp/netsuite/acme", "order/SO/1") == "erp/netsuite/acme:order:SO/1"
    assert payment_key("/erp/netsuite/acme", "7") == "erp/netsuite/acme:payment:7"


RANKED = ["opportunity", "quote", "contract", "subscription", "order", "invoice", "payment", "usage"]


@given(st.permutations(RANKED))
def test_a_deal_is_named_by_the_first_kind_of_object_that_it_has(kinds: list[str]) -> None:
    name = public_name(f"a/b/c:{kind}:1" for kind in kinds[:4])
    assert kind_of(name) == min(kinds[:4], key=RANKED.index)


def test_of_one_kind_the_smallest_key_names_the_deal() -> None:
    assert public_name(["b/b/c:order:1", "a/b/c:order:2"]) == "a/b/c:order:2"
