"""From a manifest's actuator to what Home Assistant offers for it: one table."""

from dataclasses import dataclass
from typing import Final

from homeassistant.const import Platform

from ..engine.actuation.interlocks import Interlock
from ..engine.devices.manifest import Actuator
from .mapping import clean_name

PREFIX: Final = "set."
"""Before the keys of actuators: a channel may have the same key, and never a dot."""

_PLATFORMS: Final = {
    "switch": Platform.SWITCH,
    "number": Platform.NUMBER,
    "select": Platform.SELECT,
    "button": Platform.BUTTON,
    "valve": Platform.VALVE,
    "text": Platform.TEXT,
}
_LOWEST: Final = 0.0
_HIGHEST: Final = 100.0
"""Of a number whose manifest names no bounds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ActuatorDescription:
    """How one actuator is offered. Two that are equal need no change of the entity."""

    key: str
    platform: Platform
    name: str
    actuator: str
    """Its key in the manifest."""
    channel: str | None
    """Channel that reports it; None: nothing does, and the last value that was done is assumed."""
    unit: str | None = None
    low: float = _LOWEST
    high: float = _HIGHEST
    step: float | None = None
    options: tuple[str, ...] = ()
    pace_s: float = 0.1
    """Shortest time between two states."""
    has_range: bool = False
    """Whether the manifest names bounds: a valve with them has positions."""
    is_read_only: bool = False


def offer(actuator: Actuator, lock: Interlock | None = None) -> ActuatorDescription:
    """Translate one actuator with its interlock. Takes whatever the manifest rules let through, and never raises."""
    low, high = _range(actuator, lock if actuator.kind == "number" else None)
    return ActuatorDescription(
        key=PREFIX + actuator.key,
        platform=_PLATFORMS[actuator.kind],
        name=clean_name(actuator.name, actuator.key),
        actuator=actuator.key,
        channel=actuator.channel,
        unit=clean_name(actuator.unit or "", "") or None,
        low=low,
        high=high,
        step=actuator.step if actuator.step and actuator.step > 0 else None,
        options=actuator.options,
        is_read_only=lock is not None and lock.read_only,
        has_range=actuator.minimum is not None and actuator.maximum is not None and high > low,
    )


def _range(actuator: Actuator, lock: Interlock | None) -> tuple[float, float]:
    """The bounds of a control: what the manifest and the interlock both allow; the manifest's when that is nothing."""
    lows, highs = [actuator.minimum], [actuator.maximum]
    if lock is not None:
        lows.append(lock.minimum)
        highs.append(lock.maximum)
    high = min((bound for bound in highs if bound is not None), default=None)
    low = max((bound for bound in lows if bound is not None), default=min(_LOWEST, _LOWEST if high is None else high))
    if high is None:
        high = max(low, _HIGHEST)
    return (low, high) if low <= high or lock is None else _range(actuator, None)
