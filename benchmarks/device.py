"""A device as the benchmark needs it: it joins a hub like any other, and signs its readings ahead of time."""

import hashlib
from functools import cache
from typing import Any, Final

import orjson

from iiot_engine.values import NS_PER_MS, NS_PER_S, Leaf
from iiot_engine.wire import codec, signing

CHANNEL: Final = "temperature"
UNIT: Final = "°C"
INTERVAL_S: Final = 600.0
"""Heartbeat interval: a round is shorter, so none falls into it unless the hub asks."""
COMMANDS: Final = ["awake", "identify", "sleep"]
SLEEP_S: Final = 3_600
RESOLUTION: Final = 0.01
STEPS: Final = 1499
"""Values before they repeat; two running ones always differ."""

_NO_MAC: Final = "A" * 63
"""Fills the peer's message, which is not signed, up to the size of ours."""


@cache
def manifest_of(channels: int) -> dict[str, Any]:
    """Members of the manifest of a device with so many temperatures."""
    named = [_channel(number) for number in range(1, channels + 1)]
    digest = hashlib.sha256(orjson.dumps(named)).hexdigest()[:16]
    return {"digest": digest, "channels": named, "actuators": [], "alarms": [], "commands": COMMANDS}


def _channel(number: int) -> dict[str, Any]:
    return {
        "key": key_of(number),
        "name": key_of(number).replace("_", " ").capitalize(),
        "kind": "float",
        "unit": UNIT,
        "class": "temperature",
        "state_class": "measurement",
        "min": -40,
        "max": 125,
    }


def key_of(number: int) -> str:
    """Key of a device's channel, the first one's without a number."""
    return CHANNEL if number == 1 else f"{CHANNEL}_{number}"


class Device:
    """One device of the fleet in its first boot, with a good clock."""

    def __init__(self, number: int, fleet_key: bytes, born_ns: int, channels: int = 1) -> None:
        self.id: Final = f"bench-{number:04d}"
        self.name: Final = f"Bench {number:04d}"
        self.channels: Final = [key_of(channel) for channel in range(1, channels + 1)]
        self.key: Final = signing.derive_device_key(fleet_key, self.id, 1)
        self.step = 0
        """Number of the newest reading."""
        self.answered = 0
        """Rows that the hub has signed for."""
        self.hseq = 0
        """Highest down message accepted."""
        self.asleep = False
        self._number: Final = number
        self._born_ns: Final = born_ns
        self._seq = 0

    def heartbeat(self, at_ns: int) -> bytes:
        """Sign a heartbeat."""
        body = {
            "name": self.name,
            "model": "benchmark",
            "fw": "1.0.0",
            "nonce": f"{self._number:016x}",
            "session": f"{self._number:08x}",
            "interval": INTERVAL_S,
            "state": "asleep" if self.asleep else "awake",
            "manifest": manifest_of(len(self.channels))["digest"],
            "hseq": self.hseq,
            "held": [1, self.answered + 1],
            "alarms": [],
            "caps": ["confirm", "poll"],
        }
        if self.asleep:
            body["for_s"] = SLEEP_S
        return codec.seal(self.key, self._payload(Leaf.HEARTBEAT, at_ns, body))

    def manifest(self, at_ns: int) -> bytes:
        """Sign the manifest."""
        return codec.seal(self.key, self._payload(Leaf.MANIFEST, at_ns, manifest_of(len(self.channels))))

    def ack(self, at_ns: int, cid: str) -> bytes:
        """Sign the answer to a command that was done."""
        body = {"cid": cid, "status": "done", "hseq": self.hseq}
        return codec.seal(self.key, self._payload(Leaf.ACK, at_ns, body))

    def data(self, at_ns: int) -> bytes:
        """Sign the next reading, of all channels."""
        self.step += 1
        body = {"n": [1, self.step], "r": dict.fromkeys(self.channels, self.value)}
        return codec.seal(self.key, self._payload(Leaf.DATA, at_ns, body))

    def reply(self, at_ns: int, pid: str) -> bytes:
        """Sign the next reading, of all channels, as the answer to a question."""
        self.step += 1
        body = {"n": [1, self.step], "poll": pid, "r": dict.fromkeys(self.channels, self.value)}
        return codec.seal(self.key, self._payload(Leaf.DATA, at_ns, body))

    def wave(self, at_ns: int, wave: dict[str, Any]) -> bytes:
        """Sign a waveform, the members of `wave` as they are."""
        self.step += 1
        return codec.seal(self.key, self._payload(Leaf.DATA, at_ns, {"n": [1, self.step], "wave": wave}))

    def turn(self, at_ns: int) -> bytes:
        """Sign the next reading, of one channel after the other."""
        self.step += 1
        body = {"n": [1, self.step], "r": {self.channel: self.value}}
        return codec.seal(self.key, self._payload(Leaf.DATA, at_ns, body))

    def plain(self, at_ns: int) -> bytes:
        """Build the peer's message: the same members and the next reading in one flat object of the same size."""
        self.step += 1
        body = {"hmac": _NO_MAC, "n": [1, self.step], self.channel: self.value}
        return orjson.dumps(self._payload(Leaf.DATA, at_ns, body))

    def plain_all(self, at_ns: int) -> bytes:
        """Build the same with all channels."""
        self.step += 1
        return orjson.dumps(self._payload(Leaf.DATA, at_ns, dict.fromkeys(self.channels, self.value)))

    @property
    def channel(self) -> str:
        """Whose turn it was."""
        return self.channels[(self.step - 1) % len(self.channels)]

    @property
    def value(self) -> float:
        """The newest reading, 15.00 to 29.98."""
        return round(15 + self.step * 7 % STEPS * RESOLUTION, 2)

    def _payload(self, leaf: Leaf, at_ns: int, body: dict[str, Any]) -> dict[str, Any]:
        self._seq += 1
        seconds, nanos = divmod(at_ns, NS_PER_S)
        return body | {
            "v": 1,
            "type": leaf,
            "id": self.id,
            "kid": 1,
            "boot": 1,
            "seq": self._seq,
            "ts": seconds,
            "ts_ns": nanos,
            "tq": 2,
            "up": (at_ns - self._born_ns) // NS_PER_MS,
        }
