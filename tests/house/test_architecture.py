"""The rules of the house, read from its files: who imports whom, what is pure, what is where.

Nothing is imported or run here. A rule that a file breaks is named with the file and the line.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("domain", "projections", "adapters", "api")

MAY_IMPORT = {
    "domain": {"domain"},
    "projections": {"domain", "projections"},
    "adapters": {"domain", "adapters"},
    "adapters/sources": {"domain", "adapters.sources"},
    "api": {"domain", "projections", "adapters", "api"},
}
"""Imports go one way: domain <- projections, adapters <- api. The longest prefix of a file's path counts."""

DOMAIN_LIBRARIES = {"eventsourcing", "msgspec", "orjson"}

PURE = ("domain", "adapters/sources")
"""Rooms without a clock, chance, the network, processes or the environment: the same in, the same out."""

IMPURE_MODULES = {
    "asyncio", "concurrent", "fcntl", "getpass", "http", "locale", "mmap", "multiprocessing", "os",
    "platform", "random", "resource", "secrets", "select", "selectors", "shelve", "shutil", "signal",
    "socket", "socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time",
    "urllib.request", "httpx", "psycopg", "psycopg_pool", "requests",
}  # fmt: skip
FILE_MODULES = {"io", "pathlib", "glob", "fileinput", "zipfile", "tarfile", "gzip"}
"""Files are for the sources, which are given paths; the domain is given values."""

IMPURE_NAMES = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "uuid.uuid1", "uuid.uuid4", "uuid1",
    "uuid4", "print", "input",
}  # fmt: skip
ENVIRONMENT_NAMES = {
    "os.environ",
    "os.environb",
    "os.getenv",
    "os.putenv",
    "os.unsetenv",
    "environ",
    "getenv",
}

MOST_LINES = 400
COUNTED = {".py", ".sql", ".js", ".css", ".html", ""}

TOP_LEVEL = {
    "pyproject.toml", "README.md", "CHANGELOG.md", "docker-compose.yml", "domain", "projections", "adapters",
    "api", "tests", "scripts", "docs", ".ci", ".gitignore", ".git",
}  # fmt: skip

# put together here, so that this file does not name what it forbids
REGISTRY_MARKS = tuple(
    "".join(parts)
    for parts in (
        ("py", "pi.org"), ("python", "hosted"), ("index", "-url"), ("index", "_url"), ("find", "-links"),
        ("npm", "js"), ("crates", ".io"), ("docker", ".io"), ("ghcr", ".io"), ("quay", ".io"),
        ("conda", ".org"), ("proxy.go", "lang"), ("arti", "factory"), ("file:", "///"), ("/simple", "/"),
    )
)  # fmt: skip


class Module(NamedTuple):
    """A source file: its path from the top, and its syntax tree."""

    path: str
    tree: ast.Module

    def is_in(self, room: str) -> bool:
        return self.path.startswith(f"{room}/")


def ours() -> Iterator[Path]:
    """Every file that belongs to the project; what .gitignore leaves out at the top does not."""
    for top in sorted(ROOT.iterdir()):
        if top.name not in TOP_LEVEL - {".git"}:
            continue
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


MODULES = [
    Module(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text()))
    for path in ours()
    if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES
]


def imports(module: Module) -> Iterator[tuple[str, int]]:
    """The full names that a module imports, `from x import y` as `x.y`, each with its line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.path}:{node.lineno} imports relatively: say the whole name"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def names(module: Module) -> Iterator[tuple[str, int]]:
    """The names that a module uses, dotted where they are, each with its line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name):
            yield ast.unparse(node), node.lineno


def falls_under(name: str, prefixes: set[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def broken(findings: Iterator[str]) -> str:
    return "\n".join(sorted(findings))


def test_imports_go_one_way() -> None:
    def findings() -> Iterator[str]:
        for module in MODULES:
            room = max((room for room in MAY_IMPORT if module.is_in(room)), key=len)
            for name, line in imports(module):
                if name.split(".")[0] in (*PACKAGES, "tests", "scripts") and not falls_under(
                    name, MAY_IMPORT[room]
                ):
                    yield f"{module.path}:{line} imports {name}, and {room} may not"

    assert not broken(findings()), broken(findings())


def test_the_domain_knows_the_standard_library_msgspec_and_eventsourcing_and_nothing_else() -> None:
    def findings() -> Iterator[str]:
        for module in MODULES:
            for name, line in imports(module) if module.is_in("domain") else ():
                top = name.split(".")[0]
                if top not in sys.stdlib_module_names and top not in DOMAIN_LIBRARIES | {"domain"}:
                    yield f"{module.path}:{line} imports {name}"

    assert not broken(findings()), broken(findings())


def test_the_domain_and_the_sources_are_pure() -> None:
    def findings() -> Iterator[str]:
        for module in MODULES:
            if not any(module.is_in(room) for room in PURE):
                continue
            impure = IMPURE_MODULES | (FILE_MODULES if module.is_in("domain") else set())
            for name, line in imports(module):
                if falls_under(name, impure) or name in IMPURE_NAMES:
                    yield f"{module.path}:{line} imports {name}"
            for name, line in names(module):
                if name.removeprefix("datetime.") in IMPURE_NAMES or name in IMPURE_NAMES:
                    yield f"{module.path}:{line} uses {name}"
                if name == "open" and module.is_in("domain"):
                    yield f"{module.path}:{line} opens a file"

    assert not broken(findings()), broken(findings())


def test_the_environment_is_read_in_one_place() -> None:
    def findings() -> Iterator[str]:
        for module in MODULES:
            if module.path == "api/settings.py":
                continue
            imported = {name for name, _ in imports(module)}
            for name, line in names(module):
                is_bare = "." not in name and f"os.{name}" not in imported
                if name in ENVIRONMENT_NAMES and not is_bare:
                    yield f"{module.path}:{line} uses {name}: settings belong in api/settings.py"

    assert not broken(findings()), broken(findings())


def test_every_module_says_what_belongs_in_it() -> None:
    silent = [module.path for module in MODULES if not ast.get_docstring(module.tree)]
    assert not silent, f"without a docstring: {silent}"


def test_no_file_outgrows_its_room() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for path in ours()
        if path.relative_to(ROOT).parts[0] in (*PACKAGES, "scripts") and path.suffix in COUNTED
    }
    too_long = {name: lines for name, lines in lengths.items() if lines > MOST_LINES}
    assert not too_long, f"more than {MOST_LINES} lines: {too_long}"


def test_no_file_names_a_package_registry() -> None:
    def findings() -> Iterator[str]:
        for path in ours():
            text = path.read_bytes().decode(errors="replace").lower()
            yield from (f"{path.relative_to(ROOT)} has {mark}" for mark in REGISTRY_MARKS if mark in text)

    assert not broken(findings()), broken(findings())


def test_the_top_level_holds_what_the_map_shows_and_what_git_ignores() -> None:
    ignored = [
        line.strip("/") for line in (ROOT / ".gitignore").read_text().split() if not line.startswith("#")
    ]
    strangers = [
        entry.name
        for entry in ROOT.iterdir()
        if entry.name not in TOP_LEVEL and not any(entry.match(pattern) for pattern in ignored)
    ]
    assert not strangers, f"not on the map: {strangers}"


@pytest.mark.parametrize("name", ["runtime", "dev", "build"])
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    lines = (ROOT / "scripts" / "requirements" / f"{name}.txt").read_text().splitlines()
    starts = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    for number in starts:
        assert "==" in lines[number], lines[number]
        assert lines[number + 1].strip().startswith("--hash=sha256:"), lines[number]
    assert starts


# ---- the rules themselves are tried on code that breaks them


def module_of(path: str, source: str) -> Module:
    return Module(path, ast.parse(source))


@pytest.mark.parametrize(
    ("path", "source", "rule"),
    [
        ("domain/a.py", "from projections.fold import fold", test_imports_go_one_way),
        ("projections/a.py", "import adapters.postgres.inbox", test_imports_go_one_way),
        ("adapters/sources/a.py", "from adapters.postgres import inbox", test_imports_go_one_way),
        ("adapters/postgres/a.py", "from api import settings", test_imports_go_one_way),
        ("api/a.py", "from tests import conftest", test_imports_go_one_way),
        (
            "domain/a.py",
            "import pydantic",
            test_the_domain_knows_the_standard_library_msgspec_and_eventsourcing_and_nothing_else,
        ),
        ("domain/a.py", "from pathlib import Path", test_the_domain_and_the_sources_are_pure),
        ("domain/a.py", "open('a')", test_the_domain_and_the_sources_are_pure),
        ("domain/a.py", "import datetime\ndatetime.datetime.now()", test_the_domain_and_the_sources_are_pure),
        ("adapters/sources/a.py", "import time", test_the_domain_and_the_sources_are_pure),
        ("adapters/sources/a.py", "from uuid import uuid4", test_the_domain_and_the_sources_are_pure),
        ("adapters/postgres/a.py", "import os\nos.environ['A']", test_the_environment_is_read_in_one_place),
        ("api/a.py", "from os import getenv\ngetenv('A')", test_the_environment_is_read_in_one_place),
        ("api/a.py", "x = 1", test_every_module_says_what_belongs_in_it),
    ],
)
def test_a_file_that_breaks_a_rule_is_named(
    path: str, source: str, rule: "object", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "MODULES", [module_of(path, source)])
    assert callable(rule)
    with pytest.raises(AssertionError, match=path):
        rule()
