"""Messages to devices, on their way to the broker: bounded, never blocking the plant."""

import asyncio
from typing import Final

from homeassistant.core import HomeAssistant, callback

from ..engine.effects import Publish
from ..runtime import IiotConfigEntry
from . import mqtt

MOST_WAITING: Final = 4_096
"""Beyond it messages are dropped; the plant makes each one anew when its time comes."""
AT_ONCE: Final = 64
"""Publishes that may wait for the broker's word at the same time: more than the 20 that Home Assistant's client has
under way, so that its next one is always at hand."""


class Sender:
    """A bounded queue in front of the MQTT client, which would keep messages without end."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass: Final = hass
        self._queue: asyncio.Queue[Publish] = asyncio.Queue(MOST_WAITING)
        self._workers: list[asyncio.Task[None]] = []
        self.dropped = 0

    def start(self, entry: IiotConfigEntry) -> None:
        """Begin to send."""
        self._workers = [
            entry.async_create_background_task(self._hass, self._async_work(), f"iiot sender {n}")
            for n in range(AT_ONCE)
        ]

    @callback
    def send(self, publish: Publish) -> None:
        """Send soon, while the broker is there; otherwise drop."""
        if not mqtt.is_connected(self._hass) or self._queue.full():
            self.dropped += 1
            return
        self._queue.put_nowait(publish)

    async def async_stop(self) -> None:
        """Stop sending; what waits is dropped."""
        for worker in self._workers:
            worker.cancel()
        if self._workers:
            await asyncio.wait(self._workers)
        self._workers = []

    async def _async_work(self) -> None:
        while True:
            publish = await self._queue.get()
            await mqtt.async_publish(self._hass, publish.topic, publish.message, publish.qos)
