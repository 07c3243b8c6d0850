"""The SQL of measures: what a cell of the journal adds to each, by the reading of the view in each window.

Belongs here: expressions over debit, credit, ve, vd, vb and bucket. Does not belong here: the statement
around them (projections/statements), what a measure is (projections/measures).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from projections.measures import Measure, View
from projections.questions import Query, views

#: Measures as they are read in each window: a view, and the numbers of the windows that it holds in.
Readings = list[tuple[View, list[int]]]


def readings(query: Query) -> Readings:
    """The different readings of the view, with their windows; nearly always one."""
    found: Readings = []
    for number, view in enumerate(views(query)):
        same = next((numbers for other, numbers in found if other == view), None)
        if same is None:
            found.append((view, [number]))
        else:
            same.append(number)
    return found


def _by_reading(read: Readings, texts: Sequence[str]) -> str:
    """SQL: one of several expressions, by window."""
    if len(set(texts)) == 1:
        return texts[0]
    cases = (f"WHEN n IN ({', '.join(map(str, numbers))}) THEN {text}"
             for (_, numbers), text in zip(read, texts, strict=True))  # fmt: skip
    return f"CASE {' '.join(cases)} END"


def _coefficient(measure: Measure, value: str) -> str:
    """SQL: what one cell adds to a measure."""
    terms = []
    if measure.into:
        accounts = ", ".join(map(str, measure.into))
        sign, back = ("", "-") if measure.sign > 0 else ("-", "")
        # A transfer within the set adds nothing.
        terms.append(f"WHEN credit IN ({accounts}) AND debit NOT IN ({accounts}) THEN {sign}{value}")
        terms.append(f"WHEN debit IN ({accounts}) AND credit NOT IN ({accounts}) THEN {back}{value}")
    for debit, credit, sign_ in measure.pairs:
        terms.append(f"WHEN debit = {debit} AND credit = {credit} THEN {'' if sign_ > 0 else '-'}{value}")
    return "CASE " + " ".join(terms) + " ELSE 0 END"


_COUNTED_AS: Final = {"beyond": "vb", "span": "vd", "class": "vd", "before": "(ve - vd)"}


def _value_of(measure: Measure, index: int) -> str:
    value = _coefficient(measure, _COUNTED_AS.get(measure.when, "ve"))
    if measure.when in ("bucket", "class"):
        return f"CASE WHEN bucket = {index} THEN {value} ELSE 0 END"
    return value


def measured_columns(read: Readings) -> str:
    """SQL: every measure that is a sum, by name."""
    return ", ".join(
        f"sum({_by_reading(read, [_value_of(one.base[index], index) for one, _ in read])}) AS {measure.name}"
        for index, measure in enumerate(read[0][0].base)
    )


def counting(view: View) -> str:
    """SQL: whether a posting may count in some measure of the view."""
    terms = []
    for accounts in dict.fromkeys(measure.into for measure in view.base if measure.into):
        within = ", ".join(map(str, accounts))
        terms.append(f"(p.credit IN ({within})) <> (p.debit IN ({within}))")
    pairs = dict.fromkeys(pair[:2] for measure in view.base for pair in measure.pairs)
    terms += [f"p.debit = {debit} AND p.credit = {credit}" for debit, credit in pairs]
    is_turnover = all(measure.when in ("span", "class") for measure in view.base)
    within_window = "v.ve <> v.vs" if is_turnover else "(v.ve <> 0 OR v.vs <> 0{or_beyond})"
    return f"({' OR '.join(terms)}) AND {within_window}"


def bucket_of(view: View) -> str:
    """SQL: the number of the ageing or class measure to which a posting belongs on the window's last day."""
    cases = []
    for index, measure in enumerate(view.base):
        if measure.classes:
            cases.append(f"WHEN p.class IN ({', '.join(map(str, measure.classes))}) THEN {index}")
        if measure.bucket is not None:
            least, most = measure.bucket
            if least is None:
                cases.append(f"WHEN p.due IS NULL OR w.end_day - p.due <= {most} THEN {index}")
            elif most is not None:
                cases.append(f"WHEN w.end_day - p.due <= {most} THEN {index}")
            else:
                cases.append(f"ELSE {index}")
    return f"CASE {' '.join(cases)} END" if cases else ""


def _position(view: View) -> str:
    """SQL: what of the billed counts towards a liability or an asset (domain/policies, liability)."""
    if view.liability == "invoiced":
        return "net_position"
    settled = "net_paid" if view.liability == "paid" else "net_gross - net_not_due"
    part = f"net_position * least(greatest({settled}, 0), net_gross)"
    rounded = f"sign({part}) * div(2 * abs({part}) + net_gross, 2 * net_gross)"
    return f"CASE WHEN net_gross > 0 THEN {rounded} ELSE net_position END"


def summed_measures(read: Readings) -> tuple[list[str], list[str]]:
    """SQL of what stands in a row, and of what its ratios are worked out from."""
    view = read[0][0]
    shown = [f"sum({name}) AS {name}" for name in view.summed]
    position = _by_reading(read, [_position(one) for one, _ in read])
    for name, sign in view.netted.items():
        net = f"({position}) - net_performed" if sign > 0 else f"net_performed - ({position})"
        shown.append(f"sum(greatest(0, {net})) AS {name}")
    ratios = []
    if view.ratios:
        ratios.append("sum(CASE WHEN opening > 0 THEN opening ELSE 0 END) AS ratio_of")
        for name, (plus, minus) in view.ratios.items():
            left = " - ".join([" + ".join(plus), *minus])
            ratios.append(f"sum(CASE WHEN opening > 0 THEN {left} ELSE 0 END) AS ratio_{name}")
    return shown, ratios
