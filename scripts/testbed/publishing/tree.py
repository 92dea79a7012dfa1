"""The tree that is looked at: a clone, or a copy of one."""

import ast
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, override

import yaml

DOMAIN = "iiot"
# Folders of tools, of what is built, and of what is not ours.
SKIPPED = {"__pycache__", "build", "dist", "node_modules"}
OURS = {".ci", ".github"}


class UnreadableError(Exception):
    """A file is not what its name says; the text is the finding."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML brings no types
    """YAML as Home Assistant writes it, with tags of its own; a key that stands twice is refused."""

    @override
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        _refuse_twins([self.construct_object(key, deep=True) for key, _ in node.value])
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


_Loader.add_multi_constructor("!", lambda _loader, _suffix, node: node.value)


@dataclass(frozen=True)
class Tree:
    """One state of the repository."""

    root: Path

    @property
    def integration(self) -> Path:
        """The folder that is installed."""
        return self.root / "custom_components" / DOMAIN

    def name_of(self, path: Path) -> str:
        """Return how findings call a file."""
        return path.relative_to(self.root).as_posix()

    def files(self, *suffixes: str) -> Iterator[Path]:
        """Yield the tree's own files with one of these suffixes, in order."""
        for folder, folders, names in self.root.walk():
            folders[:] = sorted(n for n in folders if n in OURS or not (n.startswith(".") or n in SKIPPED))
            yield from (folder / name for name in sorted(names) if name.endswith(suffixes))

    def json(self, path: Path) -> Any:
        """Read a JSON file; raises UnreadableError, also when a key stands twice."""
        try:
            return json.loads(path.read_text("utf-8"), object_pairs_hook=_as_dict)
        except (OSError, ValueError) as err:
            raise UnreadableError(f"{self.name_of(path)}: {err}") from err

    def yaml(self, path: Path) -> Any:
        """Read a YAML file; raises UnreadableError, also when a key stands twice."""
        try:
            return yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506  # a safe loader with tags
        except (OSError, ValueError, yaml.YAMLError) as err:
            raise UnreadableError(f"{self.name_of(path)}: {err}") from err

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the integration."""
        found: dict[str, Any] = self.json(self.integration / "manifest.json")
        return found

    @cached_property
    def languages(self) -> dict[str, dict[str, Any]]:
        """Language → all its words."""
        return {path.stem: self.json(path) for path in sorted((self.integration / "translations").glob("*.json"))}

    @cached_property
    def sources(self) -> dict[Path, ast.Module]:
        """The modules of the integration, by their place in its folder."""
        paths = (path for path in self.files(".py") if self.integration in path.parents)
        return {path.relative_to(self.integration): ast.parse(path.read_text("utf-8")) for path in paths}


def _as_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_twins([key for key, _ in pairs])
    return dict(pairs)


def _refuse_twins(keys: Iterable[Any]) -> None:
    seen = set()
    for key in keys:
        if key in seen:
            raise ValueError(f"the key {key!r} stands twice")
        seen.add(key)
