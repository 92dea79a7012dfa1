"""Where values come from: seeded shapes that look like a plant."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from iiot_engine.values import Kind, Scalar

from .rules import FLAG, OPTIONS, PERIOD, SCALAR, SHARE, Rule, number, pairs, pattern, series, text, whole, word
from .waves import FEATURES

type Signal = Callable[[float], Scalar]
"""Value at so many seconds since the device's start."""

type Make = Callable[[dict[str, Any], Random], Signal]
"""Builds a signal from its parameters."""

NUMBERS: Final = (Kind.FLOAT, Kind.INT)
MAX_SAMPLES: Final = 20_000
"""20,000 samples are 53,336 digits of base64, and 65,535 bytes are a message."""
MAX_LISTED: Final = 6_000
"""The same written as numbers, of at most 10 digits each."""
MAX_RATE_HZ: Final = 25_000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """One way in which values come."""

    make: Make
    kinds: tuple[Kind, ...]
    """Kinds of channels that it fits."""
    parameters: dict[str, Rule]


def make_signal(spec: dict[str, Any], random: Random) -> Signal:
    """Build the signal that `spec` names by its `shape`; raises KeyError for an unknown one."""
    return SHAPES[spec.get("shape", "gaussian")].make(spec, random)


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


def _square(spec: dict[str, Any], random: Random) -> Signal:
    low, high, noise = spec.get("low", 0.0), spec.get("high", 1.0), spec.get("noise", 0.0)
    period_s, duty, places = spec.get("period_s", 600.0), spec.get("duty", 0.5), spec.get("round", 3)
    return lambda at_s: _rounded((high if at_s / period_s % 1 < duty else low) + random.gauss(0, noise), places)


def _drift(spec: dict[str, Any], random: Random) -> Signal:
    start, per_hour, noise = spec.get("start", 0.0), spec.get("per_hour", 1.0), spec.get("noise", 0.0)
    low, high, places = spec.get("min", -math.inf), spec.get("max", math.inf), spec.get("round", 3)
    return lambda at_s: _rounded(
        min(high, max(low, start + per_hour * at_s / 3600 + random.gauss(0, noise))),
        places,
    )


def _spikes(spec: dict[str, Any], random: Random) -> Signal:
    mean, sigma, size = spec.get("mean", 0.0), spec.get("sigma", 0.1), spec.get("size", 10.0)
    chance, fade_s, places = spec.get("chance", 0.02), spec.get("fade_s", 2.0), spec.get("round", 3)
    height, since_s = 0.0, 0.0

    def value(at_s: float) -> Scalar:
        nonlocal height, since_s
        height *= math.exp(-max(0.0, at_s - since_s) / fade_s)
        since_s = at_s
        if random.random() < chance:
            height += size * random.uniform(0.5, 1.0)
        return _rounded(mean + height + random.gauss(0, sigma), places)

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


_FORM: Final = pattern(r"[^{}]*\{(:0?\d{0,2}d)?\}[^{}]*", "a text with one {} or {:05d}")
_ROUND: Final = whole(0, 12)
_ANY: Final = number()
_SIZE: Final = number(0)
_HZ: Final = number(0.001, MAX_RATE_HZ)
SHAPES: Final[dict[str, Shape]] = {
    "gaussian": Shape(make=_gaussian, kinds=NUMBERS, parameters={"mean": _ANY, "sigma": _SIZE, "round": _ROUND}),
    "sine": Shape(
        make=_sine,
        kinds=NUMBERS,
        parameters={"mean": _ANY, "size": _ANY, "noise": _SIZE, "period_s": PERIOD, "round": _ROUND},
    ),
    "square": Shape(
        make=_square,
        kinds=NUMBERS,
        parameters={"low": _ANY, "high": _ANY, "duty": SHARE, "noise": _SIZE, "period_s": PERIOD, "round": _ROUND},
    ),
    "walk": Shape(
        make=_walk,
        kinds=NUMBERS,
        parameters={"min": _ANY, "max": _ANY, "step": _SIZE, "start": _ANY, "round": _ROUND},
    ),
    "drift": Shape(
        make=_drift,
        kinds=NUMBERS,
        parameters={"start": _ANY, "per_hour": _ANY, "noise": _SIZE, "min": _ANY, "max": _ANY, "round": _ROUND},
    ),
    "spikes": Shape(
        make=_spikes,
        kinds=NUMBERS,
        parameters={
            "mean": _ANY,
            "sigma": _SIZE,
            "size": _ANY,
            "chance": SHARE,
            "fade_s": PERIOD,
            "round": _ROUND,
        },
    ),
    "counter": Shape(make=Meter, kinds=NUMBERS, parameters={"start": _ANY, "per_s": _SIZE, "round": _ROUND}),
    "steps": Shape(make=_steps, kinds=tuple(Kind), parameters={"levels": series(SCALAR), "hold_s": PERIOD}),
    "constant": Shape(make=_constant, kinds=tuple(Kind), parameters={"value": SCALAR}),
    "toggle": Shape(make=_toggle, kinds=(Kind.BOOL,), parameters={"start": FLAG, "stay": SHARE}),
    "enum": Shape(make=_enum, kinds=(Kind.ENUM,), parameters={"options": OPTIONS, "stay": SHARE}),
    "text": Shape(
        make=_text,
        kinds=(Kind.TEXT,),
        parameters={"form": _FORM, "hold_s": PERIOD},
    ),
    "wave": Shape(  # made burst by burst, by the sensors of a device
        make=_constant,
        kinds=(Kind.FLOAT,),
        parameters={
            "rate_hz": _HZ,
            "samples": whole(8, MAX_SAMPLES),
            "tones": pairs(_HZ, _ANY),
            "noise": _SIZE,
            "form": word(("i16", "v")),
            "scale": number(0, above=True),
        },
    ),
    "feature": Shape(  # computed from the newest burst
        make=_constant,
        kinds=(Kind.FLOAT,),
        parameters={"of": text(64), "what": word(FEATURES), "round": _ROUND},
    ),
}
"""Shapes by name. `round` is the number of decimal places; an `int` channel has none."""
