"""Somebody on the broker who hears everything, and can say anything."""

import time
from types import TracebackType
from typing import NamedTuple, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from testbed.ports import LOOPBACK

from .house import until

TAKEN_S = 20.0


class Heard(NamedTuple):
    """One message as the broker handed it on."""

    at_s: float
    topic: str
    message: bytes


class Wiretap:
    """A client of the broker; it comes back by itself when the broker does."""

    def __init__(self, port: int, *, listens: bool = True) -> None:
        self.heard: list[Heard] = []
        self._port = port
        self._is_listening = not listens
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(1000)
        if listens:
            self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
            self._client.on_message = self._take
            self._client.on_subscribe = self._subscribed

    async def __aenter__(self) -> Self:
        self._client.connect(LOOPBACK, self._port)
        self._client.loop_start()

        async def is_listening() -> bool:
            return self._is_listening

        await until(is_listening, bool, "heard by the broker", within_s=TAKEN_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    async def say(self, *messages: tuple[str, bytes], retain: bool = False) -> None:
        """Publish messages, and wait until the broker has them all."""
        sent = [self._client.publish(topic, message, 1, retain) for topic, message in messages]

        async def on_their_way() -> int:
            return sum(not one.is_published() for one in sent)

        await until(on_their_way, lambda count: not count, "with the broker", within_s=TAKEN_S)

    def _subscribed(self, *_: object) -> None:
        self._is_listening = True

    def _take(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.heard.append(Heard(time.time(), message.topic, message.payload))
