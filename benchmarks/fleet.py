"""The fleet of the benchmark: devices that answer the hub, over one connection."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from iiot_engine.values import DOWN_QOS, NS_PER_S, Leaf
from iiot_engine.wire import codec
from iiot_engine.wire.topics import topic_of
from testbed.ports import LOOPBACK

from .device import Device
from .publisher import packet

type Make = Callable[[Device, int], bytes]


def devices(count: int, fleet_key: bytes, channels: int = 1) -> list[Device]:
    """Make devices that start now."""
    born_ns = time.time_ns()
    return [Device(number, fleet_key, born_ns, channels) for number in range(1, count + 1)]


def packets(senders: Sequence[Device], prefix: str, make: Make, count: int, start_ns: int, rate: float) -> list[bytes]:
    """Make messages ahead, all senders in turn; number `i` is dated `start_ns` + i / rate."""
    found = []
    for number in range(count):
        device = senders[number % len(senders)]
        message = make(device, start_ns + int(number * NS_PER_S / rate))
        found.append(packet(topic_of(prefix, device.id, Leaf.DATA), message))
    return found


class Fleet:
    """Calls, answers polls and `describe`, and signs readings ahead."""

    def __init__(self, *, count: int, channels: int, fleet_key: bytes, prefix: str, port: int) -> None:
        self.devices: Final = {device.id: device for device in devices(count, fleet_key, channels)}
        self.receipts = 0
        self.polled: Final[dict[str, list[int]]] = {}
        """Device → when it was asked for readings, in ns of CLOCK_MONOTONIC."""
        self._prefix: Final = prefix
        self._port: Final = port
        self._lock: Final = threading.Lock()
        self._client: Final = paho.Client(CallbackAPIVersion.VERSION2, client_id="gw-bench")
        # Each of many devices has a connection of its own; here they share one, and none waits for another's answer.
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message

    def start(self) -> None:
        """Connect; every device calls as soon as the connection stands."""
        self._client.connect(LOOPBACK, self._port)
        self._client.loop_start()

    def stop(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def call(self) -> None:
        """Send a heartbeat of every device."""
        for device in self.devices.values():
            self._send(device, Leaf.HEARTBEAT)

    def signed(self, count: int, start_ns: int, rate: float, make: Make = Device.data) -> list[bytes]:
        """Make packets of readings, see `packets`."""
        with self._lock:
            return packets(list(self.devices.values()), self._prefix, make, count, start_ns, rate)

    def turn(self, device: Device, at_ns: int) -> bytes:
        """Sign a device's next reading, of one channel after the other."""
        with self._lock:
            return device.turn(at_ns)

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(f"{self._prefix}/+/{leaf}", DOWN_QOS[leaf]) for leaf in DOWN_QOS])
        self.call()

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        _prefix, device_id, leaf = message.topic.rsplit("/", 2)
        device = self.devices[device_id]
        payload = orjson.loads(codec.split(message.payload).span)
        with self._lock:
            device.hseq = max(device.hseq, payload["hseq"])
        match leaf:
            case Leaf.STORED:
                self.receipts += 1
                device.answered = max(device.answered, payload["upto"][1])
            case Leaf.POLL if payload["ch"]:
                self.polled.setdefault(device_id, []).append(time.monotonic_ns())
                self._publish(device, Leaf.DATA, self._sealed(device.reply, payload["pid"]))
            case Leaf.POLL:
                self._send(device, Leaf.HEARTBEAT)
            case Leaf.COMMAND:
                self._obey(device, payload)

    def wake(self) -> None:
        """Let every device that sleeps wake up, and say so."""
        for device in self.devices.values():
            device.asleep = False
        self.call()

    def _obey(self, device: Device, command: dict[str, Any]) -> None:
        self._publish(device, Leaf.ACK, self._sealed(device.ack, command["cid"]))
        match command["cmd"]:
            case "describe":
                self._send(device, Leaf.MANIFEST)
            case "sleep":
                device.asleep = True
                self._send(device, Leaf.HEARTBEAT)

    def _send(self, device: Device, leaf: Leaf) -> None:
        make = device.heartbeat if leaf is Leaf.HEARTBEAT else device.manifest
        self._publish(device, leaf, self._sealed(make))

    def _sealed(self, make: Any, *arguments: Any) -> bytes:
        with self._lock:
            message: bytes = make(time.time_ns(), *arguments)
        return message

    def _publish(self, device: Device, leaf: Leaf, message: bytes) -> None:
        self._client.publish(topic_of(self._prefix, device.id, leaf), message, qos=0 if leaf is Leaf.HEARTBEAT else 1)


def _send_at_once(_client: paho.Client, _data: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
