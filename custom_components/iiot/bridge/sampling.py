"""Tells devices how often to read their channels: they may forget it when they start anew."""

import logging
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, callback

from ..engine.actuation.command import Actor
from ..engine.actuation.wish import Wish
from ..engine.devices.sampling import COMMAND, Sampling
from ..engine.errors import RequestError
from ..engine.values import Connection

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)


class SampleIntervals:
    """Says it once in each boot of a device, once after a start of the hub, and when people want it otherwise."""

    def __init__(self, hub: Hub) -> None:
        self._hub: Final = hub
        self._told: Final[dict[str, tuple[int, Sampling]]] = {}
        """Device → the boot in which it was told, and what."""

    @callback
    def start(self) -> CALLBACK_TYPE:
        """Follow what devices say of themselves; call what comes back to end it."""
        releases = (self._hub.on_health(self.look), self._hub.on_manifest(self.look))

        @callback
        def stop() -> None:
            for release in releases:
                release()

        return stop

    @callback
    def look(self, device_id: str) -> None:
        """Tell a device that is there what it was not told yet."""
        member = self._hub.plant.members.get(device_id)
        if member is None:
            self._told.pop(device_id, None)
            return
        wanted = (member.device.window.boot, member.policy.sampling)
        if self._told.get(device_id) == wanted or not any(member.policy.sampling.orders()):
            return
        if member.connection is not Connection.LIVE or not member.device.obeys(COMMAND):
            return
        self._told[device_id] = wanted
        for args in member.policy.sampling.orders():
            try:
                self._hub.command(device_id, Wish(name=COMMAND, args=args, actor=Actor(None, None, "hub"), waits=True))
            except RequestError as err:
                _LOGGER.info("%s: %s cannot be told its interval: %s", self._hub.entry.title, device_id, err.code)
