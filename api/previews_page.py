"""A preview as one page of HTML that needs nothing beside itself: no script, no font, no other file.

Belongs here: tables of the answer (api/previewing), which charts there are. Does not belong here: figures,
drawing (api/previews_charts). Whatever came from a source is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.headers import self_contained
from api.previewing import foremost, size
from api.previews_charts import bar, chart
from api.previews_parts import amount as _amount
from api.previews_parts import signed as _signed
from api.previews_parts import soft as _soft
from api.previews_parts import standing_of
from api.previews_parts import table as _table
from api.previews_parts import text as _text

_STYLE: Final = """
:root { color-scheme: light; --ink: #1d2733; --soft: #5c6b7a; --line: #dde4ea; --up: #1f7a4d; --down: #b3372f;
  --paper: #fff; --shade: #f5f8fa; --mark: #2457a6 }
* { box-sizing: border-box }
body { margin: 0; background: var(--shade); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif }
main { max-width: 1120px; margin: 0 auto; padding: 32px 24px 64px }
h1 { font-size: 26px; margin: 0 0 4px }
h2 { font-size: 19px; margin: 40px 0 10px }
h3 { font-size: 15px; margin: 0 }
p { margin: 6px 0 } .soft { color: var(--soft) } code { font-size: 13px; overflow-wrap: anywhere }
.verdict { font-size: 18px; border-left: 4px solid var(--mark); background: var(--paper); padding: 12px 16px;
  margin: 18px 0 }
.wide { overflow-x: auto; background: var(--paper); border: 1px solid var(--line); border-radius: 6px }
table { border-collapse: collapse; width: 100%; font-size: 13.5px }
th { text-align: left; color: var(--soft); font-weight: 600; background: var(--shade); white-space: nowrap }
th, td { padding: 6px 12px; border-bottom: 1px solid var(--line); vertical-align: top }
tr:last-child td { border-bottom: 0 }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.up { color: var(--up) } .down { color: var(--down) }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 14px }
figure { margin: 0; background: var(--paper); border: 1px solid var(--line);
  border-radius: 6px; padding: 12px }
figcaption { display: flex; justify-content: space-between; gap: 8px; font-size: 13px; margin-bottom: 6px }
svg { display: block; width: 100%; height: auto } svg.bar { width: 90px }
svg text { font-size: 10px; fill: #5c6b7a }
code.whole { white-space: nowrap; overflow-wrap: normal }
details { margin-top: 10px } summary { cursor: pointer; color: var(--mark); padding: 4px 0 }
"""
#: What a browser may do with the page where it is served: show it.
POLICY: Final = self_contained(_STYLE)
#: Rows of a table and charts of a view, at most.
_ROWS: Final = 60
_CHARTS: Final = 4
_CLOCKS: Final = {
    "now": "now",
    "since_beginning": "now, since the beginning",
    "then": "then",
}
_NAMES: Final = {
    "arr_movement": "ARR movement",
    "arr": "ARR",
    "restated": "restated",
    "as_reported": "as reported",
}


def page(answer: Mapping[str, Any]) -> str:
    """The whole page."""
    old, new, known = answer["from"], answer["to"], answer["known"]
    number = new["generation"]
    body = [
        f"<h1>What promoting generation {number} changes</h1>",
        _soft(
            f"Compared with generation {old['generation']}, as known at position {known['position']:,}"
            f" ({_text(known['time'])})."
        ),
        f'<p class="verdict">{_text(answer["verdict"])}</p>',
        _rules(answer),
        _summary(answer),
        _charts(answer),
        _totals(answer),
        _groups(answer),
        _since(answer),
        _then(answer),
        standing_of(answer),
        _deals(answer),
        _facts(answer),
        _findings(answer),
        "<h2>What to do</h2>",
        _promotion(answer),
        f"<p>Drop it: <code>cairn generations drop {number}</code>.</p>",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Preview of generation {number}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _whole(word: str) -> str:
    """A name that is not broken over two lines."""
    return f'<code class="whole">{_text(word)}</code>'


def _name(word: str) -> str:
    return _text(_NAMES.get(word, word.replace("_", " ")))


def _promotion(answer: Mapping[str, Any]) -> str:
    promotion = answer["promotion"]
    if not promotion["possible"]:
        return f"<p>It can't be made live: {_text(promotion['why_not'])}.</p>"
    return f"<p>Make it live: <code>cairn generations promote {answer['to']['generation']}</code>.</p>"


# -- parts ------------------------------------------------------------------------------------------------


def _rules(answer: Mapping[str, Any]) -> str:
    old, new = answer["from"], answer["to"]
    rows = [
        [
            "code" if rule["kind"] == "logic" else "policy",
            f"<code>{_text(rule['name'])}</code>" + (" (read only)" if rule["reads_only"] else ""),
            f"<code>{_text(rule['before'])}</code>",
            f"<code>{_text(rule['after'])}</code>",
            _text(rule["since"]),
        ]
        for rule in answer["rules"]
    ]
    found = ["<h2>What was changed</h2>"]
    if rows:
        found.append(_table(["kind", "rule or setting", "before", "after", "from"], rows))
    else:
        found.append(
            f"<p>Neither the rules (<code>{_text(new['rules'])}</code>) nor the policies "
            f"({_text(', '.join(new['policies']))}) differ.</p>"
        )
    if answer["journals"] is not None:
        digests = answer["journals"]["digests"]
        found.append(
            "<p>Both journals have the same digest (SHA-256 over all rows, sorted): generation "
            f"{old['generation']} <code>{_text(digests['from'])}</code>, generation {new['generation']} "
            f"<code>{_text(digests['to'])}</code>.</p>"
        )
    return "".join(found)


def _tables(answer: Mapping[str, Any], **wanted: Any) -> list[Mapping[str, Any]]:
    return [
        table for table in answer["tables"] if all(table[name] == value for name, value in wanted.items())
    ]


def _summary(answer: Mapping[str, Any]) -> str:
    rows = []
    same: dict[str, None] = {}
    compared_: set[str] = set()
    for clock in _CLOCKS:
        for table in _tables(answer, clock=clock, by=None):
            alike = _tables(answer, view=table["view"], basis=table["basis"], clock=clock)
            compared = sum(one["compared"] for one in alike)
            if not compared:
                same[table["view"]] = None
                continue
            compared_.add(table["view"])
            groups = [
                f"{one['by']} ({one['differing']:,})" for one in alike if one["by"] and one["differing"]
            ]
            rows.append(
                [
                    _name(table["view"]), _name(table["basis"]), _CLOCKS[clock],
                    _text(", ".join(groups) or None), f"{compared:,}", f"{table['differing']:,}",
                    f"{sum(one['differing'] for one in alike):,}",
                ]
            )  # fmt: skip
    if not answer["tables"]:
        return ""
    head = ["view", "basis", "known", "dimensions that change", "compared", "totals changed", "all changed"]
    alike_ = [_name(view) for view in same if view not in compared_]
    told = f"Of {', '.join(alike_)} every posting counts as before." if alike_ else "Every view was compared."
    if answer["not_compared"]:
        told = f"Read otherwise and not compared: {_text(', '.join(answer['not_compared']))}."
    return "<h2>Figures compared</h2>" + _table(head, rows, numbers=3) + _soft(told)


def _charts(answer: Mapping[str, Any]) -> str:
    figures = []
    tables = [t for clock in _CLOCKS if clock != "then" for t in _tables(answer, clock=clock, by=None)]
    for table in tables:
        if table["basis"] != "restated":
            continue
        up_to = "" if table["clock"] == "now" else ", since the beginning"
        changes = [{**one, "most": max(one["months"].values(), key=size)} for one in table["changes"]]
        figures += [
            chart(
                f"{_NAMES.get(table['view'], table['view'])}: {one['measure']}{up_to}", one["currency"],
                _signed(one["most"]), one["months"], answer["months"],
            )
            for one in foremost(changes, "most", _CHARTS)
        ]  # fmt: skip
    if not figures:
        return ""
    return f'<h2>Change by month</h2><div class="charts">{"".join(figures)}</div>'


def _cells(table: Mapping[str, Any], *, group: str | None) -> str:
    """The cells of one table; the largest where there are many."""
    chosen = {id(cell) for cell in foremost(table["cells"], "difference", _ROWS)}
    rows = []
    for cell in table["cells"]:
        if id(cell) in chosen:
            named = [_text(cell[group])] if group else []
            names = [one["deal"].rpartition(":")[2] for one in cell.get("deals", ())]
            beside = [] if group else [", ".join(_text(name) for name in names) or "-"]
            rows.append(
                [
                    _text(cell["window"]), *named, _text(cell["measure"]), *beside,
                    _text(cell["currency"]), _amount(cell["before"]), _amount(cell["after"]),
                    _signed(cell["difference"]),
                ]
            )  # fmt: skip
    head = ["month", *([group] if group else []), "measure", *([] if group else ["deals"])]
    left = table["differing"] - len(rows)
    also = f'<p class="soft">and {left:,} smaller differences</p>' if left > 0 else ""
    return _table([*head, "currency", "before", "after", "difference"], rows, numbers=3) + also


def _folded(table: Mapping[str, Any], title: str, *, group: str | None, is_open: bool = False) -> str:
    return (
        f"<details{' open' if is_open else ''}><summary>{title}: {table['differing']:,} of "
        f"{table['compared']:,} change</summary>{_cells(table, group=group)}</details>"
    )


def _totals(answer: Mapping[str, Any]) -> str:
    found = [
        _folded(table, f"{_name(table['view'])}, {_name(table['basis'])}", group=None)
        for table in _tables(answer, clock="now", by=None)
        if table["differing"]
    ]
    return "<h2>Totals, month by month</h2>" + "".join(found) if found else ""


def _groups(answer: Mapping[str, Any]) -> str:
    found = [
        _folded(
            table,
            f"{_name(table['view'])} by {_text(table['by'])}, {_name(table['basis'])}",
            group=table["by"],
        )
        for table in _tables(answer, clock="now")
        if table["by"] and table["differing"]
    ]
    return "<h2>By dimension</h2>" + "".join(found) if found else ""


def _since(answer: Mapping[str, Any]) -> str:
    tables = _tables(answer, clock="since_beginning")
    if not tables:
        return ""
    found = []
    for table in tables:
        if table["differing"]:
            by = f" by {_text(table['by'])}" if table["by"] else ""
            title = f"{_name(table['view'])}{by}, {_name(table['basis'])}"
            found.append(_folded(table, title, group=table["by"]))
    explained = _soft(
        "A turnover is read by the policy of the last day asked for, however long the span: here of all since"
        " the beginning, up to the last day of each month."
    )
    nothing = "<p>Since the beginning, no figure compared changes either.</p>"
    return f"<h2>Since the beginning, up to each month</h2>{explained}{''.join(found) or nothing}"


def _then(answer: Mapping[str, Any]) -> str:
    found = [
        _folded(table, f"{_name(table['view'])}, {_name(table['basis'])}", group=None)
        for table in _tables(answer, clock="then")
        if table["differing"]
    ]
    if not answer["tables"]:
        return ""
    explained = _soft(
        "Each month of recording: what stood, or had come about since the beginning, on its last day, as it"
        " was known at its last position."
    )
    nothing = "<p>No figure compared changes of what was known at the end of a month of recording.</p>"
    return f"<h2>History as it was known</h2>{explained}{''.join(found) or nothing}"


def _deals(answer: Mapping[str, Any]) -> str:
    parts = answer["deals"]
    if not parts:
        return ""
    chosen = {id(part) for part in foremost(parts, "moved", _ROWS)}
    rows = [
        [
            _text(part["deal"]), _name(part["view"]), _text(part["measure"]),
            ("" if part["clock"] == "now" else "up to ") + _text(part["window"]),
            _text(part["currency"]), _signed(part["largest"]), _amount(part["moved"]), bar(part, parts),
        ]
        for part in parts
        if id(part) in chosen
    ]  # fmt: skip
    head = ["deal", "view", "measure", "most in", "currency", "difference", "moved in all", ""]
    return "<h2>Deals behind it</h2>" + _table(head, rows, numbers=3)


def _facts(answer: Mapping[str, Any]) -> str:
    rows = []
    for fact in answer["facts"][:_ROWS]:
        changes = "<br>".join(
            f"{_text(one['debit'])} → {_text(one['credit'])} "
            + (_amount(one["amount"]) if fact["read_otherwise"] else _signed(one["amount"]))
            + f" {_text(one['currency'])}"
            for one in fact["changes"][:6]
        )
        rows.append(
            [
                _text(fact["deal"]), f"{fact['position']:,}", _whole(fact["type"]),
                f"{_text(fact['source'])}<br><code>{_text(fact['id'])}</code>", _text(fact["effective_on"]),
                ("read otherwise:<br>" if fact["read_otherwise"] else "") + changes,
                "<br>".join(map(_whole, fact["rules"])) or "-",
            ]
        )  # fmt: skip
    if not rows:
        return ""
    head = ["deal", "position", "type", "source and id", "effective", "posted otherwise", "because of"]
    return "<h2>Facts behind it</h2>" + _table(head, rows)


def _findings(answer: Mapping[str, Any]) -> str:
    rows = [[_text(one["code"]), f"{one['gone']:,}", f"{one['come']:,}"] for one in answer["findings"]]
    if not rows:
        return ""
    return "<h2>What the rules find</h2>" + _table(
        ["exception or condition", "no longer", "newly"], rows, numbers=2
    )
