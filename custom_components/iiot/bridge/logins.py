"""Each device's login at the broker: made when it joins, changed with its key, blocked and taken away with it.

The broker is brought to what is registered, whatever it has: it does not matter what was missed while it, or the hub,
was away. The password changes when the device has proved the next key, never before: until then, and as long as the
broker could not be told, the one before lets it in.
"""

import asyncio
import logging
from collections.abc import Collection
from random import Random
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback

from ..const import CONF_REVOKED, SUBENTRY_DEVICE
from ..engine.effects import Notice
from ..engine.errors import Fact
from ..engine.links.broker import Broker, wait_before
from ..engine.links.control import ControlError, reconcile
from ..engine.links.faults import Fault
from ..engine.links.logins import Login, Refused
from ..engine.wire import signing
from .notices import LOGINS_REFUSED, LOGINS_UNANSWERED, is_told
from .own_link import client_id_of

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

GATHER_S: Final = 0.5
"""Changes within that time are brought to the broker together."""


class Logins:
    """Keeps the broker's logins in step with the registry."""

    def __init__(self, hub: Hub, broker: Broker | None) -> None:
        self._hub: Final = hub
        self._broker: Final = broker
        """None: the logins are people's."""
        self._random: Final = Random()  # noqa: S311 - spreads what is tried again, guards nothing
        self._changed: Final = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @callback
    def follow(self) -> None:
        """The registry is another than before: bring the broker to it, soon, and again until it is done."""
        if self._broker is None:
            self._say(LOGINS_REFUSED, None)
            self._say(LOGINS_UNANSWERED, None)
            return
        self._changed.set()
        if self._task is None:
            self._task = self._hub.hass.async_create_background_task(self._async_work(self._broker), "iiot logins")

    async def async_stop(self) -> None:
        """Leave the broker as it is."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _async_work(self, broker: Broker) -> None:
        failures = 0
        while True:
            await self._changed.wait()
            await asyncio.sleep(GATHER_S)
            self._changed.clear()
            if await self._async_reconcile(broker):
                failures = 0
                continue
            failures += 1
            self._changed.set()
            await asyncio.sleep(wait_before(failures, self._random))

    async def _async_reconcile(self, broker: Broker) -> bool:
        """Whether nothing is left to do for now. What the broker refused is tried again with the next change."""
        hub, prefix = self._hub, self._hub.plant.settings.prefix
        client_id = f"{client_id_of(hub.entry.entry_id, prefix)}-logins"
        try:
            refused = await reconcile(broker, client_id, prefix, self._wanted(), self._registered())
        except ControlError as err:
            _LOGGER.debug("%s: the logins are as they were: %s", hub.entry.title, err.fault)
            if err.fault is Fault.LOGINS:  # of a broker that is away the connection itself tells
                self._say(LOGINS_UNANSWERED, {"broker": f"{broker.host}:{broker.port}"})
            return False
        self._say(LOGINS_UNANSWERED, None)
        self._say(LOGINS_REFUSED, _facts_of(refused) if refused else None)
        return True

    def _wanted(self) -> list[Login]:
        found = []
        for subentry in self._hub.entry.subentries.values():
            member = self._hub.plant.members.get(str(subentry.unique_id))
            if subentry.subentry_type != SUBENTRY_DEVICE or member is None or not member.device.keys:
                continue
            kid, key = member.device.keys.current
            found.append(
                Login(
                    device_id=member.device.id,
                    password=signing.derive_broker_password(key, member.device.id, kid),
                    mark=f"key {kid} {signing.fingerprint(key)}",
                    is_enabled=subentry.data.get(CONF_REVOKED) is None,
                )
            )
        return found

    def _registered(self) -> Collection[str]:
        return {
            str(subentry.unique_id)
            for subentry in self._hub.entry.subentries.values()
            if subentry.subentry_type == SUBENTRY_DEVICE
        }

    def _say(self, kind: str, facts: dict[str, Fact] | None) -> None:
        """Let people know what stands in the way; without `facts` that nothing does any more."""
        if facts is not None or is_told(self._hub.hass, self._hub.entry, kind):
            self._hub.effects.show(Notice(kind, None, facts is not None, facts or {}))


def _facts_of(refused: list[Refused]) -> dict[str, Fact]:
    return {"count": len(refused), "login": refused[0].device_id, "reason": refused[0].reason}
