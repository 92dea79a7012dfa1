"""From a manifest's channel to what Home Assistant shows: tables, checked against its own enums.

A device's words are a stranger's. What Home Assistant does not know, or what does not fit together, is left out, so
that the channel degrades to a plainer sensor: never an exception, never a warning in the log.
"""

import json
import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.components.sensor.const import (
    AMBIGUOUS_UNITS,
    DEVICE_CLASS_STATE_CLASSES,
    DEVICE_CLASS_UNITS,
    NON_NUMERIC_DEVICE_CLASSES,
    STATE_CLASS_UNITS,
)
from homeassistant.const import MAX_LENGTH_STATE_STATE, EntityCategory, Platform
from homeassistant.util import dt as dt_util

from ..engine.devices.manifest import Channel
from ..engine.values import Kind, Scalar

MAX_NAME: Final = 128
MAX_EXACT_INT: Final = 2**53
"""Beyond it an integer is shown as a float: its digits would not fit a state."""

type Native = float | str | bool | date | datetime | None
type Convert = Callable[[Scalar], Native]


@dataclass(frozen=True, kw_only=True, slots=True)
class PointDescription:
    """How one channel is shown. Two that are equal need no change of the entity."""

    key: str
    platform: Platform
    name: str
    kind: Kind
    device_class: SensorDeviceClass | BinarySensorDeviceClass | None = None
    state_class: SensorStateClass | None = None
    unit: str | None = None
    options: tuple[str, ...] = ()
    precision: int | None = None
    category: EntityCategory | None = None
    holds_object: bool = False
    """Its value is the text of an object: the state says how many members it has, an attribute which."""

    @property
    def is_prompt(self) -> bool:
        """Whether every change counts: a switched contact is not an average."""
        return self.kind in _PROMPT

    @property
    def is_number(self) -> bool:
        """Whether it can be drawn as a line."""
        return self.kind not in _PROMPT and self.device_class not in _MOMENTS

    @property
    def convert(self) -> Convert:
        """From the value on the board to the entity's native value."""
        if self.holds_object:
            return _members
        if isinstance(self.device_class, SensorDeviceClass) and self.device_class in _MOMENTS:
            return _MOMENTS[self.device_class]
        return _CONVERT[self.kind]


def describe(channel: Channel) -> PointDescription:
    """Translate one channel. Takes whatever the manifest rules let through, and never raises."""
    return _DESCRIBE[channel.kind](channel)


def clean_name(text: str, fallback: str) -> str:
    """A device's own text as a name: one line, nothing invisible, at most 128 characters."""
    visible = "".join(" " if _is_hidden(char) else char for char in text)
    return " ".join(visible.split())[:MAX_NAME].strip() or fallback


def read_moment(value: Scalar) -> datetime | None:
    """ISO text or Unix seconds as a moment; None when it is neither."""
    try:
        if isinstance(value, str):
            found = dt_util.parse_datetime(value)
            if found is None:
                return None
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        return datetime.fromtimestamp(value, UTC)
    except ValueError, OverflowError, OSError:
        return None


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


# --- one row a kind ----------------------------------------------------------------------


def _describe_number(channel: Channel) -> PointDescription:
    device_class = _word(SensorDeviceClass, channel.device_class)
    if device_class in _MOMENTS_OF_NUMBERS:
        return _point(channel, Platform.SENSOR, device_class)
    unit = _unit(channel)
    if device_class is not None and not _fits_number(device_class, unit):
        device_class = None
    state_class = _word(SensorStateClass, channel.state_class)
    if state_class is not None and not _fits_state_class(state_class, device_class, unit):
        state_class = None
    return PointDescription(
        key=channel.key,
        platform=Platform.SENSOR,
        name=clean_name(channel.name, channel.key),
        kind=channel.kind,
        device_class=device_class,
        state_class=state_class,
        unit=unit,
        precision=channel.precision,
        category=_category(channel),
    )


def _describe_text(channel: Channel) -> PointDescription:
    if channel.holds_object:
        return replace(_point(channel, Platform.SENSOR, None), holds_object=True)
    device_class = _word(SensorDeviceClass, channel.device_class)
    return _point(channel, Platform.SENSOR, device_class if device_class in _MOMENTS else None)


def _describe_enum(channel: Channel) -> PointDescription:
    return _point(channel, Platform.SENSOR, SensorDeviceClass.ENUM, channel.options)


def _describe_bool(channel: Channel) -> PointDescription:
    return _point(channel, Platform.BINARY_SENSOR, _word(BinarySensorDeviceClass, channel.device_class))


def _point(
    channel: Channel,
    platform: Platform,
    device_class: SensorDeviceClass | BinarySensorDeviceClass | None,
    options: tuple[str, ...] = (),
) -> PointDescription:
    return PointDescription(
        key=channel.key,
        platform=platform,
        name=clean_name(channel.name, channel.key),
        kind=channel.kind,
        device_class=device_class,
        options=options,
        category=_category(channel),
    )


# --- what fits ---------------------------------------------------------------------------


def _word[T: StrEnum](words: type[T], word: str | None) -> T | None:
    try:
        return None if word is None else words(word)
    except ValueError:
        return None


def _category(channel: Channel) -> EntityCategory | None:
    return EntityCategory.DIAGNOSTIC if channel.diagnostic else None


def _unit(channel: Channel) -> str | None:
    unit = clean_name(channel.unit or "", "")
    return AMBIGUOUS_UNITS.get(unit, unit) or None


def _fits_number(device_class: SensorDeviceClass, unit: str | None) -> bool:
    if device_class in NON_NUMERIC_DEVICE_CLASSES:
        return False
    units = DEVICE_CLASS_UNITS.get(device_class)
    return units is None or unit in units


def _fits_state_class(state_class: SensorStateClass, device_class: SensorDeviceClass | None, unit: str | None) -> bool:
    units = STATE_CLASS_UNITS.get(state_class)
    if units is not None and unit not in units:
        return False
    classes = None if device_class is None else DEVICE_CLASS_STATE_CLASSES.get(device_class)
    return classes is None or state_class in classes


# --- values ------------------------------------------------------------------------------


def _number(value: Scalar) -> Native:
    if isinstance(value, int):
        return value if abs(value) <= MAX_EXACT_INT else float(value)
    return value if isinstance(value, float) and math.isfinite(value) else None


def _text(value: Scalar) -> Native:
    return str(value)[:MAX_LENGTH_STATE_STATE]


def _members(value: Scalar) -> Native:
    found = json.loads(str(value))
    return len(found) if isinstance(found, dict | list) else 1


def _truth(value: Scalar) -> Native:
    return bool(value)


def _day(value: Scalar) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        moment = read_moment(value)
        return None if moment is None else moment.date()


_PROMPT: Final = frozenset({Kind.BOOL, Kind.ENUM, Kind.TEXT})
_MOMENTS: Final[dict[SensorDeviceClass, Convert]] = {
    SensorDeviceClass.TIMESTAMP: read_moment,
    SensorDeviceClass.UPTIME: read_moment,
    SensorDeviceClass.DATE: _day,
}
_MOMENTS_OF_NUMBERS: Final = frozenset({SensorDeviceClass.TIMESTAMP, SensorDeviceClass.UPTIME})
_CONVERT: Final[dict[Kind, Convert]] = {
    Kind.FLOAT: _number,
    Kind.INT: _number,
    Kind.BOOL: _truth,
    Kind.TEXT: _text,
    Kind.ENUM: _text,
}
_DESCRIBE: Final[dict[Kind, Callable[[Channel], PointDescription]]] = {
    Kind.FLOAT: _describe_number,
    Kind.INT: _describe_number,
    Kind.BOOL: _describe_bool,
    Kind.TEXT: _describe_text,
    Kind.ENUM: _describe_enum,
}
