"""paho's client with another way in and out: it reads what there is at once, and writes what waits at once.

paho reads a packet in four steps, each a call of the system, writes each packet by a call, and makes an object for each
message: more than checking its signature takes. Connecting, subscriptions, keep-alive, TLS, web sockets and incoming
QoS 2 stay paho's; messages that leave are those of `outbox`.
"""

from __future__ import annotations

import logging
import secrets
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import MessageType, MQTTErrorCode, MQTTProtocolVersion

from .broker import Message
from .outbox import PUBACK, PUBCOMP, PUBREC
from .packets import PacketError, read

_LOGGER = logging.getLogger(__name__)

AT_ONCE: Final = 65_536
"""Bytes that are read or written in one go: some 200 messages, a few ms of work for the event loop."""
_ACK: Final = struct.pack("!BB", MessageType.PUBACK, 2)
_ANSWERS: Final = frozenset({PUBACK, PUBREC, PUBCOMP})
_QUICK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
"""Linux only, and for the next packets only."""


class ReadingClient(Client):
    """A client that hands over all messages of one read, and says to the broker that it has them afterwards."""

    def __init__(
        self,
        take: Callable[[list[Message]], None],
        answered: Callable[[int, bytes], None],
        *arguments: Any,
        **settings: Any,
    ) -> None:
        super().__init__(*arguments, **settings)
        self.trouble: OSError | None = None
        """Why the last read failed."""
        self._take = take
        self._answered = answered
        """Takes the broker's answers to messages: first byte of the packet, and what follows its length."""
        self._unread = b""
        # A broker that kept the session may still hold numbers of a process that was killed.
        self._last_mid = secrets.randbelow(0xFFFF)

    def number(self) -> int:
        """Give the next packet identifier."""
        return self._mid_generate()

    def reconnect(self) -> MQTTErrorCode:
        """Connect, and begin anew with what is read."""
        self.trouble, self._unread = None, b""
        return super().reconnect()

    def write(self, packets: bytes) -> None:
        """Write whole packets at the next turn of the event loop."""
        if packets:
            self._packet_queue(MessageType.PUBACK, packets, 0, 0)  # of this kind nobody is told when it has left

    def _create_socket_connection(self) -> socket.socket:
        """Connect without Nagle's wait: a command is a small packet, and so is each of the broker's answers to it."""
        sock = super()._create_socket_connection()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read what there is and act on it."""
        del max_packets
        if self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        try:
            data = self._sock_recv(AT_ONCE)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError as err:
            self.trouble = err
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        if not data:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        self._last_msg_in = time.monotonic()
        if _QUICK is not None and isinstance(self._sock, socket.socket):
            # A broker that waits for the word that its last packet has come holds the next small one back for 40 ms.
            self._sock.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)
        code = self._act_on(self._unread + data)
        return self._loop_rc_handle(code) if code > 0 else code

    def _act_on(self, data: bytes) -> MQTTErrorCode:
        try:
            return self._act_on_packets(data)
        except PacketError:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _act_on_packets(self, data: bytes) -> MQTTErrorCode:
        found = read(data, mqtt5=self._protocol == MQTTProtocolVersion.MQTTv5)
        self._unread = data[found.taken :]
        messages: list[Message] = []
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        for packet in found.packets:
            if isinstance(packet, Message):
                messages.append(packet)
                continue
            if messages:
                self._take(messages)
                messages = []
            if packet.head in _ANSWERS:
                self._answered(packet.head, packet.body)
                continue
            code = self._handle(packet.head, packet.body)
            if code > 0 or self._sock is None:
                return code
        if messages:
            self._take(messages)
        if found.acks:
            self.write(b"".join(_ACK + number for number in found.acks))
        return code

    def _packet_write(self) -> MQTTErrorCode:
        """Let paho write what waits as one packet."""
        self._join()
        return super()._packet_write()

    def _join(self) -> None:
        waiting, joined = self._out_packet, bytearray()
        while waiting and len(joined) < AT_ONCE and waiting[0]["command"] != MessageType.DISCONNECT:
            packet = waiting.popleft()
            joined += packet["packet"][packet["pos"] :]
        if joined:
            self._packet_queue(MessageType.PUBACK, bytes(joined), 0, 0)
            waiting.rotate(1)

    def _handle(self, head: int, body: bytes) -> MQTTErrorCode:
        """Let paho handle one packet, as if it had read it itself."""
        self._in_packet |= {"command": head, "remaining_length": len(body), "packet": bytearray(body), "pos": 0}
        try:
            return self._packet_handle()
        except Exception as err:  # noqa: BLE001 - it reads whatever somebody sends who may be no broker at all
            _LOGGER.debug("A packet of type %s cannot be read: %r", head >> 4, err)
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
