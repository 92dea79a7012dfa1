"""Hears what devices say at the broker, and who else speaks to them."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from iiot_engine.devices.manifest import Manifest
from iiot_engine.errors import Refusal
from iiot_engine.values import DOWN_QOS, NS_PER_MS, NS_PER_S, UP_LEAVES, Leaf, Settings
from iiot_engine.wire import canonical, codec, signing, topics
from iiot_engine.wire.data import Data
from iiot_engine.wire.frames import MAX_UINT32, Ack, Status
from iiot_engine.wire.heartbeat import Heartbeat

from .fleet import Seen, Value
from .judge import Judge, Message
from .keyring import FIRST_KID, Keyring
from .paper import shown

UNCHANGED: Final = Settings()
"""What a hub is set to unless a person changed it: how long a silence makes a device late, or lost."""
MOST: Final = 10_000
"""Devices that are remembered: anybody may invent topics."""
OWN: Final = 1024
"""Own messages that are known again when the broker gives them back."""


@dataclass(kw_only=True, slots=True)
class Heard:
    """One device as it was heard since the program began. Times are of the event loop, in seconds."""

    id: str
    kid: int = FIRST_KID
    key: bytes | None = field(default=None, repr=False)
    beat: Heartbeat | None = None
    beat_s: float = 0.0
    up_ns: int = 0
    """Time since its start, as `beat` says it."""
    last_s: float = 0.0
    is_offline: bool = False
    lag_s: float | None = None
    values: dict[str, Any] = field(default_factory=dict)
    manifest: Manifest | None = None
    refused: Counter[str] = field(default_factory=Counter)
    others: set[str] = field(default_factory=set)
    """Nonces under which somebody else spoke to it, with its key."""
    pending: str = ""

    def up_ms(self, now_s: float) -> int:
        """Time since its start, now."""
        return (self.up_ns + round((now_s - self.beat_s) * NS_PER_S)) // NS_PER_MS

    def state(self, now_s: float) -> str:
        """Whether it is there, as far as it was heard."""
        if self.beat is None:
            return "unknown"
        if self.beat.asleep:
            return "asleep"
        silence_s = now_s - self.last_s
        if self.is_offline or silence_s > UNCHANGED.lost_factor * self.beat.interval_s:
            return "lost"
        return "late" if silence_s > UNCHANGED.late_factor * self.beat.interval_s else "live"

    def seen(self, now_s: float) -> Seen:
        """Give what there is to show."""
        channels = {} if self.manifest is None else self.manifest.channels
        values = []
        for key, value in self.values.items():
            channel = channels.get(key)
            name, unit = (key, "") if channel is None else (channel.name, channel.unit or "")
            values.append(Value(key=key, name=name, value=shown(value), unit=unit))
        return Seen(
            id=self.id,
            name=self.id if self.beat is None else self.beat.name,
            model="" if self.beat is None else self.beat.model,
            state=self.state(now_s),
            lag_s=self.lag_s,
            values=tuple(values),
            pending=self.pending,
            refused=self.refused.total(),
            note=", ".join(f"{code}: {count}" for code, count in sorted(self.refused.items())),
        )


class Ear:
    """Takes in what the broker brings. `changed` is called with the device after each message that counts."""

    def __init__(self, prefix: str, keys: Keyring, now_s: Callable[[], float], wall_ns: Callable[[], int]) -> None:
        self.heard: dict[str, Heard] = {}
        self.waiting: dict[str, asyncio.Future[Any]] = {}
        """`cid` of a command or `pid` of a poll → who waits for its answer."""
        self.came = asyncio.Event()
        """Set with each heartbeat; whoever waits for one clears it."""
        self._prefix = prefix
        self._keys = keys
        self._judge = Judge(prefix, keys)
        self._now_s = now_s
        self._wall_ns = wall_ns
        self._own: deque[bytes] = deque(maxlen=OWN)

    @property
    def filters(self) -> dict[str, int]:
        """Topic filters with their QoS."""
        up = {f"{self._prefix}/+/{leaf}": 1 if leaf is Leaf.ACK else 0 for leaf in UP_LEAVES}
        return up | {f"{self._prefix}/+/{leaf}": 0 for leaf in DOWN_QOS}

    def said(self, message: bytes) -> None:
        """Know an own message again."""
        self._own.append(message)

    def received(self, topic: str, message: bytes, retained: bool) -> None:  # noqa: FBT001 - as links call it
        """Take one message in, whatever it is."""
        place = topics.parse_up(self._prefix, topic)
        if place is None:
            if not retained and message not in self._own:
                self._overhear(topic, message)
            return
        device = self._device(place[0])
        if device is None:
            return
        try:
            self._take(device, self._judge.judge(topic, message, retained=retained))
        except Refusal as refusal:
            device.refused[str(refusal.code)] += 1

    def _take(self, device: Heard, message: Message) -> None:
        now_s, header = self._now_s(), message.header
        device.last_s, device.kid, device.key = now_s, header.kid, message.key
        if header.ts_ns:
            device.lag_s = max(0.0, (self._wall_ns() - header.ts_ns) / NS_PER_S)
        match message.said:
            case Heartbeat() as beat:
                device.beat, device.beat_s, device.up_ns, device.is_offline = beat, now_s, header.up_ns, False
                self.came.set()
            case Data() as data:
                self._take_data(device, data)
            case Manifest() as manifest:
                device.manifest = manifest
            case Status() as status:
                device.is_offline = not status.online
            case Ack() as ack:
                device.pending = ack.status if ack.status == "accepted" else ""
                if not device.pending:
                    self._answer(ack.cid, ack)

    def _take_data(self, device: Heard, data: Data) -> None:
        if not data.late:
            device.values |= data.moment or {}
            if data.rows:
                device.values |= dict(zip(data.cols, data.rows[-1][2:], strict=True))
        if data.pid is not None:
            self._answer(data.pid, data)

    def _answer(self, number: str, answer: Any) -> None:
        waiting = self.waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _overhear(self, topic: str, message: bytes) -> None:
        """Note that somebody else speaks to a device, if it is somebody with its key."""
        device_id = topic.removeprefix(f"{self._prefix}/").partition("/")[0]
        try:
            envelope = codec.split(message)
            payload = canonical.decode(envelope.span)
        except Refusal:
            return
        kid, nonce = payload.get("kid"), payload.get("nonce")
        if (
            type(kid) is not int
            or not 1 <= kid <= MAX_UINT32
            or type(nonce) is not str
            or payload.get("id") != device_id
        ):
            return
        known = self.heard.get(device_id)
        key = known.key if known is not None and known.kid == kid else None
        key = key or self._keys.key_of(device_id, kid)
        if key is None or not signing.is_signed_by(key, envelope.span, envelope.mac):
            return
        device = self._device(device_id)
        if device is not None:
            device.others.add(nonce)

    def _device(self, device_id: str) -> Heard | None:
        """Give a device, new ones as long as there is room for them."""
        if device_id not in self.heard and len(self.heard) >= MOST:
            return None
        return self.heard.setdefault(device_id, Heard(id=device_id))
