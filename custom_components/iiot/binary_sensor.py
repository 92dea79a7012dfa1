"""Binary sensors: contacts and states that a device reports."""

from typing import Any, cast, override

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bridge.mapping import PointDescription
from .bridge.points import Points
from .bridge.stations import Described, Station
from .entity import ChannelEntity
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


def _make(points: Points, station: Station, description: Described) -> Entity:
    return ChannelBinarySensor(points, station, cast("PointDescription", description))
