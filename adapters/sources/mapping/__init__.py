"""Mappings: sources that a YAML file describes. docs/mappings.md is the reference of the language."""

from __future__ import annotations

from pathlib import Path

from adapters.sources.mapping.document import MappingRefused, Problem
from adapters.sources.mapping.loading import Mapping, read_mapping
from adapters.sources.mapping.source import MappedSource


def load_mapping(path: Path) -> MappedSource:
    """The source that a mapping file describes. Raises MappingRefused, OSError."""
    text = path.read_bytes()
    mapping = read_mapping(text, str(path))
    return MappedSource(mapping.name, path, text)


def load_mappings(folder: Path) -> list[MappedSource]:
    """The sources of a folder's mapping files, checked. Raises MappingRefused, OSError."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: no such folder")
    return [_named(load_mapping(path)) for path in _files(folder)]


def mappings_in(folder: Path) -> list[MappedSource]:
    """The sources of a folder's mapping files (`NAME.yaml`), read when first needed."""
    return [MappedSource(path.stem, path) for path in _files(folder)]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.yaml") if not path.name.startswith("."))


def _named(source: MappedSource) -> MappedSource:
    if source.name != source.path.stem:
        message = f"is {source.name!r}, and the file {source.path.name}; give both one name"
        raise MappingRefused(str(source.path), [Problem(1, "mapping", message)])
    return source


__all__ = [
    "MappedSource",
    "Mapping",
    "MappingRefused",
    "Problem",
    "load_mapping",
    "load_mappings",
    "mappings_in",
    "read_mapping",
]
