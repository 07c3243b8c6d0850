"""Reports that carry their proof, and what becomes of them when the books are folded again from a bundle."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from adapters.bundles import forms
from adapters.bundles.findings import Wrong
from adapters.transparency.keys import Signer, make_key
from api.parameters import REPORT, question
from api.proving import refolding
from api.proving.checking import NO_TRUST
from api.proving.notes import Trust
from api.proving.proofs import parameters
from api.proving.reports import Compared, compare, versions
from api.proving.telling import compared_lines, compared_told
from domain.notes import read_note
from projections.measures import VIEWS
from projections.questions import GROUPS
from scripts.sample_company import make_sample
from tests.api.running import serving
from tests.api.samples import LINES
from tests.audit.forging import apart, rogue, with_planted
from tests.projections import events as e
from tests.projections import revising as r

UNTIL = date(2026, 10, 31)


class Company(NamedTuple):
    """A ledger over HTTP, and the bundle of all that is in it."""

    client: httpx.Client
    bundle: bytes
    head: int
    middle: int
    key: Path

    @property
    def origin(self) -> str:
        """The ledger's name."""
        return read_note(apart(self.bundle)[forms.MANIFEST]).text.split("\n")[1]

    def report(self, view: str, **params: Any) -> bytes:
        if not params.keys() & {"known_at", "known_position", "cursor"}:
            params["known_position"] = self.head
        answer = self.client.get(f"/v1/reports/{view}", params={**params, "proof": "true"})
        assert answer.status_code == 200, answer.text
        return answer.content


@pytest.fixture(scope="module")
def company(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A sample company with rates, a policy that posts otherwise, closed periods and a late fact."""
    schema = "audit_company"
    key = tmp_path_factory.mktemp("key") / "signing.key"
    make_key(key)
    content = b"".join(arrival.line for arrival in make_sample(7, 6, UNTIL).delivery.arrivals)
    late = e.won("2026-02-03", e.line("SVC", "90.00"), number="O-LATE", currency="USD")
    more = [
        r.rate("2026-01-01", "USD", "EUR", "0.9"),
        r.policy("2025-01-01", "2", {"proration": "monthly"}),
        r.closed("2026-04-01", "2026-02"),
        late,
        r.corrected("2026-04-02", late, e.won("2026-02-03", e.line("SVC", "95.00"), number="O-LATE")),
    ]
    try:
        with serving(server_url, schema, signing_key=key) as client:
            answer = client.post("/v1/events", content=content, headers={"Content-Type": LINES})
            middle = max(result["position"] or 0 for result in answer.json()["results"])
            answer = client.post("/v1/events", json=more)
            head = answer.json()["results"][-1]["position"]
            client.get("/v1/reports/billing", params={"at_least": head}).raise_for_status()
            client.get("/v1/audit/checkpoint", params={"fresh": "1"}).raise_for_status()
            bundle = client.get("/v1/audit/bundle")
            assert bundle.status_code == 200, bundle.text
            yield Company(client, bundle.content, head, middle, key)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch, server_url: str, fresh_schema: str) -> None:
    """Refold in a schema of the tests' server, as in a database of its own, which takes time to start."""

    @contextmanager
    def server(_folder: Path, **_settings: Any) -> Iterator[str]:
        yield server_url

    monkeypatch.setattr(refolding, "EmbeddedServer", server)
    monkeypatch.setattr(refolding, "SCHEMA", fresh_schema)


def against(company: Company, report: bytes) -> Compared:
    return compare(report, io.BytesIO(company.bundle), NO_TRUST)


SPAN = {"from": "2026-01-01", "to": "2026-06-30"}
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    *((view, {"at": "2026-06-30"}) for view in VIEWS),
    ("bookings", {**SPAN, "by": "month,class"}),
    ("arr", {**SPAN, "by": "customer"}),
    ("billing", {**SPAN, "basis": "as_reported", "by": "deal,product"}),
    ("backlog", {"at": "2026-06-30", "by": "deal", "limit": 2}),
    ("collections", {"at": "2026-06-30", "currency": "EUR", "rate": "closing", "by": "customer"}),
    ("pipeline", {"at": "2026-06-30", "currency": "EUR", "rate": "transaction"}),
    ("bookings", {**SPAN, "currency": "EUR", "rate": "constant:2026-02-01"}),
    ("billing", {"at": "2026-06-30", "policy": "default@1,house@2", "by": "deal"}),
    ("billing", {"at": "2026-06-30", "currency": "USD"}),
]


@pytest.mark.parametrize(("view", "params"), QUESTIONS)
@pytest.mark.usefixtures("at_hand")
def test_the_log_folded_again_gives_the_same_bytes(
    company: Company, view: str, params: dict[str, Any]
) -> None:
    found = against(company, company.report(view, **params))
    assert found.differences == []
    assert found.is_exact
    assert versions(found) is None


@pytest.mark.parametrize(
    ("view", "part"), [("bookings", 2), ("billing", 3), ("backlog", 1), ("collections", 2)]
)
@pytest.mark.usefixtures("at_hand")
def test_so_it_does_as_known_at_an_earlier_moment(company: Company, view: str, part: int) -> None:
    params = {"at": "2026-06-30", "by": "deal", "known_position": company.middle // part}
    assert against(company, company.report(view, **params)).differences == []


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00Z", "of the first commit"])
@pytest.mark.usefixtures("at_hand")
def test_so_it_does_as_known_at_a_time(company: Company, moment: str) -> None:
    known = company.client.get("/v1/reports/billing", params={"known_position": 1}).json()["known"]
    known_at = moment if moment.startswith("2") else known["time"]
    report = company.report("billing", at="2026-06-30", by="deal", known_at=known_at)
    assert against(company, report).differences == []


@pytest.mark.usefixtures("at_hand")
def test_the_next_page_proves_itself_too(company: Company) -> None:
    params: dict[str, Any] = {"at": "2026-06-30", "by": "deal", "limit": 2}
    first = json.loads(company.report("backlog", **params))
    pinned = {**params, "known_position": company.head}
    second = company.report("backlog", **pinned, cursor=first["next"])
    assert json.loads(second)["rows"] != first["rows"]
    assert against(company, second).differences == []


def test_without_proof_the_answer_is_what_it_was(company: Company) -> None:
    params: dict[str, Any] = {"at": "2026-06-30", "by": "deal", "known_position": company.head}
    plain = company.client.get("/v1/reports/backlog", params=params)
    other = company.client.get("/v1/reports/backlog", params={**params, "proof": "false"})
    proved = json.loads(company.report("backlog", **params))
    assert list(proved)[-1] == "proof"
    del proved["proof"]
    assert other.content == plain.content
    assert proved == plain.json()
    assert list(proved) == list(plain.json())


def test_a_proof_says_what_was_asked_and_from_what_it_was_answered(company: Company) -> None:
    report = json.loads(company.report("backlog", by="deal", known_position=company.head))
    proof = report["proof"]
    assert proof["size"] == company.head == report["known"]["position"]
    assert proof["books"]["generation"] == report["generation"]
    assert proof["question"]["parameters"]["at"] == report["at"]
    assert set(proof) == {
        "origin", "size", "root", "checkpoint", "consistency", "books", "beside", "question",
    }  # fmt: skip
    assert proof["checkpoint"].startswith(proof["origin"] + "\n")


def test_a_proof_goes_with_json_only(company: Company) -> None:
    asked: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"Accept": "text/csv"}, {}),
        ({}, {"format": "csv"}),
    ]
    for headers, params in asked:
        answer = company.client.get(
            "/v1/reports/backlog", params={"proof": "true", **params}, headers=headers
        )
        assert answer.status_code == 422
        assert "JSON" in answer.json()["detail"]


Change = Callable[[dict[str, Any]], Any]


def other_amount(report: dict[str, Any]) -> None:
    report["rows"][0]["unbilled"] = "1.00"


def other_total(report: dict[str, Any]) -> None:
    report["totals"][0]["unbilled"] = "1.00"


def row_left_out(report: dict[str, Any]) -> None:
    del report["rows"][0]


def row_added(report: dict[str, Any]) -> None:
    report["rows"].append({**report["rows"][0], "deal": "made up"})


def rows_turned(report: dict[str, Any]) -> None:
    report["rows"].reverse()


def other_day(report: dict[str, Any]) -> None:
    report["at"] = "2026-06-29"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (other_amount, "unbilled: the report says '1.00', the log gives '"),
        (other_total, "totals, currency "),
        (row_left_out, "it follows from the log, and the report leaves it out"),
        (row_added, "deal made up"),
        (rows_turned, "in another order"),
        (other_day, "at: the report says '2026-06-29', the log gives '2026-06-30'"),
    ],
)
@pytest.mark.usefixtures("at_hand")
def test_a_report_that_was_changed_is_told_row_and_measure(
    company: Company, change: Change, told: str
) -> None:
    report = json.loads(company.report("backlog", at="2026-06-30", by="deal"))
    change(report)
    found = against(company, json.dumps(report).encode())
    assert any(told in difference for difference in found.differences), found.differences
    assert not found.is_exact


@pytest.mark.usefixtures("at_hand")
def test_the_same_values_in_a_file_that_was_formatted_anew_are_the_same(company: Company) -> None:
    report = json.loads(company.report("backlog", at="2026-06-30"))
    found = against(company, json.dumps(report, indent=2).encode())
    assert (found.differences, found.is_exact) == ([], False)


def put_before(report: bytes, anchor: str, put: str) -> bytes:
    """With something put before the first place where an anchor stands."""
    text = report.decode()
    assert anchor in text
    return text.replace(anchor, put + anchor, 1).encode()


@pytest.mark.parametrize(
    ("anchor", "put"),
    [
        ('"rows":', '"rows":[],'),
        ('"rows":', '"ro\\u0077s":[{"unbilled":"99999.00"}],'),
        ('"unbilled":', '"unbilled":"99999.00",'),
        ('"unbilled":', '"unbilled" : "99999.00", '),
        ('"proof":', '"proof":{},'),
        ('"code_version":', '"code_version":"9.9.9",'),
    ],
)
def test_a_member_that_stands_there_twice_is_refused(company: Company, anchor: str, put: str) -> None:
    """Readers differ in which of the two they show."""
    report = company.report("backlog", at="2026-06-30", by="deal")
    with pytest.raises(Wrong, match="twice") as found:
        against(company, put_before(report, anchor, put))
    assert found.value.member == "report"


@pytest.mark.parametrize("value", [b"NaN", b"-Infinity", b'"\\ud800"', b"1" * 5_000])
def test_what_is_no_json_to_others_is_refused(company: Company, value: bytes) -> None:
    report = company.report("backlog", at="2026-06-30").replace(b'"next":null', b'"next":' + value)
    with pytest.raises(Wrong, match="no report with a proof"):
        against(company, report)


def same_number_otherwise(report: dict[str, Any]) -> None:
    report["known"]["position"] = float(report["known"]["position"])


def comment_added(report: dict[str, Any]) -> None:
    report["comment"] = "audited"


def generation_renamed(report: dict[str, Any]) -> None:
    report["proof"]["books"]["generation"] = 7


@pytest.mark.parametrize("change", [same_number_otherwise, comment_added, generation_renamed])
@pytest.mark.usefixtures("at_hand")
def test_what_only_looks_alike_is_another_report(company: Company, change: Change) -> None:
    report = json.loads(company.report("backlog", at="2026-06-30", by="deal"))
    change(report)
    found = against(company, json.dumps(report, separators=(",", ":"), ensure_ascii=False).encode())
    assert found.differences


@pytest.mark.usefixtures("at_hand")
def test_members_in_another_order_are_not_the_same_bytes(company: Company) -> None:
    report = json.loads(company.report("backlog", at="2026-06-30", by="deal"))
    report["rows"] = [dict(reversed(row.items())) for row in report["rows"]]
    found = against(company, json.dumps(report, separators=(",", ":"), ensure_ascii=False).encode())
    assert (found.differences, found.is_exact) == ([], False)


def another(books: dict[str, Any], generation: int) -> dict[str, Any]:
    return {**books, "generation": generation}


@pytest.mark.parametrize(
    ("params", "beside"),
    [
        ({}, [2]),  # of no policy that is asked for
        ({}, [1]),  # the books themselves once more
        ({"policy": "default@1,house@2"}, [2, 3, 4]),
        ({"policy": "default@1,house@2"}, [2, 2]),
        ({"policy": "default@1,house@2"}, []),
    ],
)
@pytest.mark.usefixtures("at_hand")
def test_other_books_beside_it_than_the_question_reads_are_refused(
    company: Company, params: dict[str, str], beside: list[int]
) -> None:
    report = json.loads(company.report("billing", at="2026-06-30", by="deal", **params))
    proof = report["proof"]
    numbers = [one["generation"] for one in proof["beside"]]
    model = (proof["beside"] or [proof["books"]])[0]
    proof["beside"] = [another(model, proof["books"]["generation"] + number - 1) for number in beside]
    assert numbers != [one["generation"] for one in proof["beside"]]
    with pytest.raises(Wrong, match=r"proof|question") as found:
        against(company, json.dumps(report).encode())
    assert found.value.member == "report"


@pytest.mark.parametrize(("name", "value"), [("code_version", "9.9.9"), ("rules", "1")])
@pytest.mark.usefixtures("at_hand")
def test_what_the_proof_only_claims_is_said_and_is_not_called_the_same_bytes(
    company: Company, name: str, value: str
) -> None:
    report = json.loads(company.report("backlog", at="2026-06-30"))
    report["proof"]["books"][name] = value
    found = against(company, json.dumps(report, separators=(",", ":"), ensure_ascii=False).encode())
    assert (found.differences, found.is_exact) == ([], False)
    said = versions(found)
    assert said is not None
    assert value in said
    lines = compared_lines(found)
    assert lines[0] == f"RULES        {said}"
    assert not any("formatted anew" in line for line in lines)
    assert any(line.startswith("not proved") and value in line for line in lines)
    told = compared_told(found)
    assert told["report"]["same_bytes"] is False
    assert any(value in one for one in told["not_proved"])


@pytest.mark.usefixtures("at_hand")
def test_a_proof_signed_only_by_a_key_that_the_bundle_lists_does_not_count_where_keys_are_given(
    company: Company, tmp_path: Path
) -> None:
    """As if somebody had planted a key in the table of keys, and let it sign what a report carries."""
    given_, planted = Signer(company.key, company.origin), rogue(tmp_path, company.origin)
    report = json.loads(company.report("backlog", at="2026-06-30"))
    proof = report["proof"]
    text = proof["checkpoint"].partition("\n\n")[0] + "\n"
    bundle = with_planted(company.bundle, given_, planted)
    trust = Trust((given_.key,))
    assert compare(json.dumps(report).encode(), io.BytesIO(bundle), trust).differences == []
    proof["checkpoint"] = planted.sign(text).rendered
    with pytest.raises(Wrong, match="not by one of the keys that were given"):
        compare(json.dumps(report).encode(), io.BytesIO(bundle), trust)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("origin",), "cairn/other", "another log"),
        (("size",), 3, "other milestones than the first 3"),
        (("size",), 10**6, "does not cover"),
        (("size",), -1, "does not cover"),
        (("root",), "A" * 43 + "=", "other milestones"),
        (("consistency",), ["AAAA"], "its checkpoint"),
        (("checkpoint",), "x", "its checkpoint"),
        (("books", "policies"), [{"policy": "x", "version": "1", "from_": 0}], "policy x@1"),
        (("books", "policies"), [{"policy": "x"}], "no report with a proof"),
        (("books", "generation"), 0, "generation"),
        (("question", "parameters"), {"at": "yesterday"}, "no report with a proof"),
        (("question", "view"), "nothing", "can't be asked again"),
    ],
)
@pytest.mark.usefixtures("at_hand")
def test_a_proof_that_was_changed_is_refused(
    company: Company, path: tuple[str, ...], value: Any, told: str
) -> None:
    report = json.loads(company.report("backlog", at="2026-06-30"))
    part = report["proof"]
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(Wrong, match=told) as found:
        against(company, json.dumps(report).encode())
    assert found.value.member == "report"


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"nothing", b'{"proof": 1}', b"[" * 100_000])
def test_what_is_no_report_is_said_to_be_none(company: Company, content: bytes) -> None:
    with pytest.raises(Wrong, match="report"):
        against(company, content)


def test_a_report_from_later_than_the_bundle_asks_for_a_newer_one(company: Company) -> None:
    newer = e.won("2026-02-03", e.line("SVC", "5.00"), number="O-NEWER")
    head = company.client.post("/v1/events", json=[newer]).json()["results"][0]
    company.client.get("/v1/reports/billing", params={"at_least": head["position"]}).raise_for_status()
    with pytest.raises(Wrong, match="take a newer bundle"):
        against(company, company.report("billing", at="2026-06-30", known_position=head["position"]))


@pytest.mark.usefixtures("at_hand")
def test_a_report_of_all_that_is_known_needs_a_bundle_made_afterwards(company: Company) -> None:
    answer = company.client.get("/v1/reports/billing", params={"proof": "true", "by": "customer"})
    bundle = company.client.get("/v1/audit/bundle", params={"payloads": "digests"}).content
    found = compare(answer.content, io.BytesIO(bundle), NO_TRUST)
    assert (found.differences, found.is_exact) == ([], True)
    with pytest.raises(Wrong, match="take a newer bundle"):
        against(company, answer.content)


@pytest.mark.usefixtures("at_hand")
def test_other_rules_are_said_first(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    report = json.loads(company.report("backlog", at="2026-06-30", known_position=company.head))
    report["proof"]["books"]["rules"] = "0123456789abcdef"
    found = against(company, json.dumps(report).encode())
    said = versions(found)
    assert said is not None
    assert "rules '0123456789abcdef'" in said


_DAYS = st.dates(date(1990, 1, 1), date(2040, 1, 1)).map(date.isoformat)


@given(data=st.data())
def test_the_parameters_in_a_proof_ask_the_same_question_on_any_day(data: st.DataObject) -> None:
    draw = data.draw
    sent: dict[str, str] = {}
    match draw(st.sampled_from(["", "at", "from", "to"])):
        case "at":
            sent["at"] = draw(_DAYS)
        case "from":
            sent |= {"from": "1990-01-01", "to": draw(_DAYS)}
        case "to":
            sent["to"] = draw(_DAYS)
    match draw(st.sampled_from(["", "position", "time"])):
        case "position":
            sent["known_position"] = str(draw(st.integers(0, 2**62)))
        case "time":
            moment = draw(st.datetimes(timezones=st.just(None)))
            offset = draw(st.sampled_from(["Z", "+02:00", "-11:30"]))
            sent["known_at"] = moment.isoformat(timespec="microseconds").replace("T", "T") + offset
    sent |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "by": st.lists(st.sampled_from(GROUPS), max_size=3).map(",".join),
                "basis": st.sampled_from(["restated", "as_reported"]),
                "customer": st.text(max_size=5).filter(lambda text: "\0" not in text),
                "limit": st.integers(1, 10_000).map(str),
                "generation": st.integers(0, 99).map(str),
                "policy": st.sampled_from(["default@1", "default@1,house@2"]),
                "cursor": st.text("abcXYZ012_-", max_size=9),
                "currency": st.just("EUR"),
            },
        )
    )
    if "currency" in sent and draw(st.booleans()):
        sent["rate"] = draw(st.sampled_from(["closing", "transaction", "constant:2026-01-31"]))
    asked = question("billing", list(sent.items()), date(2026, 5, 1))
    try:
        explicit = parameters(asked)
    except ValueError:
        assert "known_at" in sent
        return
    assert set(explicit) <= set(REPORT)
    assert question("billing", list(explicit.items()), date(2031, 1, 1)) == asked
