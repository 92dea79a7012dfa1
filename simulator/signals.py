"""Where values come from: seeded shapes that look like a plant."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any, Final

from iiot_engine.values import Scalar

type Signal = Callable[[float], Scalar]
"""Value at so many seconds since the device's start."""

type Shape = Callable[[dict[str, Any], Random], Signal]


def make_signal(spec: dict[str, Any], random: Random) -> Signal:
    """Build the signal that `spec` names by its `shape`; raises KeyError for an unknown one."""
    return SHAPES[spec.get("shape", "gaussian")](spec, random)


def _rounded(value: float, places: int) -> Scalar:
    """A float with so many decimal places; a whole number without any."""
    return round(value, places) if places else round(value)


def _gaussian(spec: dict[str, Any], random: Random) -> Signal:
    mean, sigma, places = spec.get("mean", 0.0), spec.get("sigma", 1.0), spec.get("round", 3)
    return lambda _: _rounded(random.gauss(mean, sigma), places)


def _sine(spec: dict[str, Any], random: Random) -> Signal:
    mean, size, noise = spec.get("mean", 0.0), spec.get("size", 1.0), spec.get("noise", 0.0)
    period_s, places = spec.get("period_s", 600.0), spec.get("round", 3)
    phase = random.uniform(0, math.tau)

    def value(at_s: float) -> Scalar:
        wave = math.sin(math.tau * at_s / period_s + phase)
        return _rounded(mean + size * wave + random.gauss(0, noise), places)

    return value


def _walk(spec: dict[str, Any], random: Random) -> Signal:
    low, high = spec.get("min", 0.0), spec.get("max", 100.0)
    step, places = spec.get("step", (high - low) / 100), spec.get("round", 3)
    level = spec.get("start", random.uniform(low + (high - low) / 4, high - (high - low) / 4))

    def value(_: float) -> Scalar:
        nonlocal level
        level += random.uniform(-step, step)
        if not low <= level <= high:
            level = 2 * (low if level < low else high) - level
        level = min(high, max(low, level))
        return _rounded(level, places)

    return value


def _steps(spec: dict[str, Any], _random: Random) -> Signal:
    levels, hold_s = spec["levels"], spec.get("hold_s", 60.0)
    return lambda at_s: levels[int(at_s / hold_s) % len(levels)]


def _constant(spec: dict[str, Any], _random: Random) -> Signal:
    value = spec.get("value", 0)
    return lambda _: value


class Meter:
    """A counter that only rises, and goes on after a restart where it was last noted, or a little above."""

    NOTED_WITHIN_S: Final = 120.0
    """How old a noted total may be: a restart adds what could have passed since."""

    def __init__(self, spec: dict[str, Any], random: Random) -> None:
        self.total = float(spec.get("start", 0.0))
        self._rate: float = spec.get("per_s", 1.0)
        self._places: int = spec.get("round", 3)
        self._last_s = 0.0
        self._random = random

    def resume(self, total: float) -> None:
        """Go on above a total that was noted before a restart."""
        self.total = total + 1.2 * self._rate * self.NOTED_WITHIN_S

    def __call__(self, at_s: float) -> Scalar:
        """Read it at so many seconds since the start."""
        self.total += self._rate * max(0.0, at_s - self._last_s) * self._random.uniform(0.8, 1.2)
        self._last_s = at_s
        return _rounded(self.total, self._places)


def _enum(spec: dict[str, Any], random: Random) -> Signal:
    options, stay = spec["options"], spec.get("stay", 0.9)
    at = 0

    def value(_: float) -> Scalar:
        nonlocal at
        if random.random() >= stay:
            at = (at + 1) % len(options)
        return str(options[at])

    return value


def _toggle(spec: dict[str, Any], random: Random) -> Signal:
    state, stay = bool(spec.get("start", False)), spec.get("stay", 0.9)

    def value(_: float) -> Scalar:
        nonlocal state
        if random.random() >= stay:
            state = not state
        return state

    return value


def _text(spec: dict[str, Any], random: Random) -> Signal:
    form, hold_s, number = spec.get("form", "B-{:05d}"), spec.get("hold_s", 300.0), random.randint(1, 50_000)
    return lambda at_s: str(form.format(number + int(at_s / hold_s)))


SHAPES: Final[dict[str, Shape]] = {  # a wave is made by the sensors of a device, burst by burst
    "gaussian": _gaussian,
    "sine": _sine,
    "walk": _walk,
    "steps": _steps,
    "constant": _constant,
    "counter": Meter,
    "enum": _enum,
    "toggle": _toggle,
    "text": _text,
    "wave": _constant,
}
