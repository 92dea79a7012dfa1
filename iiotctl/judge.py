"""Judges messages of devices as a hub does, as far as that takes no clock and no store (protocol.md, Checks upward)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from iiot_engine.devices.keys import steps_in
from iiot_engine.devices.manifest_rules import read_manifest
from iiot_engine.errors import Code, Refusal
from iiot_engine.values import Kind, Leaf
from iiot_engine.wire import canonical, codec, signing, topics
from iiot_engine.wire.data import Data, read_data
from iiot_engine.wire.frames import Header, Status, read_ack, read_alarm, read_header, read_log, read_status
from iiot_engine.wire.heartbeat import Heartbeat, read_heartbeat
from iiot_engine.wire.replay import ReplayWindow

from .keyring import FIRST_KID, Keyring

READERS: Final[dict[Leaf, Callable[[dict[str, Any]], Any]]] = {
    Leaf.HEARTBEAT: read_heartbeat,
    Leaf.MANIFEST: read_manifest,
    Leaf.DATA: read_data,
    Leaf.ALARM: read_alarm,
    Leaf.LOG: read_log,
    Leaf.ACK: read_ack,
    Leaf.STATUS: read_status,
}
_KID: Final = re.compile(rb'"kid":([1-9][0-9]{0,9})[,}]')
_FITS: Final[dict[Kind, tuple[type, ...]]] = {
    Kind.FLOAT: (int, float),
    Kind.INT: (int, float),
    Kind.BOOL: (bool,),
    Kind.TEXT: (str,),
    Kind.ENUM: (str,),
}


class Message(NamedTuple):
    """A message that stood its checks."""

    device_id: str
    leaf: Leaf
    header: Header
    payload: dict[str, Any]
    said: Any
    """Heartbeat, Data, Ack, … as its leaf has it."""
    key: bytes | None
    """The key that signed it; None: no key was there to check it with."""


@dataclass(kw_only=True, slots=True)
class Memory:
    """What later messages of a device are judged by."""

    window: ReplayWindow = field(default_factory=ReplayWindow)
    kinds: dict[str, Kind] = field(default_factory=dict)
    """Channel → kind, from its manifest; empty before one came."""


class Judge:
    """Judges one message after the other; remembers what was accepted."""

    def __init__(self, prefix: str, keys: Keyring) -> None:
        self._prefix = prefix
        self._keys = keys
        self._memories: dict[str, Memory] = {}

    def judge(self, topic: str, message: bytes, *, retained: bool = False) -> Message:
        """Take a message in; raises `Refusal`, and then nothing has changed."""
        if retained:
            raise Refusal(Code.RETAINED, "nothing that a device sends may be retained")
        envelope = codec.split(message)
        place = topics.parse_up(self._prefix, topic)
        if place is None:
            raise Refusal(Code.UNKNOWN_DEVICE, f"{topic} is no topic of a device below {self._prefix}")
        device_id, leaf = place
        if not self._keys.knows(device_id):
            raise Refusal(Code.UNKNOWN_DEVICE, f"the key is of {self._keys.device_id}, the message of {device_id}")
        key = self._key(device_id, envelope) if self._keys else None
        payload = canonical.decode(envelope.span)
        header = read_header(payload)
        said = READERS[leaf](payload) if payload.get("type") == leaf else None
        if payload.get("id") != device_id or payload.get("type") != leaf:
            raise Refusal(Code.WRONG_TOPIC, "id or type differ from the topic")
        self._remember(device_id, leaf, header, said)
        return Message(device_id, leaf, header, payload, said, key)

    def _key(self, device_id: str, envelope: codec.Envelope) -> bytes:
        """Give the key that made the MAC; raises `Refusal`."""
        named = _KID.search(envelope.span)
        kid = int(named[1]) if named else FIRST_KID
        try:
            steps = steps_in(canonical.decode(envelope.span))
        except Refusal:
            steps = ()
        key = self._keys.key_of(device_id, kid, steps)
        if key is None:
            raise Refusal(Code.UNKNOWN_KEY, f"it names key {kid}, which is not the one that was given", kid=kid)
        if not signing.is_signed_by(key, envelope.span, envelope.mac):
            raise Refusal(Code.BAD_MAC, "the signature does not fit the message")
        return key

    def _remember(self, device_id: str, leaf: Leaf, header: Header, said: Any) -> None:
        memory = self._memories.setdefault(device_id, Memory())
        if isinstance(said, Status) and not said.online:
            return  # a will was signed when its connection began: its number may be old
        memory.window.check(header.boot, header.seq)
        _check_boots(header, said)
        memory.window.move(header.boot, header.seq)
        if leaf is Leaf.MANIFEST:
            memory.kinds = {key: channel.kind for key, channel in said.channels.items()}
        elif leaf is Leaf.DATA and memory.kinds and not _fits(said, memory.kinds):
            raise Refusal(Code.WRONG_SHAPE, "nothing in it fits the manifest")


def _check_boots(header: Header, said: Any) -> None:
    """Raise `Refusal` when a message speaks of a boot that has not been."""
    named = said.first if isinstance(said, Data) else said.held if isinstance(said, Heartbeat) else None
    if named is not None and named[0] > header.boot:
        raise Refusal(Code.MALFORMED, "n or held names a boot that has not been")


def _fits(data: Data, kinds: dict[str, Kind]) -> bool:
    """Whether at least one value fits; a message without values does."""
    if data.wave is not None:
        return data.wave.channel in kinds
    moments = (
        [data.moment] if data.moment is not None else [dict(zip(data.cols, row[2:], strict=True)) for row in data.rows]
    )
    pairs = [(key, value) for moment in moments for key, value in moment.items()]
    return not pairs or any(
        key in kinds and (value is None or type(value) in _FITS[kinds[key]]) for key, value in pairs
    )
