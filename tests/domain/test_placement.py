"""Where keys lead: which deal a milestone belongs to, and what makes two deals one."""

from hypothesis import given
from hypothesis import strategies as st

from domain.placement import Forest, leads, place
from tests.domain.events import CRM, applied, event, milestone, order, received

SO1, SO2 = "erp/netsuite/acme:order:SO-1", "erp/netsuite/acme:order:SO-2"
P1, INV1 = "erp/netsuite/acme:payment:P-1", "erp/netsuite/acme:invoice:INV-1"
C1 = "crm/salesforce/acme:customer:C-1"


def test_unknown_keys_lead_to_a_new_stream() -> None:
    assert place((SO1,), (), {}, Forest()) == (None, ())


def test_one_known_key_leads_to_its_deal() -> None:
    assert place((SO1, SO2), (), {SO2: 4}, Forest()) == (4, ())


def test_keys_of_two_deals_join_them_under_the_lower_stream() -> None:
    assert place((SO1, SO2), (), {SO1: 9, SO2: 4}, Forest()) == (4, (9,))


def test_keys_of_deals_joined_earlier_join_nothing_more() -> None:
    forest = Forest()
    forest.link(9, 4)
    assert place((SO1, SO2), (), {SO1: 9, SO2: 4}, forest) == (4, ())


def test_a_payment_goes_home_and_joins_nothing() -> None:
    assert place((), (P1, "psp/stripe/acme:payment:ch_1"), {P1: 5}, Forest()) == (5, ())
    assert place((), (P1, "x/y/z:payment:2"), {P1: 5, "x/y/z:payment:2": 3}, Forest()) == (3, ())


def test_an_order_states_keys_that_join() -> None:
    found = leads(milestone(order(keys=["crm/salesforce/acme:opportunity:006A", C1])))
    assert found == (("crm/salesforce/acme:opportunity:006A", SO1), (), None, True)


def test_a_payment_received_alone_has_only_its_home() -> None:
    assert leads(milestone(received())) == ((), (P1,), P1, True)


def test_a_payment_received_for_an_invoice_belongs_to_that_deal() -> None:
    assert leads(milestone(received(keys=[INV1]))) == ((INV1,), (P1,), P1, True)


def test_an_application_belongs_to_its_invoice_and_knows_its_payment() -> None:
    found = leads(milestone(applied()))
    assert found.joining == ("erp/netsuite/acme:application:P-1-INV-1", INV1)
    assert (found.homes, found.payment) == ((P1,), P1)


def test_a_customer_that_is_merely_mentioned_leads_nowhere() -> None:
    assert C1 not in leads(milestone(received(keys=[C1]))).homes


def test_what_is_only_about_a_customer_goes_to_that_customers_stream() -> None:
    merged = event("customer.merged", "customer/C-1", source=CRM, customer="C-1", into="C-2")
    assert leads(milestone(merged)) == ((), (C1,), None, True)


def test_a_correction_joins_nothing_and_leads_nobody() -> None:
    voided = event(
        "milestone.voided", "order/SO-1", target={"source": "/erp/netsuite/acme", "id": "o1"}, reason="typo",
        keys=[SO2],
    )  # fmt: skip
    assert leads(milestone(voided)) == ((), (SO1, SO2), None, False)


@st.composite
def _merges(draw: st.DrawFn) -> list[tuple[int, int]]:
    return draw(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), max_size=20))


@given(_merges())
def test_the_forest_is_the_partition_that_the_joins_make(merges: list[tuple[int, int]]) -> None:
    forest = Forest()
    groups = {stream: {stream} for stream in range(1, 13)}
    for a, b in merges:
        low, high = sorted((forest.root(a), forest.root(b)))
        if low != high:
            forest.link(high, low)
        joined = groups[a] | groups[b]
        for stream in joined:
            groups[stream] = joined
    for stream, joined in groups.items():
        assert forest.root(stream) == min(joined)
