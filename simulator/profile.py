"""What one simulated device is: facts read from a scenario, without any state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from iiot_engine.values import NS_PER_S, Kind, Scalar
from iiot_engine.wire import canonical

BASE_COMMANDS: Final = (
    "describe",
    "forget",
    "identify",
    "rekey",
    "restart",
    "set_interval",
    "set_log_level",
    "set_rate",
    "set_time",
)
SLEEPER_COMMANDS: Final = ("awake", "sleep")
ACTUATOR_COMMANDS: Final = ("press", "set")


class Form(StrEnum):
    """How a device sends its readings."""

    MOMENT = "r"
    ROWS = "rows"


class ClockKind(StrEnum):
    """Where a device has its time from."""

    NTP = "ntp"
    HUB = "hub"
    """None at first; `set_time` gives it one."""
    NONE = "none"
    """None, and it takes none."""


class Cause(StrEnum):
    """Why a device started."""

    POWER_ON = "power_on"
    BROWNOUT = "brownout"
    WATCHDOG = "watchdog"
    COMMAND = "command"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deviation:
    """How a clock of one's own is wrong."""

    skew_s: float = 0.0
    """Ahead from the start."""
    drift_ppm: float = 0.0
    """Gains so much: 1,000 ppm are 3.6 s in an hour."""
    step_s: float = 0.0
    """Jumps ahead by so much …"""
    step_every_s: float = 0.0
    """… after so long, again and again; 0: never."""

    def ahead_ns(self, up_ms: int) -> int:
        """How far it is ahead of true time."""
        steps = int(up_ms / 1000 / self.step_every_s) if self.step_every_s else 0
        drift_ns = round(up_ms * self.drift_ppm)  # ms * 10^6 ns/ms * ppm * 10^-6
        return round((self.skew_s + steps * self.step_s) * NS_PER_S) + drift_ns


@dataclass(frozen=True, kw_only=True, slots=True)
class Flooding:
    """Readings far beyond what the manifest announces."""

    hz: float
    lasts_s: float = 0.0
    every_s: float = 0.0
    """The last `lasts_s` of every so many seconds; 0: always."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Booting:
    """How a device starts, and how often it does."""

    log: bool = False
    """It tells its start in log lines."""
    takes_s: float = 1.5
    """From a reset until it lives again."""
    every_s: float = 0.0
    """Mean time between resets of its own; 0: none."""


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

    @property
    def is_pushed(self) -> bool:
        """Whether the device reads it on its own account; a waveform comes in messages of its own."""
        return self.entry.get("mode") != "poll" and self.signal.get("shape") != "wave"

    def manifest_entry(self, period_s: float | None = None) -> dict[str, Any]:
        """The channel as the manifest says it; `period_s` takes the place of a period that it names."""
        entry = {"key": self.key, "kind": str(self.kind), **self.entry}
        return entry if period_s is None or entry.get("period") in (None, period_s) else {**entry, "period": period_s}

    def quicker(self, factor: float) -> ChannelProfile:
        """The same with its period divided by `factor`."""
        if "period" not in self.entry:
            return self
        return replace(self, entry={**self.entry, "period": self.entry["period"] / factor})


@dataclass(frozen=True, kw_only=True, slots=True)
class ActuatorProfile:
    """One thing that can be set or pressed."""

    key: str
    kind: str
    """`switch`, `number`, `select`, `button`, `valve` or `text`."""
    entry: dict[str, Any] = field(default_factory=dict)
    """Members of the manifest beside `key` and `kind`."""
    start: Scalar | None = None
    """What it stands at after each start."""
    takes_s: float = 0.0
    """How long it moves; meanwhile its command is `accepted`."""
    fail_chance: float = 0.0
    """Probability that it does not move."""

    def manifest_entry(self) -> dict[str, Any]:
        """The actuator as the manifest says it."""
        return {"key": self.key, "kind": self.kind, **self.entry}


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
    """Between two readings of a channel that names no period."""
    form: Form = Form.MOMENT
    batch: int = 1
    """Readings in one message, form `rows`."""
    wave_s: float = 0.0
    """Period of the waveforms that come beside the readings; 0: none."""
    wave: str | None = None
    """Channel of the waveforms."""
    channels: tuple[ChannelProfile, ...] = ()
    actuators: tuple[ActuatorProfile, ...] = ()
    caps: tuple[str, ...] = ("confirm", "poll")
    clock: ClockKind = ClockKind.NTP
    deviation: Deviation = Deviation()
    """How wrong a clock of its own is."""
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
    flooding: Flooding | None = None
    booting: Booting = Booting()
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
        names = set(BASE_COMMANDS)
        if self.sleep_s:
            names.update(SLEEPER_COMMANDS)
        if self.actuators:
            names.update(ACTUATOR_COMMANDS)
        if self.clock == ClockKind.NONE:
            names.discard("set_time")
        return tuple(sorted(names))

    @property
    def periods_s(self) -> dict[str, float]:
        """Seconds between two readings of each channel that is pushed."""
        return {one.key: float(one.entry.get("period", self.sample_s)) for one in self.channels if one.is_pushed}

    def quicker(self, factor: float) -> Profile:
        """The same device with every period divided by `factor`."""
        periods = ("interval_s", "sample_s", "wave_s", "sleep_s", "log_s", "alarm_s", "lap_s")
        changes: dict[str, Any] = {name: getattr(self, name) / factor for name in periods}
        channels = tuple(channel.quicker(factor) for channel in self.channels)
        return replace(self, **changes, channels=channels, timing=self.timing.quicker(factor))

    @cached_property
    def digest(self) -> str:
        """Digest of the manifest."""
        return str(self.manifest["digest"])

    @property
    def manifest(self) -> dict[str, Any]:
        """Members of the manifest, its digest included."""
        return self.manifest_with({})

    def manifest_with(self, periods_s: Mapping[str, float]) -> dict[str, Any]:
        """Make the manifest of a device whose channels were given these periods."""
        body = {
            "channels": [channel.manifest_entry(periods_s.get(channel.key)) for channel in self.channels],
            "actuators": [actuator.manifest_entry() for actuator in self.actuators],
            "alarms": list(self.alarms),
            "commands": list(self.commands),
        }
        return {**body, "digest": hashlib.sha256(canonical.encode(body)).hexdigest()[:16]}
