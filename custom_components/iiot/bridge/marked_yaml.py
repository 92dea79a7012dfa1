"""YAML as a person writes it, with the line of everything: plain data only, no aliases, no key twice, bounded."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import yaml

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 32
"""Lists and fields inside each other; the registry file needs less than 10."""
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

type Lines = dict[str, int]
"""Path → line."""


class Flaw(NamedTuple):
    """Where a text is wrong, and why."""

    line: int
    """From 1."""
    path: str
    reason: str


class FlawsError(Exception):
    """A text cannot be used."""

    def __init__(self, flaws: list[Flaw]) -> None:
        super().__init__(f"{len(flaws)} flaws")
        self.flaws: Final = flaws


class Document(NamedTuple):
    """What a text holds, and where."""

    raw: Any
    lines: Lines

    def line_of(self, path: str) -> int:
        """The line of a path, or of the nearest above it that is there."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 1)


def read_marked(text: str) -> Document:
    """Read a text; raises `FlawsError`."""
    try:
        too_long = len(text.encode()) > MAX_BYTES
    except UnicodeEncodeError as err:
        raise _flawed(text.count("\n", 0, err.start) + 1, "", "has a character that is none") from err
    if too_long:
        raise _flawed(1, "", f"must be at most {MAX_BYTES:,} bytes long")
    try:
        return _Reader(text).document()
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        last = text.count("\n") + 1
        raise _flawed(min(mark.line + 1, last) if mark else 1, "", f"is no YAML: {err.problem or err.context}") from err
    except yaml.YAMLError as err:
        position = min(getattr(err, "position", 0) or 0, len(text))
        raise _flawed(text.count("\n", 0, position) + 1, "", "is no YAML: it has a character that is none") from err


def _flawed(line: int, path: str, reason: str) -> FlawsError:
    return FlawsError([Flaw(line, path, reason)])


class _Reader:
    """Goes through the events of one text."""

    def __init__(self, text: str) -> None:
        self._events: Final = yaml.parse(text, Loader=_LOADER)
        self._scalars: Final = yaml.SafeLoader("")
        self.lines: Final[Lines] = {}

    def document(self) -> Document:
        """Read the one document that there is; nothing at all is empty."""
        self._next()  # the stream begins
        if isinstance(self._next(), yaml.StreamEndEvent):
            return Document(None, {})
        raw = self._value(self._next(), "", 0)
        self._next()  # the document ends
        if not isinstance(event := self._next(), yaml.StreamEndEvent):
            raise _flawed(_line(event), "", "must be one document: take the line --- away")
        return Document(raw, self.lines)

    def _next(self) -> Any:
        return next(self._events)

    def _value(self, event: Any, path: str, depth: int) -> Any:
        self.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            raise _flawed(_line(event), path, "must not refer to another place by *; use a profile")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if depth == MAX_DEPTH:
            raise _flawed(_line(event), path, f"must not lie more than {MAX_DEPTH} levels deep")
        is_list = isinstance(event, yaml.SequenceStartEvent)
        return self._list(path, depth) if is_list else self._fields(path, depth)

    def _list(self, path: str, depth: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            found.append(self._value(event, f"{path}[{len(found)}]", depth + 1))
        return found

    def _fields(self, path: str, depth: int) -> Mapping[str, Any]:
        """Names are taken as they are written: a device may be called 007, and an actuator on."""
        found: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _flawed(_line(event), path, "must have names before its colons")
            name = event.value
            below = f"{path}.{name}" if path else name
            if name in found:
                raise _flawed(_line(event), below, f"stands twice; the first time in line {self.lines[below]}")
            self.lines[below] = _line(event)
            found[name] = self._value(self._next(), below, depth + 1)
        return found

    def _scalar(self, event: Any, path: str) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._scalars.resolve(yaml.ScalarNode, event.value, event.implicit)
        node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        try:
            return self._scalars.construct_object(node)
        except (ValueError, OverflowError) as err:
            raise _flawed(_line(event), path, "cannot be read: put a text into quotes") from err


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
