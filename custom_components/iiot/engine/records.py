"""Plain data from and into frozen dataclasses: what is kept of a device, and the registry file.

The dataclasses are the schema: `read` checks against them and says where something is wrong, `write` leaves out what
stands at its default, `schema` gives the JSON Schema. One whose fields may contradict each other has a method `flaw`,
which gives the field and the reason, or None.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    TypeAliasType,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from .errors import RecordError

MAX_TEXT: Final = 1024
"""Characters of any text in a record."""


class Bounds(NamedTuple):
    """Both ends belong to it; None: open."""

    low: float | None = None
    high: float | None = None

    def flaw(self, value: float) -> str | None:
        """Say why a number does not fit."""
        fits = (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        return None if fits else _range_words(self.low, self.high)

    def schema(self) -> dict[str, Any]:
        """Say it in JSON Schema."""
        ends = (("minimum", self.low), ("maximum", self.high))
        return {name: end for name, end in ends if end is not None}


class Matching(NamedTuple):
    """A text has to match all of a regular expression; `words` say it in plain language."""

    pattern: str
    words: str

    def flaw(self, value: str) -> str | None:
        """Say why a text does not fit."""
        return None if re.fullmatch(self.pattern, value) else self.words

    def schema(self) -> dict[str, Any]:
        """Say it in JSON Schema."""
        return {"pattern": f"^(?:{self.pattern})$"}


type Key = Annotated[str, Matching(r"[a-z0-9_]{1,64}", "must be 1 to 64 of a to z, 0 to 9 and _")]
"""Key of a channel or an actuator."""


def read[RecordT](kind: type[RecordT], raw: object, path: str = "") -> RecordT:
    """Make a record of plain data; raises `RecordError` with the path and the reason."""
    found: RecordT = _read(kind, raw, path)
    return found


def write(record: Any) -> Any:
    """Make plain data of a record, without what stands at its default."""
    if is_dataclass(record):
        return {
            one.name: write(value) for one in fields(record) if (value := getattr(record, one.name)) != _default(one)
        }
    if isinstance(record, Mapping):
        return {key: write(value) for key, value in record.items()}
    if isinstance(record, tuple):
        return [write(value) for value in record]
    return str(record) if isinstance(record, StrEnum) else record


def schema(kind: Any) -> dict[str, Any]:
    """Give the JSON Schema of a kind of record."""
    return _schema(kind)


# --- reading ------------------------------------------------------------------------------


def _read(kind: Any, raw: Any, path: str) -> Any:
    kind, marks = _bare(kind)
    value = _reader(kind)(kind, raw, path)
    for mark in marks:
        if value is not None and (reason := mark.flaw(value)) is not None:
            raise RecordError(path, reason)
    return value


def _reader(kind: Any) -> Callable[[Any, Any, str], Any]:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _read_union
    if origin is Literal:
        return _read_literal
    if origin is tuple:
        return _read_list
    if origin is not None and issubclass(origin, Mapping):
        return _read_map
    if is_dataclass(kind):
        return _read_record
    return _read_choice if issubclass(kind, StrEnum) else _read_plain


def _read_record(kind: Any, raw: Any, path: str) -> Any:
    if not isinstance(raw, Mapping):
        raise RecordError(path, "must have fields")
    hints = _hints(kind)
    for name in raw:
        if name not in hints:
            raise RecordError(_below(path, name), f"is not known; there are: {', '.join(hints)}")
    for one in fields(kind):
        if one.name not in raw and _is_required(one):
            raise RecordError(_below(path, one.name), "is missing")
    found = kind(**{name: _read(hints[name], value, _below(path, name)) for name, value in raw.items()})
    if flaw := found.flaw() if hasattr(found, "flaw") else None:
        raise RecordError(_below(path, flaw[0]), flaw[1])
    return found


def _read_map(kind: Any, raw: Any, path: str) -> Any:
    key_kind, value_kind = get_args(kind)
    if not isinstance(raw, Mapping):
        raise RecordError(path, "must have fields")
    return {
        _read(key_kind, key, _below(path, key)): _read(value_kind, value, _below(path, key))
        for key, value in raw.items()
    }


def _read_list(kind: Any, raw: Any, path: str) -> Any:
    if not isinstance(raw, list | tuple):
        raise RecordError(path, "must be a list")
    item_kind = get_args(kind)[0]
    return tuple(_read(item_kind, item, f"{path}[{at}]") for at, item in enumerate(raw))


def _read_union(kind: Any, raw: Any, path: str) -> Any:
    first: RecordError | None = None
    for one in get_args(kind):
        try:
            return _read(one, raw, path)
        except RecordError as err:
            first = first or err
    raise first or RecordError(path, "cannot be read")


def _read_literal(kind: Any, raw: Any, path: str) -> Any:
    if not isinstance(raw, str) or raw not in get_args(kind):
        raise RecordError(path, f"must be one of: {', '.join(get_args(kind))}")
    return raw


def _read_choice(kind: Any, raw: Any, path: str) -> Any:
    if not isinstance(raw, str) or raw not in list(kind):
        raise RecordError(path, f"must be one of: {', '.join(kind)}")
    return kind(raw)


def _read_plain(kind: Any, raw: Any, path: str) -> Any:
    if kind is float and type(raw) is int and abs(raw) < 1 << 53:
        raw = float(raw)
    if type(raw) is not kind or (kind is float and not math.isfinite(raw)):
        raise RecordError(path, _WORDS[kind])
    if kind is str and (len(raw) > MAX_TEXT or any("\ud800" <= char <= "\udfff" for char in raw)):
        raise RecordError(path, f"must be a text of at most {MAX_TEXT} characters")
    return raw


_WORDS: Final[dict[type, str]] = {
    bool: "must be true or false",
    int: "must be a whole number",
    float: "must be a number",
    str: "must be a text",
    NoneType: "must be empty",
}
_TYPES: Final[dict[type, str]] = {bool: "boolean", int: "integer", float: "number", str: "string", NoneType: "null"}


def _range_words(low: float | None, high: float | None) -> str:
    if high is None:
        return f"must be at least {low:g}"
    if low == high:
        return f"must be {high:g}"
    return f"must be at most {high:g}" if low is None else f"must lie between {low:g} and {high:g}"


# --- the schema ---------------------------------------------------------------------------


def _schema(kind: Any) -> dict[str, Any]:
    kind, marks = _bare(kind)
    found = _schema_of_bare(kind)
    for mark in marks:
        found |= mark.schema()
    return found


def _schema_of_bare(kind: Any) -> dict[str, Any]:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(one) for one in get_args(kind)]}
    if origin is Literal:
        return {"enum": list(get_args(kind))}
    if origin is tuple:
        return {"type": "array", "items": _schema(get_args(kind)[0])}
    if origin is not None and issubclass(origin, Mapping):
        key_kind, value_kind = get_args(kind)
        return {"type": "object", "propertyNames": _schema(key_kind), "additionalProperties": _schema(value_kind)}
    if is_dataclass(kind):
        return _schema_of_record(kind)
    return {"enum": [str(one) for one in kind]} if issubclass(kind, StrEnum) else {"type": _TYPES[kind]}


def _schema_of_record(kind: Any) -> dict[str, Any]:
    hints = _hints(kind)
    found: dict[str, Any] = {
        "type": "object",
        "description": (kind.__doc__ or "").split("\n")[0],
        "properties": {name: _schema(hint) for name, hint in hints.items()},
        "additionalProperties": False,
    }
    required = [one.name for one in fields(kind) if _is_required(one)]
    return found | {"required": required} if required else found


# --- kinds --------------------------------------------------------------------------------


def _bare(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """Take names and marks off a type."""
    marks: tuple[Any, ...] = ()
    while True:
        if isinstance(kind, TypeAliasType):
            kind = kind.__value__
        elif get_origin(kind) is Annotated:
            kind, *found = get_args(kind)
            marks += tuple(found)
        else:
            return kind, marks


@cache
def _hints(kind: type) -> dict[str, Any]:
    """Types of a record's fields, by name: they are asked for at each record, and never change."""
    return get_type_hints(kind, include_extras=True)


def _is_required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _default(one: Field[Any]) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()


def _below(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)
