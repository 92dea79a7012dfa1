"""All sensors of one device: readings at a moment, seeded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from iiot_engine.values import Scalar

from .actuators import Actuators
from .faults import FaultySensor
from .profile import Profile
from .row import Reading
from .signals import Meter, make_signal
from .waves import FEATURES, Burst, Vibration


class Sensors:
    """Reads the channels of a device."""

    def __init__(
        self,
        profile: Profile,
        random: Random,
        totals: Mapping[str, float] | None = None,
        actuators: Actuators | None = None,
    ) -> None:
        self.vibration: Vibration | None = None
        """Where waveforms come from, if there are any."""
        self._profile = profile
        self._actuators = actuators or Actuators(())
        self._newest: Burst | None = None
        self._channels = {channel.key: channel for channel in profile.channels}
        self._signals = {key: make_signal(channel.signal, random) for key, channel in self._channels.items()}
        self._meters = {key: signal for key, signal in self._signals.items() if isinstance(signal, Meter)}
        for key, total in (totals or {}).items():
            if key in self._meters:
                self._meters[key].resume(total)
        self._sensors = {key: FaultySensor(channel.faults, random) for key, channel in self._channels.items()}
        if profile.wave is not None:
            self.vibration = Vibration(profile.wave, self._channels[profile.wave].signal, random)

    @property
    def totals(self) -> dict[str, float]:
        """What the meters stand at, by channel."""
        return {key: meter.total for key, meter in self._meters.items()}

    @property
    def lasts_s(self) -> float:
        """Length of a burst; 0 without one."""
        return 0.0 if self.vibration is None else self.vibration.lasts_s

    def sample(self, up_s: float, keys: Iterable[str] | None = None) -> Reading:
        """What is read on the device's own account: `keys`, or every channel that is pushed."""
        return self._read(self._profile.periods_s if keys is None else keys, up_s)

    def burst(self, end_s: float) -> Burst:
        """Record one waveform that ends now; only for a device that has a channel for it."""
        assert self.vibration is not None, "the scenario was checked"
        self._newest = self.vibration.burst(end_s)
        return self._newest

    def answer(self, keys: Iterable[str] | None, up_s: float) -> Reading:
        """What is read when asked; None asks for all channels, an unknown one fails."""
        return self._read([key for key in self._channels if key != self._profile.wave] if keys is None else keys, up_s)

    def position(self, up_s: float) -> tuple[float, ...] | None:
        """Latitude and longitude, for a device that knows them."""
        route = self._profile.route
        if not route:
            return None
        along = up_s / self._profile.lap_s % 1 * len(route)
        start, share = int(along), along % 1
        here, there = route[start % len(route)], route[(start + 1) % len(route)]
        return tuple(round(a + (b - a) * share, 6) for a, b in zip(here, there, strict=True))

    def _read(self, keys: Iterable[str], up_s: float) -> Reading:
        values: dict[str, Scalar | None] = {}
        quality: dict[str, str] = {}
        failed: dict[str, str] = {}
        for key in keys:
            if key not in self._sensors or key == self._profile.wave:
                failed[key] = "VALUE"
                continue
            read = self._sensors[key].read(self._value(key, up_s))
            if read.failed is not None:
                failed[key] = read.failed
                continue
            values[key] = read.value
            if read.quality is not None:
                quality[key] = read.quality
        return Reading(values=values, quality=quality, failed=failed, loc=self.position(up_s))

    def _value(self, key: str, up_s: float) -> Scalar:
        """True value of a channel: what an actuator stands at, a feature of the newest burst, or its signal."""
        reported = self._actuators.reported(key)
        if reported is not None:
            return reported
        spec = self._channels[key].signal
        if spec.get("shape") != "feature":
            return self._signals[key](up_s)
        burst = self._newest or self.burst(up_s)
        places: int = spec.get("round", 3)
        return round(FEATURES[spec.get("what", "rms")](burst.samples), places)
