"""Binary sensors: contacts and states that a device reports."""

from datetime import datetime
from typing import Any, cast, override

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bridge.health import JOIN_WINDOW
from .bridge.mapping import PointDescription
from .bridge.points import Points
from .bridge.stations import Described, Station
from .entity import ChannelEntity, IiotEntity
from .runtime import IiotConfigEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: IiotConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Let the hub's points make binary sensors."""
    del hass
    entry.runtime_data.points.attach(Platform.BINARY_SENSOR, async_add_entities, _make)


class ChannelBinarySensor(ChannelEntity, BinarySensorEntity):
    """One channel that is true or false."""

    def __init__(self, points: Points, station: Station, description: PointDescription) -> None:
        super().__init__(points, station, description)
        if isinstance(description.device_class, BinarySensorDeviceClass):
            self._attr_device_class = description.device_class

    @override
    def _set(self, value: Any) -> None:
        self._attr_is_on = value


class JoinWindow(IiotEntity, BinarySensorEntity):
    """Whether devices that prove a key join by themselves now, and until when."""

    _attr_translation_key = "fleet_join_window"
    _until: datetime | None = None

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self._points.hub.joining.listen(self.show))

    @override
    def _take(self) -> bool:
        until = self._points.hub.joining.until
        if self._attr_is_on is not None and until == self._until:
            return False
        self._until, self._attr_is_on = until, until is not None
        self._attr_extra_state_attributes = {} if until is None else {"until": until.isoformat()}
        return True


def _make(points: Points, station: Station, description: Described) -> Entity:
    if description is JOIN_WINDOW:
        return JoinWindow(points, station, description)
    return ChannelBinarySensor(points, station, cast("PointDescription", description))
