"""What one simulated device is: facts read from a scenario, without any state."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from iiot_engine.values import Kind
from iiot_engine.wire import canonical

BASE_COMMANDS: Final = ("describe", "identify", "set_interval", "set_time")
SLEEPER_COMMANDS: Final = ("awake", "sleep")


class Form(StrEnum):
    """How a device sends its readings."""

    MOMENT = "r"
    ROWS = "rows"


class ClockKind(StrEnum):
    """Where a device has its time from."""

    NTP = "ntp"
    HUB = "hub"
    """None at first; `set_time` gives it one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One way in which a sensor misbehaves, and how often."""

    kind: str
    """`nan`, `comm`, `value`, `spike` or `stuck`."""
    chance: float
    """Probability for one reading, 0 to 1."""
    size: float = 0.0
    """Height of a spike in the channel's unit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelProfile:
    """One quantity: its line in the manifest, and where its values come from."""

    key: str
    kind: Kind = Kind.FLOAT
    entry: dict[str, Any] = field(default_factory=dict)
    """Members of the manifest beside `key` and `kind`."""
    signal: dict[str, Any] = field(default_factory=dict)
    """`shape` and its parameters."""
    faults: tuple[Fault, ...] = ()

    def manifest_entry(self) -> dict[str, Any]:
        """The channel as the manifest says it."""
        return {"key": self.key, "kind": str(self.kind), **self.entry}


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Durations of the protocol, in seconds of device time. Scenarios may shorten them."""

    resend_after_s: float = 60.0
    resend_longest_s: float = 600.0
    resend_start_s: float = 30.0
    """After a reconnect, re-sending starts within this."""
    listen_s: float = 5.0
    listen_more_s: float = 2.0
    listen_longest_s: float = 30.0
    bye_s: float = 5.0

    def quicker(self, factor: float) -> Timing:
        """All durations divided by `factor`, save how long a device listens."""
        return Timing(
            resend_after_s=self.resend_after_s / factor,
            resend_longest_s=self.resend_longest_s / factor,
            resend_start_s=self.resend_start_s / factor,
        )


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One device."""

    id: str
    name: str
    model: str
    fw: str = "1.0.0"
    interval_s: float = 30.0
    """Heartbeat."""
    sample_s: float = 5.0
    form: Form = Form.MOMENT
    batch: int = 1
    """Readings in one message, form `rows`."""
    wave_s: float = 0.0
    """Period of the waveforms that come beside the readings; 0: none."""
    wave: str | None = None
    """Channel of the waveforms."""
    channels: tuple[ChannelProfile, ...] = ()
    caps: tuple[str, ...] = ("confirm", "poll")
    clock: ClockKind = ClockKind.NTP
    skew_s: float = 0.0
    """How far the device's own clock is ahead."""
    place: str | None = None
    net: dict[str, Any] = field(default_factory=dict)
    power: dict[str, Any] = field(default_factory=dict)
    route: tuple[tuple[float, float], ...] = ()
    """Corners of the way that a moving device goes round; one corner: it stands there."""
    lap_s: float = 600.0
    sleep_s: float = 0.0
    """0: stays awake."""
    log_s: float = 0.0
    """Mean time between log lines; 0: says nothing."""
    alarm_s: float = 0.0
    """Mean time between device-raised alarms; 0: none."""
    alarms: tuple[dict[str, Any], ...] = ()
    keep_rows: int = 10_000
    """Unanswered rows that fit the device."""
    message_rows: int = 200
    """Rows in one message that is sent again."""
    timing: Timing = field(default_factory=Timing)
    gateway: str | None = None
    """Device whose connection carries this one's messages."""

    @property
    def confirms(self) -> bool:
        """Whether it numbers rows and understands `stored`."""
        return "confirm" in self.caps

    @property
    def commands(self) -> tuple[str, ...]:
        """Names of the commands that it obeys."""
        return tuple(sorted(BASE_COMMANDS + SLEEPER_COMMANDS)) if self.sleep_s else BASE_COMMANDS

    def quicker(self, factor: float) -> Profile:
        """The same device with every period divided by `factor`."""
        periods = ("interval_s", "sample_s", "wave_s", "sleep_s", "log_s", "alarm_s", "lap_s")
        changes = {name: getattr(self, name) / factor for name in periods}
        return replace(self, **changes, timing=self.timing.quicker(factor))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Members of the manifest, its digest included."""
        body = {
            "channels": [channel.manifest_entry() for channel in self.channels],
            "actuators": [],
            "alarms": list(self.alarms),
            "commands": list(self.commands),
        }
        return {**body, "digest": hashlib.sha256(canonical.encode(body)).hexdigest()[:16]}
