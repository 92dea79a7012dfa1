"""paho's client with another way in: it reads what there is at once, and hands messages over together.

paho reads a packet in four steps, each a call of the system, and makes an object for each message: more than checking
its signature takes. Everything but the way in stays paho's.
"""

from __future__ import annotations

import logging
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import MessageType, MQTTErrorCode, MQTTProtocolVersion

from .broker import Message
from .packets import PacketError, read

_LOGGER = logging.getLogger(__name__)

AT_ONCE: Final = 65_536
"""Bytes that are read in one go: some 200 messages, a few ms of work for the event loop."""
_ACK: Final = struct.pack("!BB", MessageType.PUBACK, 2)


class ReadingClient(Client):
    """A client that hands over all messages of one read, and says to the broker that it has them afterwards."""

    def __init__(self, take: Callable[[list[Message]], None], *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.trouble: OSError | None = None
        """Why the last read failed."""
        self._take = take
        self._unread = b""

    def reconnect(self) -> MQTTErrorCode:
        """Connect, and begin anew with what is read."""
        self.trouble, self._unread = None, b""
        return super().reconnect()

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
        code = self._act_on(self._unread + data)
        return self._loop_rc_handle(code) if code > 0 else code

    def _act_on(self, data: bytes) -> MQTTErrorCode:
        try:
            found = read(data, mqtt5=self._protocol == MQTTProtocolVersion.MQTTv5)
        except PacketError:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
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
            code = self._handle(packet.head, packet.body)
            if code > 0 or self._sock is None:
                return code
        if messages:
            self._take(messages)
        if found.acks:
            packets = b"".join(_ACK + number for number in found.acks)
            code = self._packet_queue(MessageType.PUBACK, packets, 0, 0)
        return code

    def _handle(self, head: int, body: bytes) -> MQTTErrorCode:
        """Let paho handle one packet, as if it had read it itself."""
        self._in_packet |= {"command": head, "remaining_length": len(body), "packet": bytearray(body), "pos": 0}
        try:
            return self._packet_handle()
        except Exception as err:  # noqa: BLE001 - it reads whatever somebody sends who may be no broker at all
            _LOGGER.debug("A packet of type %s cannot be read: %r", head >> 4, err)
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
