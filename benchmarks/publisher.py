"""Sends messages that were made ahead, at a given pace and next to no cost: MQTT 3.1.1 at QoS 0 over a bare socket."""

import socket
import time
from collections.abc import Sequence
from itertools import count
from types import TracebackType
from typing import Final, Self

from testbed.errors import TestbedError
from testbed.ports import LOOPBACK

AT_A_TIME_S: Final = 0.005
"""Messages that are due within it leave together."""
_CONNECT: Final = b"\x00\x04MQTT\x04\x02\x00\x00"  # protocol name and level 4, clean session, no keep-alive
_CONNECTED: Final = b"\x20\x02\x00\x00"
_NUMBERS: Final = count(1)
"""A second client of the same id would end the first."""


def packet(topic: str, message: bytes, *, retain: bool = False) -> bytes:
    """Build the PUBLISH packet of a message."""
    name = topic.encode()
    return (b"\x31" if retain else b"\x30") + _sized(len(name).to_bytes(2) + name + message)


def _sized(body: bytes) -> bytes:
    """Put the length in front: seven bits a byte, lowest first."""
    left, length = len(body), bytearray()
    while True:
        left, digit = divmod(left, 128)
        length.append(digit | (0x80 if left else 0))
        if not left:
            return bytes(length) + body


class Publisher:
    """A connection to the broker for sending."""

    def __init__(self, port: int) -> None:
        client_id = f"sender-{next(_NUMBERS)}"
        self._socket: Final = socket.create_connection((LOOPBACK, port))
        # Each device of a site has a connection of its own; here they share one, and none waits for another's answer.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(b"\x10" + _sized(_CONNECT + len(client_id).to_bytes(2) + client_id.encode()))
        if (answer := self._socket.recv(4)) != _CONNECTED:
            message = f"the broker refused the sender: {answer.hex()}"
            raise TestbedError(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.sendall(b"\xe0\x00")  # DISCONNECT; the broker hangs up once it has read everything before it
        self._socket.recv(1)
        self._socket.close()

    def send(self, packets: Sequence[bytes], start_ns: int, rate: float) -> None:
        """Send packet `i` at `start_ns` + i / rate of the wall clock, or as soon after it as the broker takes it."""
        step = max(1, int(rate * AT_A_TIME_S))
        for at in range(0, len(packets), step):
            wait_s = start_ns / 1e9 + at / rate - time.time()
            if wait_s > 0:
                time.sleep(wait_s)
            self._socket.sendall(b"".join(packets[at : at + step]))

    def send_one_by_one(self, packets: Sequence[bytes], start_ns: int, rate: float) -> list[int]:
        """Send as `send` does, but each packet alone; returns when each left, in ns of CLOCK_MONOTONIC."""
        left = []
        for at, one in enumerate(packets):
            wait_s = start_ns / 1e9 + at / rate - time.time()
            if wait_s > 0:
                time.sleep(wait_s)
            left.append(time.monotonic_ns())
            self._socket.sendall(one)
        return left
