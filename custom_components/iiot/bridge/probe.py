"""A device that exists for one dialog only, and the command line that speaks for it."""

import os
import secrets
import shlex
from typing import TYPE_CHECKING, Any, Final

from ..engine.errors import Refusal
from ..engine.plant import Plant
from ..engine.values import NS_PER_S, ClockQuality, Leaf, Now, Settings
from ..engine.wire import codec, signing, topics

if TYPE_CHECKING:
    from .broker import Broker

CHANNEL: Final = "test"
_USER: Final = ("-u", "USER", "-P", "PASSWORD")
_OWN_AUTHORITY: Final = ("--cafile", "ca.crt")
_KNOWN_AUTHORITY: Final = ("--tls-use-os-certs",)


class Probe:
    """One test message under a random key that only this object knows, judged by the checks that every device passes.

    It is a reading: the plant of the site refuses it as `unknown_device`, whenever it comes, and only a heartbeat of a
    stranger could get into the inbox.
    """

    def __init__(self, settings: Settings, now: Now) -> None:
        self.id: Final = f"check-{secrets.token_hex(4)}"
        self.topic: Final = topics.topic_of(settings.prefix, self.id, Leaf.DATA)
        self._plant: Final = Plant(settings, os.urandom)
        key = secrets.token_bytes(signing.KEY_BYTES)
        self._plant.adopt(self.id, {1: key}, now)
        self.message: Final = codec.seal(key, self._payload(now))

    def judge(self, topic: str, message: bytes, now: Now, *, retained: bool) -> Refusal | None:
        """Say why a message in its name is refused; None when it counts."""
        refusals: list[Refusal] = []
        self._plant.on_message(topic, message, now, retained=retained, refusals=refusals)
        return refusals[0] if refusals else None

    def command(self, broker: Broker) -> str:
        """Write the command line that publishes the message."""
        words = ["mosquitto_pub", "-h", broker.host, "-p", str(broker.port)]
        words += _USER if broker.has_login else ()
        if broker.tls:
            words += _KNOWN_AUTHORITY if broker.is_publicly_trusted else _OWN_AUTHORITY
        words += ["-q", "1", "-t", self.topic, "-m", self.message.decode()]
        return shlex.join(words)

    def _payload(self, now: Now) -> dict[str, Any]:
        seconds, nanos = divmod(now.wall_ns, NS_PER_S)
        return {
            "v": 1,
            "type": Leaf.DATA.value,
            "id": self.id,
            "kid": 1,
            "ts": seconds,
            "ts_ns": nanos,
            "tq": ClockQuality.NTP_OR_GPS.value,
            "boot": 1,
            "seq": 1,
            "up": 0,
            "r": {CHANNEL: 1},
        }
