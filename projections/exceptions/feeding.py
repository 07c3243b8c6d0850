"""About sources: totals that differ, silence, numbers that are missing.

Belongs here: when each is an exception. Does not belong here: how a total is compared (projections/
completeness), what is done about it (reconciling).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final, NamedTuple

from projections.completeness import totals
from projections.completeness.totals import listed
from projections.exceptions.asking import DAY, HOUR, Asking, Found

_SECOND: Final = 1_000_000
_HOUR_SECONDS: Final = 3_600
#: Gaps, and ids of each kind, that a detail names.
_MOST_GAPS: Final = 20


def control_total_break(asking: Asking) -> Iterator[Found]:
    """Control totals that hold and that the ledger does not agree with."""
    if asking.deals is not None:
        return
    hours = asking.settings.hours("CONTROL_TOTAL_BREAK")
    late = [one for one in totals.holding(asking) if asking.is_late(one.said.instant, hours)]
    for one in totals.compared(asking, late):
        if one.agrees:
            continue
        amount = None
        if one.their_amount is not None and one.our_amount is not None:
            amount = abs(one.their_amount - one.our_amount)
        yield Found(
            "CONTROL_TOTAL_BREAK",
            None,
            (one.total.position,),
            one.total.said.instant,
            one.total.span.text,
            (one.currency or "") if amount is not None else "",
            amount,
            one.detail(),
        )


class Expected(NamedTuple):
    """What is expected of a source, or of the sources of a feed: at least one of them speaks.

    name: of the feed, or the source as the policy names it. every: seconds, None for never. since, heard:
    microseconds since 1970 UTC; from when it is expected, None where it is from the first word on; when the
    feed last brought anything, None where only the log can tell.
    """

    name: str
    speaks: tuple[str, ...]
    every: int | None
    dense: str | None
    since: int | None
    heard: int | None = None


def _matches(source: str, speaker: str) -> bool:
    """Whether a source is meant by `/role/system/instance`, or by `system/instance`."""
    return speaker == (source if speaker.startswith("/") else "/".join(source.split("/")[2:]))


def expected(asking: Asking, moment: int) -> list[Expected]:
    """What is expected on the day, by the policy in force and by the configuration of feeds.

    moment: until when it matters that a feed was heard, microseconds since 1970 UTC.
    """
    settings = asking.settings
    names = dict.fromkeys([*settings.feed_silence_hours, *settings.dense_sequences])
    found = []
    for name in names:
        hours = settings.feed_silence_hours.get(name, 0)
        dense = settings.dense_sequences.get(name)
        if name != "*":
            found.append(Expected(name, (name,), hours * _HOUR_SECONDS or None, dense, None))
    for feed, speaks, every, dense, since, heard in asking.rows("completeness_expected", before=moment):
        found.append(Expected(feed, tuple(speaks), every, dense, since, heard))
    return found


def feed_silent(asking: Asking) -> Iterator[Found]:
    """Sources and feeds that nothing has come from for longer than expected, up to the day's end, or now."""
    if asking.deals is not None:
        return
    ((moment,),) = asking.rows("completeness_moment")
    wanted = expected(asking, moment)
    general = asking.settings.feed_silence_hours.get("*", 0)
    if not general and all(one.every is None for one in wanted):
        return
    heard = {
        source: (position, since)
        for source, position, since in asking.rows("completeness_last", before=moment)
    }
    named = [speaker for one in wanted for speaker in one.speaks]
    if general:
        wanted += [
            Expected(source, (source,), general * _HOUR_SECONDS, None, None)
            for source in sorted(heard)
            if not source.startswith("/ledger/") and not any(_matches(source, one) for one in named)
        ]
    for one in wanted:
        if one.every is None:
            continue
        words = [heard[source] for source in heard if any(_matches(source, name) for name in one.speaks)]
        position, last = max(words, key=lambda word: word[1]) if words else (None, None)
        if one.heard is not None:  # what the feed brought, milestone or not, tells of it alone
            position, last = None, one.heard
        since = one.since if last is None else last
        if since is not None and moment > since + one.every * _SECOND:
            yield _silent(
                one, position, since, "never heard" if last is None else "silent since it was last heard"
            )


def _silent(one: Expected, position: int | None, since: int, words: str) -> Found:
    assert one.every is not None, "silence is measured"
    return Found(
        "FEED_SILENT",
        None,
        () if position is None else (position,),
        since + one.every * _SECOND,
        one.name,
        detail=f"{words}; expected every {_span(one.every)}",
        part=str(since),
        identity=(one.name, str(since)),
    )


def _span(seconds: int) -> str:
    """Seconds in the largest unit that fits."""
    for unit, name in ((DAY // _SECOND, "d"), (HOUR // _SECOND, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def sequence_gap(asking: Asking) -> Iterator[Found]:
    """Sources, or their subjects, that number without gaps by declaration, and have one."""
    if asking.deals is not None:
        return
    wanted = [one for one in expected(asking, asking.end) if one.dense is not None]
    if not wanted:
        return
    sources = dict.fromkeys(source for source, _ in asking.rows("completeness_kinds"))
    hours = asking.settings.hours("SEQUENCE_GAP")
    for source in sources:
        dense = next(
            (one.dense for one in wanted if any(_matches(source, name) for name in one.speaks)), None
        )
        if dense is None:
            continue
        rows = asking.rows("completeness_gaps", source=source, by_subject=dense == "subject")
        for subject, gaps in groupby(rows, key=lambda row: row[0]):
            found = _gap(asking, source, subject, [row[1:] for row in gaps])
            if asking.is_late(found.since, hours):
                yield found


def _gap(asking: Asking, source: str, subject: str, gaps: list[tuple[int, int, int]]) -> Found:
    """The gaps of a source, or of one subject of it: since the first milestone that came after one."""
    ranges = [str(first) if first == last else f"{first} to {last}" for first, last, _ in gaps]
    missing = sum(last - first + 1 for first, last, _ in gaps)
    facts = [position for _, _, position in gaps]
    return Found(
        "SEQUENCE_GAP",
        None,
        tuple(facts[:_MOST_GAPS]),
        asking.began(facts[:1]),
        f"{source} {subject}".strip(),
        detail=f"{missing} missing: {listed(ranges, _MOST_GAPS)}",
        part=str(gaps[0][0]),
    )
