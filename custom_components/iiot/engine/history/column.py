"""The values of one channel as bytes: each kind in the form that compresses best, and exactly what was put in.

| tag | values | form |
|---|---|---|
| `i` | whole numbers of 64 bits | as they are |
| `0`-`9` | numbers with so many decimals at most | whole numbers of the last decimal |
| `f` | other numbers | the 64 bits of each as a whole number |
| `b` | on and off | 1 and 0 |
| `j` | all else, of JSON: texts, objects, positions | each distinct value once, then its place among them |
"""

import math
import struct
from collections.abc import Sequence
from typing import Any, Final

import orjson

from . import ints
from .damage import DamagedError

MOST_DECIMALS: Final = 9
_EXACT: Final = 1 << 53
"""Whole numbers below it are doubles, so dividing by a power of ten gives the double that was written so."""
_SAMPLE: Final = 8
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


def pack(values: Sequence[Any]) -> bytes:
    """Pack values of one kind, None among them where there is none; `unpack` has to be told how many."""
    there = [value for value in values if value is not None]
    presence = b"" if len(there) == len(values) else _bits(values)
    tag, body = _body(there)
    return bytes((tag, bool(presence))) + presence + body


def unpack(packed: bytes, count: int) -> list[Any]:
    """Give the `count` values back; raises `DamagedError`."""
    if len(packed) < 2 or packed[1] > 1:
        raise DamagedError("a column has no head")
    if not packed[1]:
        return _values(packed[0], packed[2:], count)
    end = 2 + (count + 7) // 8
    bits = int.from_bytes(packed[2:end], "little")
    there = iter(_values(packed[0], packed[end:], bits.bit_count()))
    if bits >> count:
        raise DamagedError("a column has more values than rows")
    return [next(there) if bits >> at & 1 else None for at in range(count)]


def _bits(values: Sequence[Any]) -> bytes:
    bits = sum(1 << at for at, value in enumerate(values) if value is not None)
    return bits.to_bytes((len(values) + 7) // 8, "little")


def _body(there: list[Any]) -> tuple[int, bytes]:
    kinds = set(map(type, there))
    if kinds == {bool}:
        return ord("b"), ints.pack(list(map(int, there)))
    if kinds == {int} and min(there) >= _LEAST and max(there) <= _MOST:
        return ord("i"), ints.pack(there)
    if kinds == {float}:
        return _floats(there)
    places: dict[bytes, int] = {}
    indices = [places.setdefault(orjson.dumps(value), len(places)) for value in there]
    texts = b"[" + b",".join(places) + b"]"
    return ord("j"), len(texts).to_bytes(4, "little") + texts + ints.pack(indices)


def _floats(numbers: list[float]) -> tuple[int, bytes]:
    for decimals in range(MOST_DECIMALS + 1):
        if _as_decimals(numbers[:_SAMPLE], decimals) and (whole := _as_decimals(numbers, decimals)):
            return ord("0") + decimals, ints.pack(whole)
    count = len(numbers)
    return ord("f"), ints.pack(struct.unpack(f"<{count}q", struct.pack(f"<{count}d", *numbers)))


def _as_decimals(numbers: list[float], decimals: int) -> list[int] | None:
    """Give the numbers in units of the last decimal; None when that is not exactly what they are."""
    scale = 10**decimals
    try:
        whole = [round(number * scale) for number in numbers]
    except OverflowError, ValueError:  # infinite, not a number
        return None
    if max(map(abs, whole)) >= _EXACT or [number / scale for number in whole] != numbers:
        return None
    if 0.0 in numbers and any(not number and math.copysign(1, number) < 0 for number in numbers):
        return None  # a negative zero has no whole number
    return whole


def _values(tag: int, body: bytes, count: int) -> list[Any]:
    if tag == ord("j"):
        return _distinct(body, count)
    numbers = ints.unpack(body, count)
    if tag == ord("i"):
        return numbers
    if tag == ord("b"):
        return list(map(bool, numbers))
    if tag == ord("f"):
        return list(struct.unpack(f"<{count}d", struct.pack(f"<{count}q", *numbers)))
    if not 0 <= tag - ord("0") <= MOST_DECIMALS:
        raise DamagedError("a column is of no kind that is known")
    scale = 10 ** (tag - ord("0"))
    return [number / scale for number in numbers]


def _distinct(body: bytes, count: int) -> list[Any]:
    end = 4 + int.from_bytes(body[:4], "little")
    try:
        texts = orjson.loads(body[4:end])
        places = ints.unpack(body[end:], count)
        if min(places, default=0) < 0:
            raise DamagedError("the distinct values of a column cannot be told apart")
        return [texts[place] for place in places]
    except (orjson.JSONDecodeError, IndexError, TypeError) as err:
        raise DamagedError("the distinct values of a column cannot be read") from err
