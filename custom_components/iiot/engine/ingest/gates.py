"""One gate a kind of channel: a raw value goes in, a value with its quality comes out.

A value of another type than the manifest says is `None` here and quarantined by the caller;
a value out of range is kept as bad, and shown as unknown.
"""

from collections.abc import Callable
from typing import Any, Final

from ..devices.manifest import Channel
from ..values import Kind, Quality, Scalar

type Judged = tuple[Scalar | None, Quality]
type Gate = Callable[[Any], Judged | None]

MAX_TEXT: Final = 4096
MAX_INT: Final = 1 << 63
"""What a journal, a database and a state can hold; beyond it a whole number is out of range."""
GOOD: Final = Quality.GOOD
BAD: Final = Quality.BAD
NOTHING: Final[Judged] = (None, BAD)


def gate_of(channel: Channel) -> Gate:
    """Build the gate of `channel`. None is *no value* for every kind."""
    return _GATES[channel.kind](channel)


def _float_gate(channel: Channel) -> Gate:
    scale, offset = channel.scale, channel.offset
    low = float("-inf") if channel.minimum is None else channel.minimum
    high = float("inf") if channel.maximum is None else channel.maximum
    plain = scale == 1 and offset == 0

    def gate(raw: Any) -> Judged | None:
        kind = type(raw)
        if kind is not float and kind is not int:
            return NOTHING if raw is None else None
        value = raw if plain else raw * scale + offset
        if low <= value <= high and -1e308 < value < 1e308:
            return value, GOOD
        return NOTHING

    return gate


def _int_gate(channel: Channel) -> Gate:
    as_float = _float_gate(channel)

    def gate(raw: Any) -> Judged | None:
        if type(raw) is float and not raw.is_integer():
            return None
        judged = as_float(raw)
        if judged is None or judged[0] is None:
            return judged
        value = judged[0]
        about = float(value)
        if not -MAX_INT <= about < MAX_INT:
            return NOTHING
        return (int(value), GOOD) if about.is_integer() else judged

    return gate


def _bool_gate(_: Channel) -> Gate:
    def gate(raw: Any) -> Judged | None:
        if type(raw) is bool:
            return raw, GOOD
        return NOTHING if raw is None else None

    return gate


def _text_gate(_: Channel) -> Gate:
    def gate(raw: Any) -> Judged | None:
        if type(raw) is str:
            return (raw, GOOD) if len(raw) <= MAX_TEXT else NOTHING
        return NOTHING if raw is None else None

    return gate


def _enum_gate(channel: Channel) -> Gate:
    options = frozenset(channel.options)

    def gate(raw: Any) -> Judged | None:
        if type(raw) is str:
            return (raw, GOOD) if raw in options else NOTHING
        return NOTHING if raw is None else None

    return gate


_GATES: Final[dict[Kind, Callable[[Channel], Gate]]] = {
    Kind.FLOAT: _float_gate,
    Kind.INT: _int_gate,
    Kind.BOOL: _bool_gate,
    Kind.TEXT: _text_gate,
    Kind.ENUM: _enum_gate,
}
