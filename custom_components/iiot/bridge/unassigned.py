"""Devices that stay asleep until somebody says where they stand."""

import logging
from typing import TYPE_CHECKING, Final

from ..const import CONF_SLEEP_UNASSIGNED, CONF_UNASSIGNED, SUBENTRY_DEVICE
from ..engine.actuation.command import Actor
from ..engine.actuation.wish import Wish
from ..engine.errors import RequestError
from ..engine.values import Connection
from .places import place_of

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry

    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

SLEEP: Final = "sleep"
AWAKE: Final = "awake"
NAP_S: Final = 900.0
"""A device that sleeps hears nothing, so it takes as long until one that was assigned meanwhile is awake."""
AGAIN_S: Final = 600.0
"""A device that was told to sleep and does not is told again after so long."""
REASON: Final = "waits_for_asset"


class Unassigned:
    """Puts devices to sleep that have joined and stand nowhere yet, and wakes them when they do.

    That a device waits is kept in its subentry, from when it joined.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub: Final = hub
        self._is_wanted: Final = bool(hub.entry.options.get(CONF_SLEEP_UNASSIGNED, False))
        self._waiting: Final[dict[str, str]] = {}
        """Device → subentry."""
        self._told: Final[dict[str, float]] = {}
        """Device → when it was told to sleep, in the time of the loop; only until it does."""

    def known(self, subentry: ConfigSubentry) -> None:
        """A device is registered; whether it waits was decided when it joined."""
        if CONF_UNASSIGNED in subentry.data:
            self._waiting[str(subentry.unique_id)] = subentry.subentry_id

    def joined(self, subentry: ConfigSubentry) -> None:
        """A device has joined: it waits when nobody said where it stands, and the site wants it so."""
        is_ours = subentry.subentry_type == SUBENTRY_DEVICE
        if self._is_wanted and is_ours and not place_of(self._hub, subentry).is_given:
            self._keep(subentry, {**subentry.data, CONF_UNASSIGNED: True})
            self._hub.effects.events.waits_for_asset(str(subentry.unique_id))
        self.known(subentry)

    def left(self, device_id: str) -> None:
        """A device is registered no more."""
        self._waiting.pop(device_id, None)
        self._told.pop(device_id, None)

    def is_waiting(self, device_id: str) -> bool:
        """Whether a device waits until somebody says where it stands."""
        return device_id in self._waiting

    def reason_of(self, device_id: str) -> str | None:
        """Why a device sleeps, as a word that is put into words where it is shown; None: not for this reason."""
        return REASON if self.is_waiting(device_id) and self._obeys(device_id, SLEEP) else None

    def look(self, device_id: str) -> None:
        """Do for a device that waits what fits its state and its place now."""
        subentry = self._hub.entry.subentries.get(self._waiting.get(device_id, ""))
        if subentry is None:
            return
        if self._is_wanted and not place_of(self._hub, subentry).is_given:
            self._lull(device_id)
        else:
            self._wake(device_id, subentry)

    def _lull(self, device_id: str) -> None:
        connection = self._hub.plant.members[device_id].connection
        if connection is Connection.ASLEEP:
            self._told.pop(device_id, None)
        elif connection is not Connection.LOST and self._obeys(device_id, SLEEP):
            now_s = self._hub.hass.loop.time()
            if now_s - self._told.get(device_id, -AGAIN_S) >= AGAIN_S:
                self._told[device_id] = now_s
                self._ask(device_id, SLEEP, {"for_s": NAP_S})

    def _wake(self, device_id: str, subentry: ConfigSubentry) -> None:
        """Let it go on as it would; one that runs on a battery has its own times to sleep and to wake."""
        self.left(device_id)
        self._keep(subentry, {name: fact for name, fact in subentry.data.items() if name != CONF_UNASSIGNED})
        beat = self._hub.plant.members[device_id].device.heartbeat
        if beat is not None and beat.battery is None and self._obeys(device_id, AWAKE):
            self._ask(device_id, AWAKE, {})

    def _ask(self, device_id: str, command: str, args: dict[str, float]) -> None:
        try:
            self._hub.command(
                device_id, Wish(name=command, args=dict(args), actor=Actor(None, None, "hub"), waits=True)
            )
        except RequestError as err:
            _LOGGER.info("%s: %s cannot be told to %s: %s", self._hub.entry.title, device_id, command, err.code)

    def _obeys(self, device_id: str, command: str) -> bool:
        member = self._hub.plant.members.get(device_id)
        return member is not None and member.device.obeys(command)

    def _keep(self, subentry: ConfigSubentry, data: dict[str, object]) -> None:
        self._hub.hass.config_entries.async_update_subentry(self._hub.entry, subentry, data=data)
