"""Everything that one device signs in one boot: members of the envelope, numbered."""

from __future__ import annotations

from typing import Any, NamedTuple

from iiot_engine.values import NS_PER_S, ClockQuality, Leaf
from iiot_engine.wire import codec

from .clock import DeviceClock, Moment
from .keyring import Keyring


class Out(NamedTuple):
    """A message that leaves the device."""

    leaf: Leaf
    message: bytes
    qos: int


class Signer:
    """Numbers and signs; `seq` counts over all leaves."""

    def __init__(self, device_id: str, keyring: Keyring, boot: int, clock: DeviceClock) -> None:
        self.seq = 0
        self._id = device_id
        self._keyring = keyring
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
            "kid": self._keyring.kid,
            "ts": seconds,
            "ts_ns": nanos,
            "boot": self._boot,
            "seq": self.seq,
            "up": moment.up_ms,
            "tq": int(quality),
        }
        return Out(leaf, codec.seal(self._keyring.key, payload), qos)
