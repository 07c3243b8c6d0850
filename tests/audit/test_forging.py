"""Forgeries: whatever is changed in a bundle without the ledger's key is found, and named in plain words."""

from __future__ import annotations

import io
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from adapters.bundles import forms
from adapters.bundles.container import Writer
from adapters.bundles.findings import Wrong
from adapters.transparency.keys import Signer, make_key
from api.proving.checking import NO_TRUST, check
from api.proving.notes import Trust
from api.proving.telling import not_proved
from domain.merkle import HASH_BYTES
from domain.notes import Note, read_note
from tests.audit.conftest import Small
from tests.audit.forging import (
    Members,
    apart,
    lines,
    old_signature,
    recomputed,
    rogue,
    together,
    with_lines,
    with_planted,
)

Change = Callable[[Members], Members]


def wrong(bundle: bytes, trust: Trust = NO_TRUST) -> Wrong:
    """What is wrong with a bundle."""
    with pytest.raises(Wrong) as found:
        check(io.BytesIO(bundle), trust)
    return found.value


def deleted(members: Members) -> Members:
    found = lines(members, forms.MILESTONES)
    del found[4]
    return with_lines(members, forms.MILESTONES, found)


def closed_up(members: Members) -> Members:
    """Deleted, and the rest moved up."""
    found = lines(members, forms.MILESTONES)
    gone = found.pop(4)
    for one in found[4:]:
        one["position"] -= 1
        if one["stream"] > gone["position"]:
            one["stream"] -= 1
        elif one["stream"] == gone["stream"]:
            one["version"] -= 1
    payloads = [one for one in lines(members, forms.PAYLOADS) if one["inbox"] != gone["inbox"]]
    commits = lines(members, forms.COMMITS)
    for one in commits:
        one["first"] -= one["first"] > gone["position"]
        one["last"] -= one["last"] >= gone["position"]
    commits = [one for one in commits if one["first"] <= one["last"]]
    members = with_lines(members, forms.MILESTONES, found)
    members = with_lines(members, forms.PAYLOADS, payloads)
    return with_lines(members, forms.COMMITS, commits)


def swapped(members: Members) -> Members:
    found = lines(members, forms.MILESTONES)
    found[2], found[3] = found[3], found[2]
    found[2]["position"], found[3]["position"] = 3, 4
    return with_lines(members, forms.MILESTONES, found)


def doubled(members: Members) -> Members:
    found = lines(members, forms.MILESTONES)
    found.append({**found[1], "position": len(found) + 1})
    commits = lines(members, forms.COMMITS)
    commits[-1]["last"] += 1
    return with_lines(with_lines(members, forms.MILESTONES, found), forms.COMMITS, commits)


def cut_short(members: Members) -> Members:
    found = lines(members, forms.MILESTONES)
    gone = found.pop()
    commits = [one for one in lines(members, forms.COMMITS) if one["first"] != gone["position"]]
    payloads = [one for one in lines(members, forms.PAYLOADS) if one["inbox"] != gone["inbox"]]
    members = with_lines(with_lines(members, forms.MILESTONES, found), forms.COMMITS, commits)
    return with_lines(members, forms.PAYLOADS, payloads)


def another_state(members: Members) -> Members:
    found = lines(members, forms.MILESTONES)
    state = b64decode(found[0]["state"])
    found[0]["state"] = b64encode(state.replace(b"won-1", b"won-9")).decode()
    return with_lines(members, forms.MILESTONES, found)


def another_time(members: Members) -> Members:
    commits = lines(members, forms.COMMITS)
    time = commits[1]["recorded_at"]  # another digit of its microseconds, still between its neighbours
    commits[1]["recorded_at"] = time[:-2] + ("0Z" if time[-2] != "0" else "1Z")
    return with_lines(members, forms.COMMITS, commits)


def times_turned(members: Members) -> Members:
    commits = lines(members, forms.COMMITS)
    commits[0]["recorded_at"], commits[1]["recorded_at"] = (
        commits[1]["recorded_at"],
        commits[0]["recorded_at"],
    )
    return with_lines(members, forms.COMMITS, commits)


def payloads_swapped(members: Members) -> Members:
    """Two bodies changed places, with their digests."""
    found = lines(members, forms.PAYLOADS)
    for name in ("text", "digest", "size"):
        found[0][name], found[1][name] = found[1][name], found[0][name]
    return with_lines(members, forms.PAYLOADS, found)


def another_payload(members: Members) -> Members:
    """A body says another amount, and its digest goes with it."""
    found = lines(members, forms.PAYLOADS)
    text = found[0]["text"].replace("1200.00", "1300.00")
    assert text != found[0]["text"]
    found[0] |= {"text": text, "digest": b64encode(sha256(text.encode()).digest()).decode()}
    return with_lines(members, forms.PAYLOADS, found)


def payload_left_out(members: Members) -> Members:
    found = lines(members, forms.PAYLOADS)
    del found[0]["text"]
    return with_lines(members, forms.PAYLOADS, found)


def another_stream(members: Members) -> Members:
    found = lines(members, forms.MILESTONES)
    found[1] |= {"stream": 2, "version": 1}
    return with_lines(members, forms.MILESTONES, found)


def another_mapping(members: Members) -> Members:
    found = lines(members, forms.MAPPINGS)
    found[0]["text"] = found[0]["text"].replace("due_on: due", "due_on: date")
    return with_lines(members, forms.MAPPINGS, found)


def history_cut(members: Members) -> Members:
    return with_lines(members, forms.CHECKPOINTS, lines(members, forms.CHECKPOINTS)[:-1])


def roots_of_another(members: Members) -> Members:
    found = lines(members, forms.CHECKPOINTS)
    found[0]["note"] = found[1]["note"]
    return with_lines(members, forms.CHECKPOINTS, found)


CHANGES = [
    deleted, closed_up, swapped, doubled, cut_short, another_state, another_time, times_turned,
    payloads_swapped, another_payload, payload_left_out, another_stream, another_mapping, history_cut,
    roots_of_another,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found(small: Small, change: Change) -> None:
    wrong(together(change(apart(small.whole))), Trust((small.key,)))


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_found_where_every_digest_and_the_tree_were_computed_anew(small: Small, change: Change) -> None:
    changed = recomputed(change(apart(small.whole)))
    wrong(together(changed, old_signature(small.whole)))


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_found_where_the_forger_signs_with_a_key_of_his_own(
    small: Small, change: Change, tmp_path: Path
) -> None:
    path = tmp_path / "forger.key"
    make_key(path)
    forger = Signer(path, small.key.name)
    changed = recomputed(change(apart(small.whole)))
    changed[forms.KEYS] = forms.line_of(forms.Key(forger.key.text, 0))
    history = [
        {**one, "note": forger.sign(one["note"].partition("\n\n")[0] + "\n").rendered}
        for one in lines(changed, forms.CHECKPOINTS)
    ]
    changed = with_lines(changed, forms.CHECKPOINTS, history)
    forged = together(changed, lambda text: forger.sign(text).rendered)
    wrong(forged, Trust((small.key,)))
    wrong(forged, Trust((), (("published", small.later.encode()),)))


def test_a_forger_who_signs_everything_anew_is_denied_by_key_and_checkpoint_alone(
    small: Small, tmp_path: Path
) -> None:
    path = tmp_path / "forger.key"
    make_key(path)
    forger = Signer(path, small.key.name)
    changed = recomputed(cut_short(apart(small.whole)))
    about = msgspec.json.decode(changed[forms.ABOUT])
    text = f"{small.key.name}\n{about['size']}\n{about['root']}\n"
    changed[forms.KEYS] = forms.line_of(forms.Key(forger.key.text, 0))
    line = {"size": about["size"], "made_at": about["exported_at"], "note": forger.sign(text).rendered}
    changed = with_lines(changed, forms.CHECKPOINTS, [line])
    forged = together(changed, lambda manifest: forger.sign(manifest).rendered)
    assert not check(io.BytesIO(forged)).is_trusted  # and says so: that is all that can be known of it
    assert "not by one of the keys that were given" in str(wrong(forged, Trust((small.key,))))
    assert wrong(forged, Trust((), (("published", small.later.encode()),))).member == "published"


@pytest.mark.parametrize(
    ("change", "member", "place", "problem"),
    [
        (deleted, forms.MILESTONES, "milestone 5", "positions leave a gap"),
        (cut_short, forms.MILESTONES, "", "it is not there"),
        (another_payload, forms.LEAVES, "leaf 0", "it is not the leaf of milestone 1"),
        (payloads_swapped, forms.LEAVES, "leaf 0", ""),
        (another_time, forms.LEAVES, "leaf", ""),
        (times_turned, forms.LEAVES, "leaf 0", "it is not the leaf of milestone 1"),
        (another_mapping, forms.MAPPINGS, "shop@1", "the text is another mapping's"),
        (history_cut, forms.CHECKPOINTS, "", "none is of all"),
    ],
)
def test_the_first_thing_that_is_wrong_is_named(
    small: Small, change: Change, member: str, place: str, problem: str
) -> None:
    found = wrong(together(change(apart(small.whole))), Trust((small.key,)))
    assert (found.member, place in found.place, problem in found.problem) == (member, True, True), str(found)


def test_what_a_payload_says_is_compared_with_what_is_held(small: Small, tmp_path: Path) -> None:
    """As if the ledger itself had written another amount than came in, and hashed and signed that."""
    members = apart(small.whole)
    changed = recomputed(another_payload(members))
    forged = together(changed, old_signature(small.whole))
    found = wrong(forged)
    assert found.place == "milestone 1"
    assert found.problem.endswith("/data/lines/*/net")
    assert (found.expected, found.found) == ("'1300.00'", "'1200.00'")
    assert "the text was changed" in str(found.besides)


def test_leaves_of_another_order_are_named(small: Small) -> None:
    members = apart(small.whole)
    hashes = members[forms.LEAVES]
    members[forms.LEAVES] = hashes[HASH_BYTES:] + hashes[:HASH_BYTES]
    found = wrong(together(members))
    assert (found.member, found.place) == (forms.LEAVES, "leaf 0")


def test_members_in_another_order_are_no_bundle(small: Small) -> None:
    file = io.BytesIO()
    writer = Writer(file)
    for name, content in reversed(apart(small.whole).items()):
        writer.whole(name, content)
    writer.end()
    assert wrong(file.getvalue()).member == "container"


def test_a_planted_key_that_signed_nothing_of_the_bundle_is_a_finding(small: Small, tmp_path: Path) -> None:
    planted = rogue(tmp_path, small.key.name)
    members = apart(small.whole)
    members[forms.KEYS] += forms.line_of(forms.Key(planted.key.text, 0))
    found = wrong(together(members, lambda text: small.signer.sign(text).rendered), Trust((small.key,)))
    assert (found.member, planted.key.text in str(found)) == (forms.KEYS, True)


def test_what_a_planted_key_alone_signed_does_not_count_beside_a_key_that_was_given(
    small: Small, tmp_path: Path
) -> None:
    planted = rogue(tmp_path, small.key.name)
    bundle = with_planted(small.whole, small.signer, planted)
    text = small.later.partition("\n\n")[0] + "\n"
    theirs = ("published", planted.sign(text).rendered.encode())
    found = wrong(bundle, Trust((small.key,), (theirs,)))
    assert (found.member, "not by one of the keys that were given" in str(found)) == ("published", True)
    assert check(io.BytesIO(bundle), Trust((small.key, planted.key), (theirs,))).published


def test_a_key_that_is_listed_and_was_not_given_is_named(small: Small, tmp_path: Path) -> None:
    planted = rogue(tmp_path, small.key.name)
    bundle = with_planted(small.whole, small.signer, planted)
    (said,) = (one for one in not_proved(check(io.BytesIO(bundle), Trust((small.key,)))) if "keys" in one)
    assert planted.key.text in said


def test_a_second_signature_on_the_manifest_does_not_hide_whose_key_was_given(
    small: Small, tmp_path: Path
) -> None:
    planted = rogue(tmp_path, small.key.name)
    bundle = with_planted(small.whole, small.signer, planted)
    members = apart(bundle)
    note = read_note(members[forms.MANIFEST])
    both = Note(note.text, (*planted.sign(note.text).signatures, *note.signatures))
    members[forms.MANIFEST] = both.rendered.encode()
    found = check(io.BytesIO(together(members)), Trust((small.key,)))
    assert (found.signer, found.is_trusted) == (small.key, True)
