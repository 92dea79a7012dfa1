"""All sensors of one device: readings at a moment, seeded."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterable, Mapping
from random import Random
from struct import pack
from typing import Any, Final

from iiot_engine.values import NS_PER_S, Scalar

from .faults import FaultySensor
from .profile import ChannelProfile, Profile
from .row import Reading
from .signals import Meter, make_signal

WAVE_SAMPLES: Final = 256
WAVE_SCALE: Final = 0.001


class Sensors:
    """Reads the channels of a device."""

    def __init__(self, profile: Profile, random: Random, totals: Mapping[str, float] | None = None) -> None:
        self._profile = profile
        self._random = random
        self._channels = {channel.key: channel for channel in profile.channels}
        self._signals = {key: make_signal(channel.signal, random) for key, channel in self._channels.items()}
        self._meters = {key: signal for key, signal in self._signals.items() if isinstance(signal, Meter)}
        for key, total in (totals or {}).items():
            if key in self._meters:
                self._meters[key].resume(total)
        self._sensors = {key: FaultySensor(channel.faults, random) for key, channel in self._channels.items()}

    @property
    def totals(self) -> dict[str, float]:
        """What the meters stand at, by channel."""
        return {key: meter.total for key, meter in self._meters.items()}

    def sample(self, up_s: float) -> Reading:
        """What is read on the device's own account: every channel that is pushed."""
        return self._read(self._scalar(pushed_only=True), up_s)

    def wave(self, up_s: float) -> Reading:
        """One waveform; only for a device that has a channel for it."""
        return Reading(wave=self._wave(self._channels[self._profile.wave or ""], up_s))

    def answer(self, keys: Iterable[str] | None, up_s: float) -> Reading:
        """What is read when asked; None asks for all channels, an unknown one fails."""
        return self._read(self._scalar(pushed_only=False) if keys is None else list(keys), up_s)

    def position(self, up_s: float) -> tuple[float, ...] | None:
        """Latitude and longitude, for a device that knows them."""
        route = self._profile.route
        if not route:
            return None
        along = up_s / self._profile.lap_s % 1 * len(route)
        start, share = int(along), along % 1
        here, there = route[start % len(route)], route[(start + 1) % len(route)]
        return tuple(round(a + (b - a) * share, 6) for a, b in zip(here, there, strict=True))

    def _scalar(self, *, pushed_only: bool) -> list[str]:
        return [
            key
            for key, channel in self._channels.items()
            if key != self._profile.wave and not (pushed_only and channel.entry.get("mode") == "poll")
        ]

    def _read(self, keys: list[str], up_s: float) -> Reading:
        values: dict[str, Scalar | None] = {}
        quality: dict[str, str] = {}
        failed: dict[str, str] = {}
        for key in keys:
            if key not in self._sensors or key == self._profile.wave:
                failed[key] = "VALUE"
                continue
            read = self._sensors[key].read(self._signals[key](up_s))
            if read.failed is not None:
                failed[key] = read.failed
                continue
            values[key] = read.value
            if read.quality is not None:
                quality[key] = read.quality
        return Reading(values=values, quality=quality, failed=failed, loc=self.position(up_s))

    def _wave(self, channel: ChannelProfile, up_s: float) -> dict[str, Any]:
        """A burst of a rotating machine: base tone, second harmonic, noise."""
        rate = float(channel.signal.get("rate_hz", 1600.0))
        tone, size = float(channel.signal.get("tone_hz", 49.5)), float(channel.signal.get("size", 2.0))
        samples = []
        for at in range(WAVE_SAMPLES):
            angle = math.tau * tone * (up_s + at / rate)
            value = size * (math.sin(angle) + 0.3 * math.sin(2 * angle)) + self._random.gauss(0, size / 20)
            samples.append(max(-32768, min(32767, round(value / WAVE_SCALE))))
        packed = b64encode(pack(f"<{WAVE_SAMPLES}h", *samples)).decode()
        return {"ch": channel.key, "dt_ns": round(NS_PER_S / rate), "i16": packed, "scale": WAVE_SCALE, "offset": 0}
