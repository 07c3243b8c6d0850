"""Where sources lay off rows of large files while they gather documents: temporary files, gone when closed.

Belongs here: that place. Does not belong here: what is gathered (adapters/sources/mapping/gathering.py).
"""

from __future__ import annotations

import tempfile
from typing import IO, Final, cast

from adapters.sources.mapping.gathering import SHELF

#: What is held in memory of a part before it goes to disk.
_HELD: Final = 65_536


def lay_off_on_disk() -> None:
    """From now on parts go to disk, each as soon as it is larger than a few pages."""
    SHELF.make = _part


def _part() -> IO[bytes]:
    return cast("IO[bytes]", tempfile.SpooledTemporaryFile(_HELD))
