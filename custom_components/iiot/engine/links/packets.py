"""Cuts what a broker sends into packets (MQTT 3.1.1 and 5.0, section 2.1), many at a time."""

from __future__ import annotations

from typing import Final, NamedTuple

from .broker import Message

PUBLISH: Final = 0x30
MAX_PACKET_BYTES: Final = 262_144
"""What the broker is asked not to exceed (MQTT 5.0, section 3.1.2.11.4): four times a message of the protocol, so that
one that is too large is refused and counted, and one that is far too large never leaves the broker. MQTT 3.1.1 has no
such wish: there it ends the connection."""
LONGEST_LENGTH: Final = 4
"""Bytes of a packet's length (section 2.1.4)."""


class PacketError(ValueError):
    """These bytes are no MQTT."""


class Packet(NamedTuple):
    """A packet that is left to the client: its first byte, and what follows the length."""

    head: int
    body: bytes


class Read(NamedTuple):
    """What a stretch of bytes held, in its order."""

    packets: list[Message | Packet]
    """Messages of QoS 0 and 1, and all other packets as they are."""
    acks: list[bytes]
    """Numbers of the messages of QoS 1."""
    taken: int
    """Bytes of whole packets; what follows waits for more."""


def read(data: bytes, *, mqtt5: bool) -> Read:
    """Cut; raises `PacketError`."""
    packets: list[Message | Packet] = []
    acks: list[bytes] = []
    at, end = 0, len(data)
    try:
        while end - at >= 2:
            head, size, body = data[at], data[at + 1], at + 2
            if size > 0x7F:
                found = _length(data, at + 1, end)
                if found is None:
                    break
                size, body = found
            after = body + size
            if after > end:
                break
            qos = head >> 1 & 3
            if head & 0xF0 != PUBLISH or qos > 1:
                packets.append(Packet(head, data[body:after]))
                at = after
                continue
            rest = body + 2 + (data[body] << 8 | data[body + 1])
            topic = data[body + 2 : rest].decode()
            if qos:
                acks.append(data[rest : rest + 2])
                rest += 2
            if mqtt5:  # properties of a message: nothing in them is asked for
                size, rest = (
                    (data[rest], rest + 1) if data[rest] < 0x80 else _length(data, rest, after) or (after, after)
                )
                rest += size
            if rest > after:
                raise PacketError
            packets.append(Message(topic, data[rest:after], bool(head & 1)))
            at = after
    except (IndexError, UnicodeDecodeError) as err:
        raise PacketError from err
    return Read(packets, acks, at)


def _length(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Read a number of seven bits a byte, lowest first, and where it ends; None while bytes are missing."""
    size = 0
    for place in range(LONGEST_LENGTH):
        if at + place >= end:
            return None
        byte = data[at + place]
        size |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if size > MAX_PACKET_BYTES:
                break
            return size, at + place + 1
    raise PacketError
