"""What a value of a bare device probably is, by its name and its size: a proposal for a person, never more."""

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final, NamedTuple

from ..wire import paths
from .bare import BareChannel

_MEASUREMENT: Final = "measurement"


class _Guess(NamedTuple):
    names: tuple[str, ...]
    device_class: str | None
    unit: str | None
    low: float
    high: float
    state_class: str = _MEASUREMENT


_GUESSES: Final = (
    _Guess(("temperature", "temp", "temperatur", "temperatura"), "temperature", "°C", -60, 300),
    _Guess(("humidity", "hum", "rh", "feuchte", "humedad"), "humidity", "%", 0, 100),
    _Guess(("moisture",), "moisture", "%", 0, 100),
    _Guess(("battery", "soc"), "battery", "%", 0, 100),
    _Guess(("pressure", "press", "baro", "druck", "presion"), "pressure", "hPa", 300, 1_200),
    _Guess(("pressure", "press", "baro", "druck", "presion"), "pressure", "Pa", 30_000, 120_000),
    _Guess(("pressure", "press", "druck", "presion"), "pressure", "bar", -1, 250),
    _Guess(("co2",), "carbon_dioxide", "ppm", 0, 50_000),
    _Guess(("pm25",), "pm25", "μg/m³", 0, 1_000),
    _Guess(("pm10",), "pm10", "μg/m³", 0, 1_000),
    _Guess(("voltage", "volt", "vbat", "spannung"), "voltage", "V", -1_500, 1_500),
    _Guess(("current", "amps", "strom"), "current", "A", -2_000, 2_000),
    _Guess(("power", "watt", "leistung"), "power", "W", -10_000_000, 10_000_000),
    _Guess(("energy", "kwh", "energie"), "energy", "kWh", 0, 1_000_000_000, "total_increasing"),
    _Guess(("frequency", "freq", "hz"), "frequency", "Hz", 0, 1_000_000),
    _Guess(("rssi",), "signal_strength", "dBm", -150, 20),
    _Guess(("illuminance", "lux", "light"), "illuminance", "lx", 0, 200_000),
    _Guess(("ph",), "ph", None, 0, 14),
    _Guess(("rpm", "speed"), None, "rpm", 0, 200_000),
)
"""The first row that fits both name and value counts; its range is that of common sensors."""

_NAMELESS: Final = frozenset({"value", "val", "v", "reading", "state"})
"""What a value is called whose topic says what it is."""
_WORD: Final = re.compile(r"[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+")
_MAX_KEY: Final = 56


def propose(path: str, sample: Any, taken: Collection[str]) -> BareChannel:
    """Propose a channel for a value; `taken` are the keys of the others."""
    words = _WORD.findall(path)
    name = " ".join(words).lower().capitalize() or path
    key = _free_key(words, taken)
    if isinstance(sample, bool):
        return BareChannel(path=path, key=key, name=name, kind="bool")
    if isinstance(sample, str):
        return BareChannel(path=path, key=key, name=name, kind="text")
    guess = _guess(path, sample)
    if guess is None:
        return BareChannel(path=path, key=key, name=name, state_class=_MEASUREMENT)
    return BareChannel(
        path=path,
        key=key,
        name=name,
        unit=guess.unit,
        device_class=guess.device_class,
        state_class=guess.state_class,
        minimum=float(guess.low),
        maximum=float(guess.high),
    )


def proposals(
    values: dict[str, Any],
    channels: Collection[BareChannel],
    taken: Collection[str],
    *,
    level: str = "",
    is_part: bool = False,
) -> list[BareChannel]:
    """Propose a channel for each value of a payload that none of `channels` names.

    `level` of the topic names a value that is called no more than `value`; all of them, when it says which part of the
    device (`is_part`) they are of.
    """
    named = paths.tree((channel.path, channel.leaf) for channel in channels)
    keys = {*taken, *(channel.key for channel in channels)}
    found = []
    for path, sample in paths.flattened(values).items():
        if not paths.leads_to_leaf(named, path):
            label = level if path in _NAMELESS else f"{level}.{path}" if is_part else path
            found.append(replace(propose(label or path, sample, keys), path=path))
            keys.add(found[-1].key)
    return found


def _guess(path: str, sample: Any) -> _Guess | None:
    last = path.rpartition(".")[2]
    words = {word.lower() for word in _WORD.findall(last)}
    words |= {word.rstrip("0123456789") for word in words}
    for guess in _GUESSES:
        if words.intersection(guess.names) and (sample is None or guess.low <= sample <= guess.high):
            return guess
    return None


def _free_key(words: list[str], taken: Collection[str]) -> str:
    key = "_".join(words).lower()[:_MAX_KEY] or "value"
    number = 2
    found = key
    while found in taken:
        found = f"{key[: _MAX_KEY - 4]}_{number}"
        number += 1
    return found
