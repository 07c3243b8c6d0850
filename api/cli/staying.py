"""Commands that stay beside a server: work on a thread, until they are asked to end or their ledger is gone.

Belongs here: waiting, and ending. Does not belong here: the work, the server itself (serving).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from api.house import freshness_of
from api.settings import Settings


def stay(settings: Settings, url: str, work: Callable[[threading.Event], None]) -> None:
    """Work until a signal comes. work: given what says that it should end.

    Raises LedgerGone where the ledger was dropped meanwhile, so that nothing is written into another of its
    name.
    """
    stop = threading.Event()
    freshness = freshness_of(url, settings.tenant)
    freshness.on_gone = stop.set
    thread = threading.Thread(target=work, args=(stop,), daemon=True)
    freshness.start()
    thread.start()
    try:
        while thread.is_alive() and not stop.is_set():
            thread.join(0.5)
    finally:
        stop.set()
        thread.join(30)
        freshness.stop()
    freshness.check()
