"""Subscriptions to the topics of bare devices: they come and go with what people register, without a reload."""

import asyncio
from collections.abc import Collection
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

from . import mqtt
from .mqtt import OnMessage


class BareTopics:
    """Keeps one subscription for each registered topic or filter."""

    def __init__(self, hass: HomeAssistant, on_message: OnMessage) -> None:
        self._hass: Final = hass
        self._on_message: Final = on_message
        self._releases: Final[dict[str, CALLBACK_TYPE]] = {}
        self._turn: Final = asyncio.Lock()

    async def async_follow(self, filters: Collection[str]) -> None:
        """Subscribe to these, and to no others any more."""
        async with self._turn:
            for gone in self._releases.keys() - set(filters):
                self._releases.pop(gone)()
            for fresh in sorted(set(filters) - self._releases.keys()):
                self._releases[fresh] = await mqtt.async_overhear(self._hass, fresh, self._on_message)

    @callback
    def stop(self) -> None:
        """End all of them."""
        while self._releases:
            self._releases.popitem()[1]()
