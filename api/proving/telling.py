"""What a check came to, as it is told: lines for people, members for programs.

Belongs here: words and shapes, and what was not proved. Does not belong here: finding out.
"""

from __future__ import annotations

from typing import Any

from adapters.bundles import forms
from adapters.bundles.findings import Wrong, shown
from api.proving.checking import Checked
from api.proving.reports import Compared, versions
from domain.instants import format_instant
from projections.generations import CODE_VERSION


def not_proved(checked: Checked) -> list[str]:
    """What nobody can know from what was given, each in a sentence."""
    said = []
    if not checked.is_trusted:
        said.append(
            "whose key signed it: compare it with one that you had from elsewhere, or give that with --key"
        )
    if checked.others:
        listed = ", ".join(key.text for key in checked.others)
        said.append(
            f"whose the other keys are that the bundle lists ({listed}): published checkpoints and reports"
            " that they alone signed are refused; had you them from elsewhere, give them with --key too"
        )
    if not checked.published:
        said.append(
            "that it is not an older or another state than others were shown: give a checkpoint that was"
            " published with --checkpoint"
        )
    if checked.about.payloads == forms.DIGESTS:
        said.append("that milestones say what their payloads said: the bundle holds digests of them only")
    said += [
        f"that {count} milestones say what their payloads said: not re-read, {reason}"
        for reason, count in sorted(checked.left.items())
        if checked.about.payloads == forms.WHOLE
    ]
    return said


def checked_told(checked: Checked) -> dict[str, Any]:
    """What was proved of a bundle."""
    about = checked.about
    return {
        "verified": True,
        "origin": about.origin,
        "tenant": about.tenant,
        "milestones": about.size,
        "root": about.root,
        "last_recorded_at": None if checked.recorded_at is None else format_instant(checked.recorded_at),
        "exported_at": about.exported_at,
        "code_version": about.code_version,
        "key": checked.signer.text,
        "key_given": checked.is_trusted,
        "keys": [{"key": key.text, "from_size": size} for key, size in checked.keys.items()],
        "checkpoints": checked.checkpoints,
        "published": [
            {"file": one.name, "size": one.checkpoint.size, "key": one.signer.text}
            for one in checked.published
        ],
        "payloads": about.payloads,
        "reread": checked.reread,
        "reread_by_mappings_of_the_bundle": checked.by_bundle,
        "not_reread": dict(sorted(checked.left.items())),
        "not_proved": not_proved(checked),
    }


def checked_lines(checked: Checked) -> list[str]:
    """The same for people."""
    about = checked.about
    last = "none" if checked.recorded_at is None else format_instant(checked.recorded_at)
    known = "which was given" if checked.is_trusted else "which the bundle itself names"
    lines = [
        f"ledger       {about.origin}: {about.size:,} milestones, the last recorded {last}",
        f"signed by    {checked.signer.text}, {known}",
        f"tree         root {about.root}",
        f"history      {_times(checked.checkpoints, 'checkpoint')} of this log, all of this tree",
        "decisions    positions, times, streams, versions and identities follow from the milestones",
        f"payloads     {checked.reread:,} of {about.size:,} milestones were read again and say the same",
    ]
    lines += [
        f"published    {one.name}: {one.checkpoint.size:,} milestones, the same as in the bundle"
        for one in checked.published
    ]
    return lines + [f"not proved   {said}" for said in not_proved(checked)]


def _times(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def wrong_told(wrong: Wrong) -> dict[str, Any]:
    """The first thing that is wrong."""
    return {
        "verified": False,
        "wrong": {
            "member": wrong.member,
            "place": wrong.place or None,
            "problem": wrong.problem,
            "expected": wrong.expected,
            "found": wrong.found,
            "besides": None if wrong.besides is None else str(wrong.besides),
        },
    }


def wrong_lines(wrong: Wrong) -> list[str]:
    """The same for people."""
    return [
        "WRONG",
        f"  {wrong}",
        *([] if wrong.besides is None else [f"  besides, {wrong.besides}"]),
    ]


def _claimed(compared: Compared) -> str:
    """What of a proof nothing shows."""
    books = compared.given.proof.books
    return (
        f"by what the report was made: its proof says rules {shown(books.rules)}, version"
        f" {shown(books.code_version)}, generation {books.generation}, and which policies were adopted then;"
        " the figures were folded by this version's rules, under these policies"
    )


def compared_told(compared: Compared) -> dict[str, Any]:
    """What came of a report."""
    given = compared.given
    return {
        **checked_told(compared.checked),
        "not_proved": [*not_proved(compared.checked), _claimed(compared)],
        "verified": not compared.differences,
        "report": {
            "view": given.question.view,
            "question": given.proof.question.parameters,
            "known_position": given.proof.size,
            "generation": given.proof.books.generation,
            "same": not compared.differences,
            "same_bytes": not compared.differences and compared.is_exact,
            "rules": {"report": compared.rules[0], "this_version": compared.rules[1]},
            "code_version": {"report": given.proof.books.code_version, "this_version": CODE_VERSION},
            "other_rules": versions(compared),
            "differences": compared.differences,
        },
    }


def compared_lines(compared: Compared) -> list[str]:
    """The same for people, the report after the bundle; other rules before all."""
    given, said = compared.given, versions(compared)
    lines = [] if said is None else [f"RULES        {said}"]
    lines += [*checked_lines(compared.checked), f"not proved   {_claimed(compared)}"]
    asked = "&".join(f"{name}={value}" for name, value in given.proof.question.parameters.items())
    lines.append(
        f"report       {given.question.view}?{asked}, from the first {given.proof.size:,} milestones"
    )
    if compared.differences:
        lines.append("differs      the report is not what follows from the log:")
        return lines + [f"  {difference}" for difference in compared.differences]
    if compared.is_exact:
        return [*lines, "same         the log, folded again, gives the same bytes"]
    why = "the file was formatted anew" if said is None else "its proof names other rules, or another version"
    return [*lines, f"same         the log, folded again, gives the same values; {why}"]
