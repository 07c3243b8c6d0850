"""The fold as machine code: where it has been made from exactly these sources, it is imported in their place.

`scripts/compile` makes it with mypyc, from the same modules. Nothing depends on it: without it, or after any
change of a source, they run as Python, which takes twice as long and comes to the same journal. Belongs
here: which modules these are, and how a process comes to import what was made of them. Does not belong here:
making it (scripts/compile).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

_ROOT: Final = Path(__file__).parent.parent

#: What is compiled, together: what each milestone goes through on its way from the log to the journal.
MODULES: Final = (
    "projections.accounts",
    "projections.alone",
    "projections.book",
    "projections.cluster",
    "projections.clusters",
    "projections.facts",
    "projections.fold",
    "projections.folding",
    "projections.holdings",
    "projections.journal",
    "projections.late",
    "projections.packed",
    "projections.parting",
    "projections.proration",
    "projections.rules.billing",
    "projections.rules.conditions",
    "projections.rules.earning",
    "projections.rules.orders",
    "projections.rules.payments",
    "projections.rules.performance",
    "projections.rules.pipeline",
    "projections.rules.plans",
    "projections.rules.runrate",
    "projections.rules.variance",
)


def source(module: str) -> Path:
    """The file that a module is written in."""
    return _ROOT.joinpath(*module.split(".")).with_suffix(".py")


def folder() -> Path:
    """Where what is made of these sources by this Python stands: of others it stands in another folder."""
    digest = sha256(EXTENSION_SUFFIXES[0].encode())
    for module in MODULES:
        digest.update(source(module).read_bytes())
    return Path(__file__).parent / "_compiled" / digest.hexdigest()[:16]


def use() -> bool:
    """Import the compiled modules in this process from now on: whether there are any.

    To be called before any of them is imported as Python; after that nothing changes, and the answer is no.
    """
    if any(module in sys.modules for module in MODULES):
        return False
    made = folder()
    files = {path.name.removesuffix(EXTENSION_SUFFIXES[0]): path for path in made.glob("*.*")}
    if not files.keys() >= set(MODULES):
        return False
    sys.meta_path.insert(0, _Finder(files))
    return True


def in_use() -> bool:
    """Whether this process folds by what was compiled."""
    fold = sys.modules.get("projections.fold")
    return fold is not None and str(fold.__file__).endswith(EXTENSION_SUFFIXES[0])


class _Finder:
    """Finds the compiled modules, and what they have in common, by their names."""

    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is; None where it is none of these."""
        path = self._files.get(name)
        if path is None:
            return None
        return spec_from_file_location(name, path, loader=ExtensionFileLoader(name, str(path)))
