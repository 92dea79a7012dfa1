"""What an intruder sends: each way makes messages from what it overheard, and knows the answer it should get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple

from iiot_engine.errors import Code
from iiot_engine.values import NS_PER_MS, NS_PER_S, Leaf
from iiot_engine.wire import canonical, codec, signing
from iiot_engine.wire.topics import topic_of

from .keyring import FIRST_KID

NEARLY_ALL: Final = codec.MAX_MESSAGE_BYTES


class Overheard(NamedTuple):
    """A message that went by."""

    device_id: str
    leaf: Leaf
    message: bytes
    payload: dict[str, Any]

    @property
    def order(self) -> tuple[int, int]:
        """Boot and seq."""
        return self.payload["boot"], self.payload["seq"]


class Shot(NamedTuple):
    """A message to be sent, and the code that the hub should refuse it with."""

    topic: str
    message: bytes
    expected: Code
    retain: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What the intruder has to work with."""

    prefix: str
    heard: list[Overheard]
    """Oldest first."""
    fleet_key: bytes
    """For those ways that suppose a stolen key."""
    random: Random
    wall_ns: int

    def any_of(self, leaf: Leaf) -> Overheard:
        """One message of this leaf, or any message when none went by."""
        return self.random.choice([one for one in self.heard if one.leaf is leaf] or self.heard)

    def topic(self, one: Overheard) -> str:
        """Where it was heard."""
        return topic_of(self.prefix, one.device_id, one.leaf)

    def stolen_key(self, device_id: str) -> bytes:
        """The key of a device."""
        return signing.derive_device_key(self.fleet_key, device_id, FIRST_KID)

    def latest(self, device_id: str) -> Overheard:
        """Newest message of a device."""
        return max((one for one in self.heard if one.device_id == device_id), key=lambda one: one.order)


type Way = Callable[[Scene, int], Iterator[Shot]]
"""Makes so many shots."""


def _forged(scene: Scene, count: int) -> Iterator[Shot]:
    """Values of its own, signed with a key of its own."""
    for _ in range(count):
        victim = scene.any_of(Leaf.DATA)
        payload = {**victim.payload, "seq": victim.payload["seq"] + 1000, "r": {"temperature": 99.9}}
        yield Shot(scene.topic(victim), codec.seal(scene.random.randbytes(32), payload), Code.BAD_MAC)


def _altered(scene: Scene, count: int) -> Iterator[Shot]:
    """A true message with one digit changed."""
    for _ in range(count):
        victim = scene.any_of(Leaf.DATA)
        span = victim.message.index(b'"seq":') + len(b'"seq":')
        digit = b"1" if victim.message[span : span + 1] != b"1" else b"2"
        message = victim.message[:span] + digit + victim.message[span + 1 :]
        yield Shot(scene.topic(victim), message, Code.BAD_MAC)


def _replayed(scene: Scene, count: int) -> Iterator[Shot]:
    """A true message, once more."""
    for _ in range(count):
        victim = scene.random.choice(scene.heard)
        yield Shot(scene.topic(victim), victim.message, Code.DUPLICATE)


def _reordered(scene: Scene, count: int) -> Iterator[Shot]:
    """The latest true messages, newest first."""
    for victim in reversed(scene.heard[-count:]):
        yield Shot(scene.topic(victim), victim.message, Code.DUPLICATE)


def _wrong_topic(scene: Scene, count: int) -> Iterator[Shot]:
    """True messages on another topic of the same device."""
    for _ in range(count):
        victim = scene.random.choice(scene.heard)
        other = Leaf.LOG if victim.leaf is not Leaf.LOG else Leaf.DATA
        yield Shot(topic_of(scene.prefix, victim.device_id, other), victim.message, Code.WRONG_TOPIC)


def _crossed(scene: Scene, count: int) -> Iterator[Shot]:
    """True messages on the topic of another device, whose key is another."""
    ids = sorted({one.device_id for one in scene.heard})
    for _ in range(count):
        victim = scene.random.choice(scene.heard)
        others = [one for one in ids if one != victim.device_id] or [f"{victim.device_id}-x"]
        topic = topic_of(scene.prefix, scene.random.choice(others), victim.leaf)
        yield Shot(topic, victim.message, Code.BAD_MAC if len(ids) > 1 else Code.UNKNOWN_DEVICE)


def _retained(scene: Scene, count: int) -> Iterator[Shot]:
    """True messages left in the broker; who is subscribed already gets them without the flag."""
    for _ in range(count):
        victim = scene.any_of(Leaf.HEARTBEAT)
        yield Shot(scene.topic(victim), victim.message, Code.DUPLICATE, retain=True)


def _twin(scene: Scene, count: int) -> Iterator[Shot]:
    """Another device with the same key, one boot behind, its clock right."""
    victim = scene.any_of(Leaf.HEARTBEAT)
    latest = scene.latest(victim.device_id)
    seconds, nanos = divmod(scene.wall_ns, NS_PER_S)
    for at in range(count):
        payload = {
            **victim.payload,
            "boot": max(0, latest.payload["boot"] - 1),
            "seq": 500_000_000 + at,
            "up": scene.wall_ns // NS_PER_MS % 10**9 + at,
            "tq": 2,
            "ts": seconds,
            "ts_ns": nanos,
        }
        yield Shot(scene.topic(victim), codec.seal(scene.stolen_key(victim.device_id), payload), Code.REPLAYED)


def _oversize(scene: Scene, count: int) -> Iterator[Shot]:
    """A well-signed message beyond the limit."""
    for _ in range(count):
        victim = scene.any_of(Leaf.LOG)
        payload = {**victim.payload, "padding": "x" * NEARLY_ALL}
        yield Shot(scene.topic(victim), codec.seal(scene.stolen_key(victim.device_id), payload), Code.TOO_LARGE)


def _malformed(scene: Scene, count: int) -> Iterator[Shot]:
    """No envelopes, and well-signed spans that are not what the protocol calls a payload."""
    for at in range(count):
        victim = scene.any_of(Leaf.DATA)
        key = scene.stolen_key(victim.device_id)
        bad = (*GARBAGE, *(_sealed(key, span) for span in _spoilt_spans(victim.payload)))
        yield Shot(scene.topic(victim), bad[at % len(bad)], Code.MALFORMED)


def _unknown(scene: Scene, count: int) -> Iterator[Shot]:
    """Heartbeats of devices that nobody knows, in a number that should not fill anything."""
    for _ in range(count):
        victim = scene.any_of(Leaf.HEARTBEAT)
        name = f"ghost-{scene.random.randbytes(6).hex()}"
        message = codec.seal(scene.random.randbytes(32), {**victim.payload, "id": name})
        yield Shot(topic_of(scene.prefix, name, Leaf.HEARTBEAT), message, Code.UNKNOWN_DEVICE)


GARBAGE: Final = (
    b"",
    b"{}",
    b"[" * 5000,
    b"\xff\xfe\x00",
    b'{"hmac":"short","payload":{}}',
    b'{"payload":{},"hmac":"' + b"A" * 43 + b'=","more":1}',
    b'{"hmac":"' + b"A" * 43 + b'=","payload":[1,2,3]}',
)


def _spoilt_spans(payload: dict[str, Any]) -> Iterator[bytes]:
    """Payload spans that carry a good MAC and must be refused all the same."""
    span = canonical.encode(payload)
    yield span[:-1] + b',"v":1}'  # a key twice
    yield span[:-1] + b',"x":NaN}'
    yield span[:-1] + b',"x":1e999}'
    yield span[:-1] + b',"x":"\\ud800"}'
    yield span[:-1] + b',"x":"\\u0007"}'
    yield span[:-1] + b',"x":"\xff"}'
    yield span[:-1] + b',"x":' + b"[" * 100 + b"]" * 100 + b"}"
    yield canonical.encode({**payload, "up": -1})
    yield canonical.encode({**payload, "boot": "3"})
    yield canonical.encode({**payload, "seq": 2**40})
    yield canonical.encode({**payload, "tq": 0})  # ts is not 0
    yield canonical.encode({key: value for key, value in payload.items() if key != "ts_ns"})


def _sealed(key: bytes, span: bytes) -> bytes:
    return b'{"hmac":"' + signing.mac(key, span) + b'","payload":' + span + b"}"


WAYS: Final[dict[str, Way]] = {
    "forged": _forged,
    "altered": _altered,
    "replayed": _replayed,
    "reordered": _reordered,
    "wrong_topic": _wrong_topic,
    "crossed": _crossed,
    "retained": _retained,
    "twin": _twin,
    "oversize": _oversize,
    "malformed": _malformed,
    "unknown": _unknown,
}
