"""What a device measures and what it can do, as facts."""

from dataclasses import dataclass, field
from typing import Any

from ..values import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """One quantity that a device reports. Texts are the device's own; nothing trusts them."""

    key: str
    name: str
    kind: Kind
    unit: str | None = None
    device_class: str | None = None
    """Home Assistant's word, unchecked: unknown ones degrade to a plain sensor."""
    state_class: str | None = None
    options: tuple[str, ...] = ()
    precision: int | None = None
    minimum: float | None = None
    """Lowest credible value, after scale and offset."""
    maximum: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    polled: bool = False
    period_s: float | None = None
    deadband: float | None = None
    diagnostic: bool = False
    holds_object: bool = False
    """Its texts are JSON, kept whole: only of bare topics."""
    source: str | None = None
    """Entity of Home Assistant that it was adopted from: then nobody has signed its values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Actuator:
    """One thing that a device can be asked to move."""

    key: str
    name: str
    kind: str
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    options: tuple[str, ...] = ()
    channel: str | None = None
    """Key of the channel that reports it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmKind:
    """One alarm that a device can raise itself."""

    code: str
    name: str
    priority: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """Everything that a device says about itself once."""

    digest: str
    """16 hexadecimal digits, opaque: compared, never recomputed."""
    channels: dict[str, Channel]
    actuators: dict[str, Actuator]
    alarms: tuple[AlarmKind, ...]
    commands: frozenset[str]
    source: dict[str, Any] = field(compare=False, repr=False)
    """The payload that it was read from, for keeping."""
