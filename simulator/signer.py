"""Everything that one device signs in one boot: members of the envelope, numbered."""

from __future__ import annotations

from typing import Any, NamedTuple

from iiot_engine.values import NS_PER_S, ClockQuality, Leaf
from iiot_engine.wire import codec

from .clock import DeviceClock, Moment

KID = 1
"""Devices of the simulator are enrolled by the fleet key and keep their first key."""


class Out(NamedTuple):
    """A message that leaves the device."""

    leaf: Leaf
    message: bytes
    qos: int


class Signer:
    """Numbers and signs; `seq` counts over all leaves."""

    def __init__(self, device_id: str, key: bytes, boot: int, clock: DeviceClock) -> None:
        self.seq = 0
        self._id = device_id
        self._key = key
        self._boot = boot
        self._clock = clock

    def sign(self, leaf: Leaf, body: dict[str, Any], moment: Moment, qos: int) -> Out:
        """Make the next message."""
        self.seq += 1
        quality = self._clock.quality
        seconds, nanos = (0, 0) if quality == ClockQuality.NONE else divmod(self._clock.unix_ns(moment), NS_PER_S)
        payload = {
            **body,
            "v": 1,
            "type": str(leaf),
            "id": self._id,
            "kid": KID,
            "ts": seconds,
            "ts_ns": nanos,
            "boot": self._boot,
            "seq": self.seq,
            "up": moment.up_ms,
            "tq": int(quality),
        }
        return Out(leaf, codec.seal(self._key, payload), qos)
