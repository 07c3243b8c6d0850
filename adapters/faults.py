"""Labelled points at which a test lets the process die, as if the power had gone.

Belongs here: the labels' switchboard. Nothing happens at a label unless `arm` was called; whoever reads the
settings does that, for tests only. Does not belong here: handling of real failures.
"""

import os
import signal
from collections.abc import Sequence
from typing import Final

#: Every label of the way in, in the order in which an import reaches them.
LABELS: Final = ("log_written", "inbox_written", "before_commit", "after_commit", "before_answer")

_armed: dict[str, int] = {}


def arm(label: str, nth: int = 1, *, others: Sequence[str] = ()) -> None:
    """Let the process be killed when it reaches `label` for the nth time (1 is the first).

    others: labels that the caller has reached besides ours. Raises ValueError for a label that nothing
    reaches: a test that waits for it would prove nothing.
    """
    if label not in LABELS and label not in others:
        raise ValueError(f"no such label {label!r}: one of {', '.join((*LABELS, *others))}")
    if nth < 1:
        raise ValueError("nth counts from 1")
    _armed[label] = nth


def disarm() -> None:
    """Forget all that was armed."""
    _armed.clear()


def reach(label: str) -> None:
    """Note that the process has come to `label`; kill it without warning where that is armed."""
    if _armed and label in _armed:
        _armed[label] -= 1
        if _armed[label] == 0:
            os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
