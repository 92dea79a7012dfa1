"""Events: what a device writes into its own log, from warnings upward."""

from typing import Any, Final, override

from homeassistant.components.event import EventEntity
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bridge.points import Points
from .bridge.stations import Described, Station
from .engine.values import Connection
from .entity import IiotEntity
from .runtime import IiotConfigEntry

PARALLEL_UPDATES = 0

LEVELS: Final = ["warning", "error", "critical"]
MAX_TEXT: Final = 255
MIN_GAP_S: Final = 0.1
"""A device that logs faster than this has lines left out, and the next event says how many."""


async def async_setup_entry(
    hass: HomeAssistant, entry: IiotConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Let the hub's points make events."""
    del hass
    entry.runtime_data.points.attach(Platform.EVENT, async_add_entities, _make)


class DeviceLog(IiotEntity, EventEntity):
    """The device's log."""

    _attr_translation_key = "device_log"
    _attr_event_types = LEVELS
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, points: Points, station: Station, description: Described) -> None:
        super().__init__(points, station, description)
        self._last = 0.0
        self._left_out = 0

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self._points.listen_log(self.station, self._logged))

    @callback
    def _logged(self, level: str, logger: str, msg: str) -> None:
        if level not in LEVELS:
            return
        now = self.hass.loop.time()
        if now - self._last < MIN_GAP_S:
            self._left_out += 1
            return
        self._last = now
        facts: dict[str, Any] = {"logger": logger[:MAX_TEXT], "msg": msg[:MAX_TEXT]}
        if self._left_out:
            facts["left_out"] = self._left_out
            self._left_out = 0
        self._trigger_event(level, facts)
        self.async_write_ha_state()

    @override
    def _take(self) -> bool:
        member = self.station.member
        is_available = member is not None and member.connection is not Connection.LOST
        is_new = is_available != self._attr_available
        self._attr_available = is_available
        return is_new


def _make(points: Points, station: Station, description: Described) -> Entity:
    return DeviceLog(points, station, description)
