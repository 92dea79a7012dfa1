"""Where in a TOML file a member stands: for errors that name the line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from iiot_engine.errors import EngineError

from .rules import Rule, suggestion

type Path = tuple[str | int, ...]
"""Keys, and positions in lists of tables, from the top of the document."""

_HEADER: Final = re.compile(r"\s*\[([^\[\]]+)\]\s*(#.*)?$")
_LIST_HEADER: Final = re.compile(r"\s*\[\[([^\[\]]+)\]\]\s*(#.*)?$")
_MEMBER: Final = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"))*)\s*=""")
_PART: Final = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")


class ScenarioError(EngineError):
    """A scenario cannot be used; the text names the line, the member, and what would be right."""


class Places:
    """Lines of the tables and members of one document."""

    def __init__(self, source: str) -> None:
        self._lines: dict[Path, int] = {}
        self._last: dict[Path, int] = {}
        """Position of the last entry of each list of tables."""
        table: Path = ()
        for number, line in enumerate(source.splitlines(), start=1):
            if (header := _LIST_HEADER.match(line)) is not None:
                table = self._entry(_parts(header[1]))
            elif (header := _HEADER.match(line)) is not None:
                table = self._resolve(_parts(header[1]))
            elif (member := _MEMBER.match(line)) is not None:
                self._note((*table, *_parts(member[1])), len(table), number)
                continue
            else:
                continue
            self._lines.setdefault(table, number)

    def nearest(self, path: Path) -> tuple[int, int | None]:
        """How many levels around `path` the nearest line lies, and that line; None: there is none."""
        for above in range(len(path)):
            if path[: len(path) - above] in self._lines:
                return above, self._lines[path[: len(path) - above]]
        return len(path), None

    def _note(self, path: Path, after: int, number: int) -> None:
        for length in range(after + 1, len(path) + 1):
            self._lines.setdefault(path[:length], number)

    def _entry(self, parts: list[str]) -> Path:
        path = (*self._resolve(parts[:-1]), parts[-1])
        self._last[path] = self._last.get(path, -1) + 1
        return (*path, self._last[path])

    def _resolve(self, parts: list[str]) -> Path:
        path: Path = ()
        for part in parts:
            path = (*path, part)
            if path in self._last:
                path = (*path, self._last[path])
        return path


def as_text(path: Path) -> str:
    """Write a path as people do: `channels.temperature.faults[2].chance`."""
    written = ""
    for part in path:
        written += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if written else part
    return written


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """A table of a description: what is wrong in it is told with file, line and member."""

    file: str
    places: Places
    bases: tuple[Path, ...]
    """Tables that its members come from: the device's own, and its template's."""
    inside: Path = ()
    """Way from there to this table."""
    whose: str = ""

    def at(self, *parts: str | int) -> Spot:
        """Go further in."""
        return replace(self, inside=(*self.inside, *parts))

    def error(self, words: str) -> ScenarioError:
        """Say what is wrong here."""
        _, line = min((self.places.nearest((*base, *self.inside)) for base in self.bases), key=lambda near: near[0])
        where = [self.file if line is None else f"{self.file}, line {line}", self.whose, as_text(self.inside)]
        return ScenarioError(": ".join(part for part in (*where, words) if part))

    def check(self, table: Mapping[str, Any], rules: Mapping[str, Rule], needed: Iterable[str] = ()) -> None:
        """Raise for a member that nobody knows, has another form, or is missing."""
        for name, value in table.items():
            if name not in rules:
                raise self.at(name).error(f"nobody knows this member; {suggestion(name, rules)}")
            if not rules[name].is_good(value):
                raise self.at(name).error(f"{_shown(value)} is not {rules[name].words}")
        for name in needed:
            if name not in table:
                raise self.error(f"{name} is missing; it has to be {rules[name].words}")


def _shown(value: object) -> str:
    try:
        shown = repr(value)
    except ValueError:  # a number of thousands of digits
        return "this"
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _parts(dotted: str) -> list[str]:
    return ["".join(found) for found in _PART.findall(dotted)]
