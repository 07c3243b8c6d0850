"""What the ledger answers, and what it leaves behind: the outcomes of contract.md section 2."""

from hashlib import sha256

import pytest

from domain.ledger import Ledger
from tests.domain.events import ERP, Event, applied, event, invoice, order, received
from tests.ingest.conftest import Ask
from tests.ingest.messages import body, ready, said

SO = "erp/netsuite/acme:order:SO-"


def test_a_milestone_is_recorded_with_its_bytes(ledger: Ledger, ask: Ask) -> None:
    made = order()
    assert said(ledger.record(ready(ledger, made))) == [("recorded", 1)]
    ((position, stream, version, topic, inbox),) = ask(
        "SELECT position, stream, version, topic, inbox FROM log"
    )
    assert (position, stream, version, topic) == (1, 1, 1, "order.accepted.v1")
    assert ask("SELECT id, source, body, digest FROM inbox") == [
        (inbox, ERP, body(made), sha256(body(made)).digest())
    ]
    assert ask("SELECT first, last FROM log_commit") == [(1, 1)]
    assert ask("SELECT key, stream, position FROM deal_key") == [(SO + "1", 1, 1)]


V1 = order() | {"sequence": 1}
MATRIX: list[tuple[str, Event, Event, str]] = [
    ("the same again", order(), order(), "duplicate"),
    ("other content", order(), order(net="1.00"), "conflict"),
    ("other time", order(), order() | {"time": "2026-03-01T10:00:01Z"}, "conflict"),
    ("other type", order(), event("order.submitted", "order/SO-1", "o1", order="SO-1"), "conflict"),
    ("other subject", order(), order() | {"subject": "order/SO-9"}, "conflict"),
    ("a version more", order(), order() | {"sequence": "1"}, "conflict"),
    ("other extensions", order(), order() | {"actor": "kim"}, "duplicate"),
    ("another id", order(), order(id_="o2"), "recorded"),
    ("another source", order(), order() | {"source": "/erp/sap/acme"}, "recorded"),
    ("same version", V1, order(id_="o2") | {"sequence": "1"}, "duplicate"),
    ("same version, other content", V1, order(id_="o2", net="1.00") | {"sequence": 1}, "conflict"),
    ("same version of another subject", V1, order("SO-2", "o2") | {"sequence": 1}, "recorded"),
    ("same version of another type", V1,
     event("order.submitted", "order/SO-1", "o2", order="SO-1", sequence=1), "recorded"),
    ("same version from another source", V1,
     order(id_="o2") | {"sequence": 1, "source": "/erp/sap/acme"}, "recorded"),
]  # fmt: skip


@pytest.mark.parametrize("apart", [False, True], ids=["in one batch", "in two"])
@pytest.mark.parametrize(
    ("first", "second", "outcome"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX]
)
def test_the_second_of_two_messages_is(
    ledger: Ledger, ask: Ask, first: Event, second: Event, outcome: str, apart: bool
) -> None:
    items = ready(ledger, first, second)
    answers = [*ledger.record(items[:1]), *ledger.record(items[1:])] if apart else ledger.record(items)
    assert said(answers) == [("recorded", 1), (outcome, 2 if outcome == "recorded" else 1)]
    assert ask("SELECT count(*) FROM log") == [(2 if outcome == "recorded" else 1,)]
    assert ask("SELECT count(*) FROM inbox") == [(1 if outcome == "duplicate" else 2,)]
    assert ask("SELECT count(*) FROM conflict") == [(1 if outcome == "conflict" else 0,)]


def test_a_conflict_keeps_both_and_the_first_stands(ledger: Ledger, ask: Ask) -> None:
    for made in (order(), order(net="1.00"), order(net="1.00"), order(net="2.00"), order()):
        ledger.record(ready(ledger, made))
    assert ask(
        "SELECT c.position, i.body FROM conflict AS c JOIN inbox AS i ON i.id = c.inbox ORDER BY c.id"
    ) == [
        (1, body(order(net="1.00"))),
        (1, body(order(net="2.00"))),
    ]
    assert said(ledger.record(ready(ledger, order(net="1.00"), order()))) == [
        ("conflict", 1),
        ("duplicate", 1),
    ]


def test_a_quarantined_id_stays_free(ledger: Ledger) -> None:
    bad = order() | {"time": "soon"}
    first, second = ledger.record(ready(ledger, bad)), ledger.record(ready(ledger, order()))
    assert said([*first, *second]) == [("quarantined", None), ("recorded", 1)]
    assert [(reason.code, reason.pointer) for reason in first[0].reasons] == [("time_format", "/time")]


def test_the_same_unreadable_bytes_are_kept_once(ledger: Ledger, ask: Ask) -> None:
    answers = [ledger.record(ready(ledger, b"{", b"{"))[0], ledger.record(ready(ledger, b"{"))[0]]
    assert [answer.quarantine for answer in answers] == [1, 1]
    assert ask("SELECT body FROM inbox") == [(b"{",)]


def test_an_answer_comes_for_every_item_in_order(ledger: Ledger) -> None:
    outcomes = ledger.record(ready(ledger, b"", order(), b"[]", order(), invoice(), order(net="1.00")))
    assert said(outcomes) == [
        ("quarantined", None), ("recorded", 1), ("quarantined", None), ("duplicate", 1), ("recorded", 2),
        ("conflict", 1),
    ]  # fmt: skip


def test_nothing_recorded_is_no_commit(ledger: Ledger, ask: Ask) -> None:
    assert ledger.record([]) == []
    ledger.record(ready(ledger, b"{"))
    assert ask("SELECT count(*) FROM log_commit") == [(0,)]
    ledger.record(ready(ledger, order()))
    ledger.record(ready(ledger, order()))
    assert ask("SELECT first, last FROM log_commit") == [(1, 1)]


def test_an_invoice_before_its_order_is_recorded_and_its_deal_is_found(ledger: Ledger, ask: Ask) -> None:
    ledger.record(ready(ledger, invoice(keys=[SO + "1"])))
    ledger.record(ready(ledger, order()))
    assert ask("SELECT position, stream, version FROM log ORDER BY 1") == [(1, 1, 1), (2, 1, 2)]


def test_deals_found_to_be_one_are_linked_and_nothing_is_rewritten(ledger: Ledger, ask: Ask) -> None:
    ledger.record(ready(ledger, order("SO-1", "o1"), order("SO-2", "o2"), order("SO-3", "o3")))
    ledger.record(ready(ledger, event("deals.linked", "link/1", "l1", keys=[SO + "3", SO + "2"])))
    ledger.record(ready(ledger, event("deals.linked", "link/2", "l2", keys=[SO + "3", SO + "1"])))
    ledger.record(ready(ledger, invoice(keys=[SO + "3"])))
    assert ask("SELECT child, parent, position FROM deal_link ORDER BY position") == [(3, 2, 4), (2, 1, 5)]
    assert ask("SELECT position, stream, version FROM log ORDER BY 1") == [
        (1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 2, 2), (5, 1, 2), (6, 1, 3),
    ]  # fmt: skip


def test_one_milestone_may_join_many_deals(ledger: Ledger, ask: Ask) -> None:
    ledger.record(ready(ledger, *[order(f"SO-{n}", f"o{n}") for n in range(1, 5)]))
    ledger.record(ready(ledger, event("deals.linked", "link/1", "l1", keys=[SO + str(n) for n in (4, 2, 3)])))
    assert ask("SELECT child, parent, position FROM deal_link ORDER BY child") == [(3, 2, 5), (4, 2, 5)]


def test_a_payment_alone_has_a_stream_that_its_later_messages_find(ledger: Ledger, ask: Ask) -> None:
    reversed_ = event("payment.reversed", "payment/P-1", "r1", payment="P-1")
    ledger.record(ready(ledger, received(), order()))
    ledger.record(ready(ledger, reversed_))
    assert ask("SELECT position, stream FROM log ORDER BY 1") == [(1, 1), (2, 2), (3, 1)]


def test_a_payment_applied_belongs_to_its_invoice_and_crosses_to_its_home(ledger: Ledger, ask: Ask) -> None:
    ledger.record(ready(ledger, received(), invoice()))
    ledger.record(ready(ledger, applied()))
    assert ask("SELECT stream FROM log ORDER BY position") == [(1,), (2,), (2,)]
    assert ask("SELECT stream_a, stream_b, position FROM payment_crossing") == [(2, 1, 3)]
    assert ask("SELECT count(*) FROM deal_link") == [(0,)]


def test_a_customer_joins_nothing(ledger: Ledger, ask: Ask) -> None:
    customer = "crm/salesforce/acme:customer:C-1"
    ledger.record(ready(ledger, order("SO-1", "o1", keys=[customer]), order("SO-2", "o2", keys=[customer])))
    ledger.record(ready(ledger, received(keys=[customer])))
    assert ask("SELECT stream FROM log ORDER BY position") == [(1,), (2,), (3,)]


def test_recorded_times_increase_from_commit_to_commit(ledger: Ledger, ask: Ask) -> None:
    for n in range(5):
        ledger.record(ready(ledger, order(f"SO-{n}", f"o{n}")))
    times = [row[0] for row in ask("SELECT recorded_at FROM log_commit ORDER BY first")]
    assert times == sorted(set(times))


def test_a_clock_that_was_set_back_does_not_set_the_ledger_back(ledger: Ledger, ask: Ask) -> None:
    ledger.record(ready(ledger, order()))
    with ledger.recorder.datastore.get_connection() as connection:  # type: ignore[attr-defined]
        connection.execute("INSERT INTO log_commit VALUES (2, 2, now() + interval '1 day')")
    ledger.record(ready(ledger, invoice()))
    assert ask(
        "SELECT b.recorded_at - a.recorded_at = interval '1 microsecond'"
        " FROM log_commit AS a, log_commit AS b WHERE a.first = 2 AND b.first = 3"
    ) == [(True,)]


def test_one_call_with_more_than_ten_megabytes_returns(ledger: Ledger, ask: Ask) -> None:
    made = [order(f"SO-{n}", f"o{n}") for n in range(200)]
    for each in made:
        each["data"]["note"] = "x" * 100_000
    outcomes = ledger.record(ready(ledger, *made))
    assert {outcome.outcome for outcome in outcomes} == {"recorded"}
    assert ask("SELECT sum(length(body)) > 20000000, count(*) FROM inbox") == [(True, 200)]


def test_a_key_longer_than_an_index_takes_is_refused_and_no_batch_sinks(ledger: Ledger) -> None:
    long = order("\u4e00" * 900)
    outcomes = ledger.record(ready(ledger, order("SO-1", "o2"), long))
    assert said(outcomes) == [("recorded", 1), ("quarantined", None)]
    assert outcomes[1].reasons[0].code == "key_too_long"
