"""Checking a report that carries its proof against a bundle: the same question asked of refolded books.

Belongs here: what of a proof has to go with the bundle, and telling where two answers differ. Does not belong
here: checking the bundle (`checking`), the database for it (`refolding`).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Final, NamedTuple

import msgspec
from psycopg import Connection

from adapters.bundles.findings import Wrong, shown
from adapters.bundles.reading import opened
from api import reporting
from api.answers import json_answer
from api.freshness import NotYetProjected
from api.parameters import ParameterRefused, Question
from api.proving import notes, strict
from api.proving.checking import Checked, check
from api.proving.notes import Trust
from api.proving.proofs import PROOF, Asked, Books, Proof, answered, parameters
from api.proving.refolding import refolded
from api.proving.walking import Held
from domain.merkle import ProofWrong, check_consistency
from domain.milestones import PolicyActivated
from domain.policies import PolicyRefused, Version, version_of
from projections.generations import CODE_VERSION, rules_digest
from projections.reports import ReportRefused

#: Differences that are told.
MOST_TOLD: Final = 20
REPORT: Final = "report"


class Given(NamedTuple):
    """A report as it was handed over. answer: without its proof."""

    answer: dict[str, Any]
    proof: Proof
    question: Question


class Compared(NamedTuple):
    """What came of it. rules: those of the report and of this version. differences: none where it is so.

    is_exact: byte for byte, the proof with the rules and version of this code; else the same values.
    """

    given: Given
    checked: Checked
    rules: tuple[str, str]
    differences: list[str]
    is_exact: bool


def read(content: bytes) -> Given:
    """A report with its proof. Raises Wrong."""
    try:
        answer = strict.value_of(content)
        msgspec.json.encode(answer)  # every text in it is one
        proof = msgspec.convert(answer.pop(PROOF), Proof)
        asked = proof.question.question
        numbered = all(
            0 < books.generation < 2**31 and books.adopted.stamps for books in (proof.books, *proof.beside)
        )
    except KeyError:
        raise Wrong(REPORT, "", "it carries no proof: ask for it with proof=true") from None
    except (
        msgspec.MsgspecError, ParameterRefused, PolicyRefused, ValueError, AttributeError, TypeError,
        RecursionError,
    ) as error:  # fmt: skip
        raise Wrong(REPORT, "", f"it is no report with a proof ({shown(str(error))})") from None
    if not numbered:
        raise Wrong(REPORT, PROOF, "a generation can't have such a number")
    numbers = [books.generation for books in (proof.books, *proof.beside)]
    if len(set(numbers)) != len(numbers) or len(proof.beside) > len(asked.policies):
        raise Wrong(REPORT, PROOF, "it names books beside its own that the question does not read")
    return Given(answer, proof, asked)


def compare(
    report: bytes,
    file: IO[bytes],
    trust: Trust,
    told: Callable[[str, int], None] = lambda _stage, _done: None,
) -> Compared:
    """Check a bundle, the proof of a report against it, and the report against the books folded again.

    Raises Wrong; EmbeddedServerError where no database can be started here.
    """
    given = read(report)
    activated: list[Version] = []
    size = given.proof.size
    checked = check(
        file, trust, sizes=[size, _covering(given.proof)], told=lambda done: told("check", done),
        each=lambda held: _note_policy(held, activated),
    )  # fmt: skip
    _check_proof(given.proof, checked, trust)
    _check_policies(given.proof, activated)
    with refolded(
        opened(file), checked.about.size, size, [given.proof.books, *given.proof.beside], told
    ) as connection:
        answer, books = _answered(connection, given.question)
    _check_read(given.proof, books)
    ours = strict.value_of(bytes(json_answer(answer).body))
    differences = [] if _alike(ours, given.answer) else list(_differences(given, ours))
    explicit = Asked(given.question.view, parameters(given.question))
    proof = msgspec.structs.replace(given.proof, books=books[0], beside=books[1:], question=explicit)
    again = bytes(json_answer({**answer, PROOF: msgspec.to_builtins(proof)}).body)
    rules = (given.proof.books.rules, rules_digest())
    return Compared(given, checked, rules, differences[:MOST_TOLD], again == report)


def _covering(proof: Proof) -> int:
    """The size of the checkpoint in a proof."""
    return notes.checkpoint_of(proof.checkpoint.encode(), REPORT, "its checkpoint")[1].size


def _note_policy(held: Held, activated: list[Version]) -> None:
    if isinstance(held.milestone, PolicyActivated):
        try:
            activated.append(version_of(held.milestone))
        except PolicyRefused:
            return


def _check_proof(proof: Proof, checked: Checked, trust: Trust) -> None:
    """That the report was given from the log that the bundle shows. Raises Wrong."""
    about = checked.about
    note, checkpoint = notes.checkpoint_of(proof.checkpoint.encode(), REPORT, "its checkpoint")
    counting = trust.keys or tuple(checked.keys)
    notes.signed_by(note, counting, REPORT, "its checkpoint", is_given=bool(trust.keys))
    if proof.origin != about.origin or checkpoint.origin != about.origin:
        raise Wrong(REPORT, "", "it is of another log", expected=about.origin, found=shown(proof.origin))
    if not 0 <= proof.size <= checkpoint.size:
        raise Wrong(REPORT, "", "its checkpoint does not cover what was known")
    if proof.size > about.size:
        raise Wrong(
            REPORT, "",
            f"it was given from {proof.size} milestones, and the bundle ends at {about.size}: take a newer"
            " bundle",
        )  # fmt: skip
    root = checked.roots[proof.size]
    if proof.root != b64encode(root).decode():
        raise Wrong(
            REPORT, "", f"it was given from other milestones than the first {proof.size} of the bundle",
            expected=b64encode(root).decode(), found=shown(proof.root),
        )  # fmt: skip
    try:
        hashes = [b64decode(one, validate=True) for one in proof.consistency]
        check_consistency(proof.size, checkpoint.size, hashes, root, checkpoint.root)
    except (ProofWrong, Base64Error, ValueError) as error:
        raise Wrong(REPORT, "its checkpoint", str(error)) from None
    if checkpoint.size <= about.size and checked.roots[checkpoint.size] != checkpoint.root:
        raise Wrong(REPORT, "its checkpoint", "it is not of the milestones in the bundle")


def _check_policies(proof: Proof, activated: Sequence[Version]) -> None:
    """That every policy it was read under was activated in the log. Raises Wrong."""
    for books in (proof.books, *proof.beside):
        for version in books.adopted.versions[1:]:
            if version not in activated:
                raise Wrong(
                    REPORT,
                    f"policy {version.stamp}",
                    "no milestone of the bundle activates it as it is there",
                )


def _check_read(proof: Proof, read: Sequence[Books]) -> None:
    """That the books in a proof are those that the question reads. Raises Wrong."""
    said = [(one.generation, one.policies) for one in (proof.books, *proof.beside)]
    if said != [(one.generation, one.policies) for one in read]:
        raise Wrong(
            REPORT, PROOF, "it names other books than the question reads",
            expected=shown([one.generation for one in read]), found=shown([number for number, _ in said]),
        )  # fmt: skip


def _answered(connection: Connection[Any], asked: Question) -> tuple[dict[str, Any], list[Books]]:
    """The answer, and the books that it was read from: those that it is pinned to first. Raises Wrong."""
    try:
        return answered(connection, asked)
    except (
        NotYetProjected, ParameterRefused, ReportRefused, LookupError, RuntimeError, ValueError,
    ) as error:  # fmt: skip
        raise Wrong(REPORT, "its question", f"it can't be asked again: {error}") from None


# ---- what differs


def _differences(given: Given, ours: dict[str, Any]) -> Iterator[str]:
    """Where they differ, in words: what the report says, and what follows from the log."""
    theirs = given.answer
    for name in dict.fromkeys((*theirs, *ours)):
        one, other = theirs.get(name), ours.get(name)
        if _alike(one, other):
            continue
        if name in ("rows", "totals", "unrated") and isinstance(one, list) and isinstance(other, list):
            yield from _rows(name, one, other, reporting.measures(given.question))
        else:
            yield f"{name}: the report says {shown(one)}, the log gives {shown(other)}"
    if list(theirs) != list(ours):
        yield f"members: the report has {', '.join(theirs)}; the log gives {', '.join(ours)}"


def _alike(one: object, other: object) -> bool:
    """Whether two values of JSON are the same, of the same types too, the order of members apart."""
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


def _rows(name: str, theirs: list[Any], ours: list[Any], measures: Sequence[str]) -> Iterator[str]:
    if not all(isinstance(row, dict) for row in theirs):
        yield f"{name}: the report holds something that is no row"
        return
    beside = {*measures, "explain"}

    def label(row: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        return tuple((key, str(value)) for key, value in row.items() if key not in beside)

    of_ours = {label(row): row for row in ours}
    of_theirs = {label(row): row for row in theirs}
    found = False
    for key, row in of_theirs.items():
        other = of_ours.get(key)
        if other is None:
            found = True
            yield f"{name}, {_told(key)}: the report has it, and it does not follow from the log"
            continue
        for measure in dict.fromkeys((*row, *other)):
            if row.get(measure) != other.get(measure):
                found = True
                yield (
                    f"{name}, {_told(key)}, {measure}: the report says {shown(row.get(measure))}, the log"
                    f" gives {shown(other.get(measure))}"
                )
    for key in of_ours:
        if key not in of_theirs:
            found = True
            yield f"{name}, {_told(key)}: it follows from the log, and the report leaves it out"
    if not found:
        yield (
            f"{name}: the rows of the report are repeated, in another order than the log gives, or hold"
            " values of another kind"
        )


def _told(label: tuple[tuple[str, str], ...]) -> str:
    return " ".join(f"{key} {value}" for key, value in label) or "the whole"


def versions(compared: Compared) -> str | None:
    """What to say first where the proof names other rules, or another version, than these; None where not."""
    ours = (rules_digest(), CODE_VERSION)
    other = [one for one in books_of(compared) if (one.rules, one.code_version) != ours]
    if not other:
        return None
    return (
        f"the report says that rules {shown(other[0].rules)} (version {shown(other[0].code_version)}) made"
        f" it, and this version has {ours[0]} ({ours[1]}): numbers may differ for that; install that version"
        " to compare"
    )


def books_of(compared: Compared) -> list[Books]:
    """The books that the report was read from."""
    return [compared.given.proof.books, *compared.given.proof.beside]
