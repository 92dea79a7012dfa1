"""Waveforms: bursts of a vibrating machine, and the features that an instrument computes from them."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from struct import pack
from typing import Any, Final

from iiot_engine.values import NS_PER_S

RATE_HZ: Final = 1600.0
SAMPLES: Final = 256
TONES: Final = ((49.5, 2.0), (99.0, 0.6))
"""A rotating machine: turning speed and its second harmonic, Hz and amplitude."""
NOISE: Final = 0.1
SCALE: Final = 0.001
PLACES: Final = 4
"""Decimal places of samples sent as numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Burst:
    """Equidistant samples of one channel."""

    ch: str
    dt_ns: int
    samples: Sequence[float]
    form: str
    """`i16` or `v`."""
    scale: float

    @property
    def lasts_ms(self) -> int:
        """From the first sample to the end of the last one."""
        return round(len(self.samples) * self.dt_ns / 1e6)

    def body(self) -> dict[str, Any]:
        """Member `wave` of a data message, without its `t0`."""
        head = {"ch": self.ch, "dt_ns": self.dt_ns}
        if self.form == "v":
            return {**head, "v": [round(sample, PLACES) for sample in self.samples]}
        steps = [max(-32768, min(32767, round(sample / self.scale))) for sample in self.samples]
        packed = b64encode(pack(f"<{len(steps)}h", *steps)).decode()
        return {**head, "i16": packed, "scale": self.scale, "offset": 0}


class Vibration:
    """A pick-up on a machine: tones that go on from burst to burst, and noise."""

    def __init__(self, ch: str, spec: dict[str, Any], random: Random) -> None:
        self.rate_hz = float(spec.get("rate_hz", RATE_HZ))
        self.ch = ch
        self._samples: int = spec.get("samples", SAMPLES)
        self._tones: Sequence[Sequence[float]] = spec.get("tones", TONES)
        self._noise: float = spec.get("noise", NOISE)
        self._form: str = spec.get("form", "i16")
        self._scale: float = spec.get("scale", SCALE)
        self._random = random

    @property
    def lasts_s(self) -> float:
        """Length of a burst."""
        return self._samples / self.rate_hz

    def burst(self, end_s: float) -> Burst:
        """Record a burst that ends at so many seconds since the start."""
        dt_ns = round(NS_PER_S / self.rate_hz)
        dt_s, begin_s = dt_ns / NS_PER_S, end_s - self.lasts_s
        gauss, noise, count = self._random.gauss, self._noise, self._samples
        samples = [gauss(0, noise) for _ in range(count)] if noise else [0.0] * count
        for hz, size in self._tones:
            turn, start = math.tau * hz * dt_s, math.tau * hz * begin_s
            for at in range(count):
                samples[at] += size * math.sin(start + turn * at)
        return Burst(ch=self.ch, dt_ns=dt_ns, samples=samples, form=self._form, scale=self._scale)


def _moment(samples: Sequence[float], power: int) -> float:
    mean = sum(samples) / len(samples)
    return sum((sample - mean) ** power for sample in samples) / len(samples)


def _rms(samples: Sequence[float]) -> float:
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples))


def _peak(samples: Sequence[float]) -> float:
    return max(abs(sample) for sample in samples)


def _crest(samples: Sequence[float]) -> float:
    rms = _rms(samples)
    return _peak(samples) / rms if rms else 0.0


def _kurtosis(samples: Sequence[float]) -> float:
    variance = _moment(samples, 2)
    return _moment(samples, 4) / variance**2 if variance else 0.0


FEATURES: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "rms": _rms,
    "peak": _peak,
    "peak_to_peak": lambda samples: max(samples) - min(samples),
    "crest": _crest,
    "kurtosis": _kurtosis,
    "mean": lambda samples: sum(samples) / len(samples),
}
