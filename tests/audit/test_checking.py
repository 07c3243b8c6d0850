"""A bundle is checked offline: what is proved of a good one, and what is not."""

from __future__ import annotations

import io
import tarfile

import pytest

from adapters.bundles import forms
from adapters.bundles.findings import Wrong
from adapters.sources import SOURCES
from adapters.transparency.keys import make_key
from api.proving.checking import check
from api.proving.notes import Trust
from api.proving.telling import checked_lines, not_proved
from tests.api.samples import order
from tests.audit.conftest import Small
from tests.audit.forging import apart, lines, together
from tests.audit.ledgers import Desk, tell


def test_a_bundle_proves_itself(small: Small) -> None:
    found = check(io.BytesIO(small.whole), Trust((small.key,), (("published", small.later.encode()),)))
    assert found.is_trusted
    assert found.signer == small.key
    assert found.reread == found.about.size == len(lines(apart(small.whole), forms.MILESTONES))
    assert not found.left
    assert found.checkpoints >= 3
    assert not_proved(found) == []


def test_without_a_key_from_elsewhere_it_says_whose_key_it_was(small: Small) -> None:
    found = check(io.BytesIO(small.whole))
    assert not found.is_trusted
    assert small.key.text in "\n".join(checked_lines(found))
    assert any("compare it with one that you had from elsewhere" in said for said in not_proved(found))


def test_a_bundle_without_payloads_proves_all_but_what_they_said(small: Small) -> None:
    found = check(io.BytesIO(small.digests), Trust((small.key,)))
    assert (found.reread, sum(found.left.values())) == (0, found.about.size)
    assert any("digests of them only" in said for said in not_proved(found))
    assert all(
        "text" not in one and "base64" not in one for one in lines(apart(small.digests), forms.PAYLOADS)
    )


def test_a_mapping_that_is_not_installed_here_comes_with_the_bundle(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(SOURCES, "shop")
    found = check(io.BytesIO(small.whole), Trust((small.key,)))
    assert found.by_bundle == 2
    assert found.reread == found.about.size


def test_a_mapping_that_is_nowhere_is_said_not_to_have_been_read_again(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(at)
    monkeypatch.delitem(SOURCES, "shop")
    found = check(io.BytesIO(at.export()))
    (reason,) = found.left
    assert reason.startswith("mapping shop@1#")
    assert found.left[reason] == 2
    assert any("not re-read" in said for said in not_proved(found))


def test_the_bundle_of_an_empty_ledger_proves_that_there_was_nothing(at: Desk) -> None:
    made = at.checkpoint()  # the key's first use is noted in the log
    assert made.splitlines()[1] == "0"
    assert check(io.BytesIO(at.export())).about.size == 1


def test_any_tar_lists_it(small: Small) -> None:
    with tarfile.open(fileobj=io.BytesIO(small.whole)) as found:
        assert found.getnames() == list(forms.NAMES)
        told = found.extractfile(forms.README)
        assert told is not None
        assert b"cairn verify" in told.read()


def test_taken_apart_and_put_together_it_is_the_same(small: Small) -> None:
    assert together(apart(small.whole)) == small.whole


def test_an_older_bundle_is_good_by_itself_and_denied_by_a_newer_checkpoint(small: Small) -> None:
    assert check(io.BytesIO(small.earlier), Trust((small.key,))).about.size > 0
    with pytest.raises(Wrong, match="rolled back"):
        check(io.BytesIO(small.earlier), Trust((small.key,), (("published.txt", small.later.encode()),)))


def test_a_checkpoint_of_another_ledger_is_refused(small: Small, at: Desk) -> None:
    tell(at)
    with pytest.raises(Wrong, match="signed by"):
        check(io.BytesIO(small.whole), Trust((), (("published.txt", at.checkpoint().encode()),)))


@pytest.mark.parametrize("content", [b"", b"no note", b"\xff\xfe", b"a\n1\nAAAA\n\n", b"\0" * 2_000_000])
def test_what_is_no_checkpoint_is_said_to_be_none(small: Small, content: bytes) -> None:
    with pytest.raises(Wrong) as found:
        check(io.BytesIO(small.whole), Trust((), (("published.txt", content),)))
    assert found.value.member == "published.txt"


def test_a_bundle_signed_by_a_key_that_was_rotated_in_is_good(at: Desk) -> None:
    tell(at)
    at.export()
    first = at.key
    other = at.folder / "other.key"
    make_key(other)
    at.means = at.means._replace(plan=at.means.plan._replace(key=str(other)))
    at.record(order())
    bundle = at.export()
    assert at.key is not None
    assert first is not None
    assert at.key != first
    found = check(io.BytesIO(bundle), Trust((at.key,)))
    assert list(found.keys) == [first, at.key]
    with pytest.raises(Wrong, match="not by one of the keys that were given"):
        check(io.BytesIO(bundle), Trust((first,)))
