"""How sensors misbehave, and how a device reports it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from iiot_engine.values import Scalar

from .profile import Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """One channel read: a value with its quality, or a failure."""

    value: Scalar | None = None
    quality: str | None = None
    """`bad` or `uncertain`; None is good."""
    failed: str | None = None
    """`COMM` or `VALUE`."""


type Mishap = Callable[[Fault, Scalar, Random], Read]


class FaultySensor:
    """Passes values on, or what its faults make of them."""

    def __init__(self, faults: tuple[Fault, ...], random: Random) -> None:
        self._faults = faults
        self._random = random
        self._stuck: Scalar | None = None
        self._stuck_reads = 0

    def read(self, value: Scalar) -> Read:
        """Read the sensor while the true value is `value`."""
        if self._stuck_reads:
            self._stuck_reads -= 1
            return Read(value=self._stuck, quality="uncertain")
        for fault in self._faults:
            if self._random.random() < fault.chance:
                return self._misbehave(fault, value)
        return usable(value)

    def _misbehave(self, fault: Fault, value: Scalar) -> Read:
        if fault.kind == "stuck":
            self._stuck, self._stuck_reads = value, self._random.randint(3, 10)
            return Read(value=value, quality="uncertain")
        return MISHAPS[fault.kind](fault, value, self._random)


def usable(value: Scalar) -> Read:
    """Give a value as it goes on the wire: NaN and infinity are no value, of bad quality."""
    if isinstance(value, float) and not math.isfinite(value):
        return Read(quality="bad")
    return Read(value=value)


def _spike(fault: Fault, value: Scalar, random: Random) -> Read:
    if isinstance(value, bool | str):
        return Read(value=value, quality="uncertain")
    return usable(value + random.choice((-1, 1)) * fault.size)


MISHAPS: Final[dict[str, Mishap]] = {
    "nan": lambda _fault, _value, _random: usable(math.nan),
    "comm": lambda _fault, _value, _random: Read(failed="COMM"),
    "value": lambda _fault, _value, _random: Read(failed="VALUE"),
    "spike": _spike,
}
FAULT_KINDS: Final = frozenset((*MISHAPS, "stuck"))
