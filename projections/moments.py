"""Named moments of projecting and rebuilding, at which whoever runs them may look in.

Nothing happens at a moment unless `watch` was called: tests let the process die there, as if the power had
gone. Belongs here: the names, and the one place to be told of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

#: Every moment that the code reaches, in order: of a batch, then of a rebuild. One that is kept beside the
#: live generation ends after `before_ready`; promotion and return begin at `before_swap`.
MOMENTS: Final = (
    "before_projection_commit",
    "after_projection_commit",
    "before_bulk",
    "after_share",
    "after_bulk",
    "before_index",
    "before_catch_up",
    "before_ready",
    "before_swap",
    "before_swap_commit",
    "after_swap",
    "before_clean_up",
    "after_clean_up",
)

_told: Callable[[str], None] | None = None


def watch(told: Callable[[str], None]) -> None:
    """Have `told` called with the name of each moment that this process reaches."""
    global _told  # noqa: PLW0603 - one process, one onlooker
    _told = told


def reach(moment: str) -> None:
    """Note that the process has come to a moment."""
    if _told is not None:
        _told(moment)
