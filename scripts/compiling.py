"""Compiles the fold with mypyc: `scripts/compile`.

Belongs here: making and clearing away what projections/compiled looks for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from projections import compiled

_SETUP = """
import sys
from setuptools import setup
from mypyc.build import mypycify
setup(name="fold", packages=[], ext_modules=mypycify(sys.argv[3:], opt_level="2"), script_args=sys.argv[1:3])
"""


def make() -> Path:
    """Compile the modules, where that has not been done. Raises CalledProcessError: no compiler, for one."""
    wanted = compiled.folder()
    if wanted.exists():
        return wanted
    root = Path(__file__).parent.parent
    wanted.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wanted.parent) as at:
        _compile(root, Path(at) / "sources")
        built = Path(at) / "built"
        built.mkdir()
        for path in (Path(at) / "sources").rglob(f"*{EXTENSION_SUFFIXES[0]}"):
            relative = path.relative_to(Path(at) / "sources")
            if relative.parts[0] != "build":
                path.rename(built / ".".join(relative.parts))
        if compiled.folder() != wanted:
            raise SystemExit("compile: a source was changed meanwhile; run this again")
        for old in wanted.parent.iterdir():
            if old != Path(at):
                shutil.rmtree(old)
        built.rename(wanted)
    return wanted


def _compile(root: Path, at: Path) -> None:
    """Compile a copy of the sources, in place."""
    at.mkdir()
    for package in ("domain", "projections"):
        shutil.copytree(
            root / package, at / package, ignore=shutil.ignore_patterns("_compiled", "__pycache__")
        )
    files = [str(compiled.source(module).relative_to(root)) for module in compiled.MODULES]
    subprocess.run(
        [sys.executable, "-c", _SETUP, "build_ext", "--inplace", *files],
        cwd=at,
        env={**os.environ, "PYTHONPATH": str(at)},
        check=True,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    print(f"compiled into {make()}")
