"""Bundles of ledgers in which messages were read again: by a changed mapping, or out of quarantine."""

from __future__ import annotations

import io
from pathlib import Path

from adapters.transparency.keys import make_key
from api import exporting
from api.checkpoints import Means, Plan
from api.proving.checking import Checked, check
from tests.audit.forging import apart, lines
from tests.remapping import shop
from tests.remapping.conftest import Shop, empty, fed

__all__ = ["empty", "fed"]


def checked(ledger: Shop, folder: Path) -> tuple[Checked, bytes]:
    """What a bundle of all that is recorded now proves, and the bundle."""
    key = folder / "signing.key"
    make_key(key)
    means = Means(Plan("shop", True, str(key), False, "cairn/shop", 0, None), lambda act, details: None, 30.0)
    file = io.BytesIO()
    with ledger.pool.connection() as connection:
        exporting.write(connection, means, file)
    return check(file), file.getvalue()


def test_what_a_changed_mapping_corrected_is_read_again_by_what_led_to_it(fed: Shop, tmp_path: Path) -> None:
    fed.install(shop.SECOND)
    assert fed.apply().status_code == 200
    found, bundle = checked(fed, tmp_path)
    assert all(reason.startswith("mapping shop@1#") for reason in found.left), found.left
    assert sum(found.left.values()) == 5, "what the first version read, and nobody has that any more"
    stored = lines(apart(bundle), "milestones.ndjson")
    assert any(one.get("mapping", "").startswith("shop@2#") for one in stored)


def test_a_version_that_nobody_has_any_more_is_said(fed: Shop, tmp_path: Path) -> None:
    fed.install(shop.SECOND)
    found, _ = checked(fed, tmp_path)
    ((reason, count),) = found.left.items()
    assert reason.startswith("mapping shop@1#")
    assert count == 5
    assert found.reread == found.about.size - 5


def test_a_message_out_of_quarantine_comes_after_later_ones(fed: Shop, tmp_path: Path) -> None:
    """Its row of the inbox has a lower number than those of milestones before it."""
    fed.install(shop.SECOND)
    fed.feed([shop.invoice(9)])
    answer = fed.client.post("/v1/quarantine/1/replay")
    assert answer.status_code == 200, answer.text
    found, bundle = checked(fed, tmp_path)
    inbox = [one["inbox"] for one in lines(apart(bundle), "milestones.ndjson")]
    assert inbox != sorted(inbox)
    assert [one["inbox"] for one in lines(apart(bundle), "payloads.ndjson")] == list(dict.fromkeys(inbox))
    assert found.reread + sum(found.left.values()) == found.about.size
