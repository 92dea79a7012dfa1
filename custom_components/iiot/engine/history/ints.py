"""Whole numbers as bytes: what changes regularly takes nearly no room once it is compressed.

A sequence is differenced until its differences vary least, at most twice. The least difference is kept once, what lies
above it in units of their common divisor (times in whole milliseconds count milliseconds), in as few bytes as the most
needs. The bytes of one place value stand side by side (a *plane*): high ones rarely change, so a compressor makes
nothing of them.
"""

import math
import operator
import struct
from collections.abc import Sequence
from itertools import accumulate, chain, repeat
from typing import Final

from .damage import DamagedError

MOST_ORDER: Final = 2
_HEAD: Final = 8
"""Bytes of a number that stands for itself: those before the first difference, and the least difference."""
_CODES: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


def pack(numbers: Sequence[int]) -> bytes:
    """Pack signed 64-bit numbers; `unpack` has to be told how many."""
    if not numbers:
        return b""
    order, heads, diffs, least = _differences(numbers)
    above = list(map(operator.sub, diffs, repeat(least))) if least else diffs
    unit = math.gcd(*above)
    if unit > 1:
        above = list(map(operator.floordiv, above, repeat(unit)))
    most = max(above)
    width = next(width for width in _CODES if most < 1 << (8 * width)) if most else 0
    head = b"".join(number.to_bytes(_HEAD, "little", signed=True) for number in (*heads, least))
    unit_said = unit.to_bytes(_HEAD, "little")
    return bytes((order | width << 4,)) + head + (unit_said + _planes(above, width) if width else b"")


def unpack(packed: bytes, count: int) -> list[int]:
    """Give the `count` numbers back; raises `DamagedError`."""
    if not count:
        return []
    try:
        order, width = packed[0] & 15, packed[0] >> 4
        heads = [_number(packed, 1 + at * _HEAD) for at in range(order)]
        least = _number(packed, 1 + order * _HEAD)
        body = packed[1 + (order + 1) * _HEAD :]
        numbers = _from_planes(body, least, width, count - order) if width else [least] * (count - order)
    except (IndexError, KeyError, OverflowError) as err:
        raise DamagedError("a column does not have its numbers") from err
    for head in reversed(heads):
        numbers = list(accumulate(chain((head,), numbers)))
    if len(numbers) != count:
        raise DamagedError("a column does not have its numbers")
    return numbers


def _differences(numbers: Sequence[int]) -> tuple[int, list[int], Sequence[int], int]:
    """Give order, first number of each order before, differences and the least of them."""
    best: tuple[int, list[int], Sequence[int], int] = (0, [], numbers, min(numbers))
    cost = sum(numbers) - len(numbers) * best[3]
    heads: list[int] = []
    diffs = numbers
    for order in range(1, min(MOST_ORDER, len(numbers) - 1) + 1):
        heads = [*heads, diffs[0]]
        diffs = list(map(operator.sub, diffs[1:], diffs, strict=False))
        least, most = min(diffs), max(diffs)
        if least < _LEAST or most > _MOST or heads[-1] < _LEAST or heads[-1] > _MOST:
            break
        spent = sum(diffs) - len(diffs) * least
        if spent >= cost:
            break
        best, cost = (order, heads, diffs, least), spent
    return best


def _number(packed: bytes, at: int) -> int:
    found = packed[at : at + _HEAD]
    if len(found) != _HEAD:
        raise DamagedError("a column ends in the middle of a number")
    return int.from_bytes(found, "little", signed=True)


def _planes(numbers: Sequence[int], width: int) -> bytes:
    whole = struct.pack(f"<{len(numbers)}{_CODES[width]}", *numbers)
    return b"".join(whole[at::width] for at in range(width)) if width > 1 else whole


def _from_planes(body: bytes, least: int, width: int, count: int) -> list[int]:
    """Numbers of `width` bytes behind the unit that they count."""
    planes = body[_HEAD:]
    if count < 1 or len(planes) != count * width:
        raise DamagedError("a column does not have its numbers")
    whole = bytearray(len(planes))
    for at in range(width):
        whole[at::width] = planes[at * count : (at + 1) * count]
    packed = struct.unpack(f"<{count}{_CODES[width]}", whole)
    unit = int.from_bytes(body[:_HEAD], "little")
    if unit == 1 and not least:
        return list(packed)
    return [number * unit + least for number in packed]
