"""What is wrong with a mapping is said on load: all of it, with line and field, and what would do."""

from pathlib import Path

import pytest

from adapters.sources.mapping import MappingRefused, load_mapping, read_mapping
from tests.sources.mapped import problems

GOOD = """\
mapping: shop
version: 1
role: erp
reads: json
formats: {amount: text}
kind: type
tables:
  states: {A: active}
let:
  state: {path: status, table: states}
ignored: {master_data: [customer]}
objects:
  invoice:
    currency: currency
    let: {who: customer.id}
    first:
      - {ignore: idle, when: {path: $state, is: idle}}
    milestones:
      - type: invoice.posted
        subject: [invoice, id]
        time: made
        keys: [{key: order, of: order}]
        dimensions: {customer: $who}
        data:
          invoice: id
          due_on: due
          lines: {each: lines, sku: sku, net: net}
"""


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_the_mapping_that_these_tests_break_is_sound() -> None:
    assert read_mapping(GOOD.encode(), "shop.yaml").name == "shop"


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        # the file
        ("mapping: shop", "mapping: My Shop", 1, "mapping", "needs a name such as my_shop"),
        ("version: 1", "version: one", 2, "version", "needs a whole number from 1"),
        ("version: 1\n", "", 1, "", "needs 'version'"),
        ("role: erp", "role: sales", 3, "role", "no role 'sales'; known: bank billing"),
        ("reads: json", "reads: jsn", 4, "reads", "did you mean 'json'?"),
        ("kind: type", "knid: type", 6, "knid", "no key 'knid'; did you mean 'kind'?"),
        ("kind: type\n", "", 1, "", "needs 'kind'"),
        ("kind: type", "csv: {delimiter: ';'}\nkind: type", 6, "csv", "goes with `reads: csv`"),
        ("amount: text", "amount: txt", 5, "formats.amount", "no notation 'txt'; did you mean 'text'?"),
        (
            "amount: text",
            "time: {as: pattern}",
            5,
            "formats.time.as",
            "`as: pattern` and `pattern` go together",
        ),
        ("amount: text", "time: {zone: Mars}", 5, "formats.time.zone", "needs UTC, an offset"),
        ("amount: text", "time: {pattern: hh}", 5, "formats.time.pattern", "needs a year, a month and a day"),
        ("amount: text", "amount: {as: minor, decimals: {'2': [EUX]}}", 5, "decimals.2", "is no ISO 4217"),
        ("amount: text", "amount: {as: text, decimals: 2}", 5, "formats.amount", "goes with `as: minor`"),
        ("amount: text", "amount: {thousands: ., as: text}", 5, "formats.amount", "are the same"),
        ("amount: text", "flag: {'yes': [x], 'no': [X]}", 5, "formats.flag", "means both yes and no"),
        ("[customer]", "[customer, invoice]", 12, "objects", "stands in `ignored` too"),
        ("master_data", "Master Data", 11, "ignored.Master Data", "needs a snake_case reason"),
        # lets, tables, paths
        ("{customer: $who}", "{customer: x}", 15, "objects.invoice.let.who", "nothing uses the let 'who'"),
        ("{customer: $who}", "{customer: $whom}", 23, "dimensions.customer", "did you mean '$who'?"),
        ("who: customer.id", "who: $who", 15, "let.who", "is made of itself"),
        ("who: customer.id", "who: a..b", 15, "let.who", "is no path"),
        ("who: customer.id", "parent: customer.id", 15, "let.parent", "a let can't be called 'parent'"),
        ("table: states", "table: sates", 10, "let.state.table", "no table 'sates'; did you mean 'states'?"),
        # conditions and steps
        ("{path: $state, is: idle}", "{path: $state, si: idle}", 17, "when", "needs a test beside `path`"),
        ("{path: $state, is: idle}", "{paht: $state}", 17, "when", "did you mean 'path'?"),
        ("{path: $state, is: idle}", "{path: $state, greater: x}", 17, "when.greater", "needs a number"),
        ("{path: $state, is: idle}", "{path: $state, matches: '('}", 17, "matches", "no regular expression"),
        ("ignore: idle", "ignroe: idle", 17, "first[0]", "did you mean 'ignore'?"),
        ("ignore: idle", "ignore: Idle", 17, "first[0].ignore", "needs a snake_case word"),
        ("ignore: idle", "refuse: idle", 17, "first[0]", "needs 'message': what to do about it"),
        # milestones
        ("type: invoice.posted", "type: invoice.post", 19, "type", "did you mean 'invoice.posted'?"),
        ("type: invoice.posted", "type: invoice.posted.v1", 19, "type", "did you mean 'invoice.posted'?"),
        ("type: invoice.posted", "type: milestone.voided", 19, "type", "by `voids: <type>`"),
        ("subject: [invoice, id]", "subject: invoice", 20, "subject", "such as [invoice, id]"),
        ("        time: made\n", "", 19, "milestones[0]", "needs 'time'"),
        ("{key: order, of: order}", "{key: order, off: order}", 22, "keys[0]", "needs 'of'"),
        ("{key: order, of: order}", "{key: order, of: order, role: x}", 22, "keys[0].role", "no role 'x'"),
        ("{customer: $who}", "{costumer: $who}", 23, "dimensions.costumer", "did you mean 'customer'?"),
        ("          invoice: id\n", "", 24, "data", "invoice.posted needs invoice in `data`"),
        ("due_on: due", "due_on: due\n          due: x", 27, "data.due", "has no field 'due'; did you mean"),
        ("due_on: due", "due_on: =soon", 26, "data.due_on", "needs a date such as 2026-01-31"),
        ("due_on: due", "due_on: {sum: [due]}", 26, "due_on", "makes an amount or a number; here the due on"),
        ("due_on: due", "due_on: {path: due, as: unixx}", 26, "due_on.as", "did you mean 'unix'?"),
        ("due_on: due", "due_on: {fisrt: [due]}", 26, "due_on", "did you mean 'first'?"),
        ("due_on: due", "due_on: {path: due, dafault: x}", 26, "dafault", "did you mean 'default'?"),
        ("due_on: due", "due_on: {template: due}", 26, "due_on.template", "names no value in braces"),
        ("due_on: due", "due_on: {code: magic}", 26, "due_on.code", "no code of a value 'magic'"),
        ("    currency: currency\n", "", 26, "data.lines", "lines need a currency"),
        ("sku: sku,", "", 27, "data.lines", "needs 'sku'"),
        ("net: net}", "net: net, kind: =recuring}", 27, "lines.kind", "did you mean 'recurring'?"),
        ("net: net}", "net: net, kind: recurring}", 27, "lines.kind", "for the constant write =recurring"),
        ("net: net}", "net: net, kind: {path: k, table: {x: oneoff}}}", 27, "kind.table.x", "no such word"),
        ("net: net}", "net: net, service: {from: a}}", 27, "lines.service", "needs 'to'"),
        ("net: net}", "net: net, empty: no}", 27, "lines.empty", "needs the word `allowed`"),
        (
            "[invoice, id]",
            "[invoice, id]\n        when: {path: a, given: yes}",
            13,
            "invoice",
            "needs `otherwise`",
        ),
        ("[invoice, id]", "[invoice, id]\n        together: net", 21, "together", "goes with `each`"),
    ],
)
def test_a_mistake_is_named_by_line_and_field(old: str, new: str, line: int, field: str, says: str) -> None:
    found = problems(changed(old, new))
    assert [p for p in found if p.line == line and p.field.endswith(field) and says in p.message], found


def test_all_mistakes_of_a_file_are_listed_at_once() -> None:
    text = (
        GOOD.replace("kind: type", "knid: type").replace("due_on: due", "due_on: =soon").replace("erp", "erq")
    )
    assert [(p.line, p.field.rpartition(".")[2]) for p in problems(text)] == [
        (1, ""),
        (3, "role"),
        (6, "knid"),
        (26, "due_on"),
    ]


def test_the_message_names_file_line_and_field(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(GOOD.replace("due_on: due", "due_on: =soon"))
    with pytest.raises(MappingRefused) as raised:
        load_mapping(file)
    assert str(raised.value).startswith(f"{file}:26: objects.invoice.milestones[0].data.due_on: needs a date")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (b"", 1, "needs a map"),
        (b"- a", 1, "needs a map"),
        (b"a: [", 2, "is no YAML"),
        (b"a:\n\t- b", 2, "is no YAML"),
        (b"\xff\xfe", 1, "is not UTF-8"),
        (b"mapping: a\nmapping: b", 2, "stands twice in one map"),
        (b"a: &x [*x]", 1, "an alias stands within its own anchor"),
        (b"a: *x", 1, "is no YAML"),
        (b"a: &x {b: *x}", 1, "an alias stands within its own anchor"),
        (b"<<: text", 1, "<< needs a map"),
        (b"? [a]\n: b", 1, "a name must be a text"),
        (
            b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
            + b"".join(
                b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % ((c + 1, c + 1) + (c,) * 10)
                for c in range(97, 103)
            ),
            5,
            "more than",
        ),
    ],
)
def test_what_is_no_mapping_at_all_is_said(text: bytes, line: int, says: str) -> None:
    with pytest.raises(MappingRefused) as raised:
        read_mapping(text, "x.yaml")
    assert any(says in p.message for p in raised.value.problems), raised.value
    assert raised.value.problems[0].line <= line + 1


def test_anchors_and_merges_are_read_and_scalars_stay_texts() -> None:
    text = GOOD.replace(
        "ignored: {master_data: [customer]}", "ignored: {master_data: [no, 012, 2026-01-31, 1e3]}"
    )
    mapping = read_mapping(text.encode(), "shop.yaml")
    assert set(mapping.ignored) == {"no", "012", "2026-01-31", "1e3"}
    copied = GOOD.replace("  invoice:\n", "  invoice: &i\n") + "  receipt:\n    <<: *i\n    role: billing\n"
    assert set(read_mapping(copied.encode(), "shop.yaml").objects) == {"invoice", "receipt"}


def test_the_digest_is_of_what_the_mapping_says_and_not_of_how_it_looks() -> None:
    digest = read_mapping(GOOD.encode(), "a.yaml").digest
    assert len(digest) == 64
    commented = "# a comment\n" + GOOD.replace("version: 1\n", "").replace(
        "kind: type\n", "kind: 'type'\nversion: 1\n"
    )
    assert read_mapping(commented.encode(), "b.yaml").digest == digest
    assert read_mapping(changed("due_on: due", "due_on: due_date").encode(), "a.yaml").digest != digest
