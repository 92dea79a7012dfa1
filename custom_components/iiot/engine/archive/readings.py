"""Raw values as history keeps them: scaled, and with their quality; a value out of range stays, and is bad."""

import math
from typing import Any, Final

from ..devices.manifest import Channel
from ..history.quality import Standing
from ..values import Kind, Scalar

MAX_INT: Final = 1 << 63
_WORDS: Final = {"uncertain": Standing.UNCERTAIN, "bad": Standing.BAD}

type Kept = tuple[Scalar | None, Standing]


def kept(channel: Channel, raw: Any, word: str | None = None) -> Kept | None:
    """Give value and quality of a raw value that is there; None: it is of another kind than the manifest says."""
    found = _READERS[channel.kind](channel, raw)
    if found is None or word is None:
        return found
    return found[0], max(found[1], _WORDS[word])


def _number(channel: Channel, raw: Any) -> Kept | None:
    if type(raw) is not float and type(raw) is not int:
        return None
    try:
        value = float(raw * channel.scale + channel.offset)
    except OverflowError:
        return None, Standing.BAD
    if not math.isfinite(value):
        return None, Standing.BAD
    return value + 0.0, Standing.BAD if _is_outside(channel, value) else Standing.GOOD


def _whole(channel: Channel, raw: Any) -> Kept | None:
    if type(raw) is float and not raw.is_integer():
        return None
    if type(raw) is int and channel.scale == 1 and channel.offset == 0:
        if not -MAX_INT <= raw < MAX_INT:
            return None, Standing.BAD
        return raw, Standing.BAD if _is_outside(channel, raw) else Standing.GOOD
    found = _number(channel, raw)
    if found is None or not isinstance(found[0], float) or not found[0].is_integer() or abs(found[0]) >= MAX_INT:
        return found
    return int(found[0]), found[1]


def _is_outside(channel: Channel, value: float) -> bool:
    low, high = channel.minimum, channel.maximum
    return (low is not None and value < low) or (high is not None and value > high)


def _truth(_: Channel, raw: Any) -> Kept | None:
    return (raw, Standing.GOOD) if type(raw) is bool else None


def _text(_: Channel, raw: Any) -> Kept | None:
    return (raw, Standing.GOOD) if type(raw) is str else None


def _option(channel: Channel, raw: Any) -> Kept | None:
    if type(raw) is not str:
        return None
    return raw, Standing.GOOD if raw in channel.options else Standing.BAD


_READERS: Final = {
    Kind.FLOAT: _number,
    Kind.INT: _whole,
    Kind.BOOL: _truth,
    Kind.TEXT: _text,
    Kind.ENUM: _option,
}
