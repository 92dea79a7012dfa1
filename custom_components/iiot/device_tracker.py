"""Trackers: where a device says it is."""

from typing import Any, override

from homeassistant.components.device_tracker.entity import TrackerEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bridge.health import position_of
from .bridge.points import Points
from .bridge.stations import Described, Station
from .engine.values import Connection
from .entity import IiotEntity
from .runtime import IiotConfigEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: IiotConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Let the hub's points make trackers."""
    del hass
    entry.runtime_data.points.attach(Platform.DEVICE_TRACKER, async_add_entities, _make)


class DevicePosition(IiotEntity, TrackerEntity):
    """The device's position."""

    _attr_translation_key = "device_position"
    _attr_entity_category = None  # type: ignore[assignment]  # a place is what such a device is for

    def __init__(self, points: Points, station: Station, description: Described) -> None:
        super().__init__(points, station, description)
        self._fact: tuple[Any, ...] | None = None

    @override
    def _take(self) -> bool:
        member = self.station.member
        is_available = member is not None and member.connection is not Connection.LOST
        position = None if member is None else position_of(member)
        if (is_available, position) == self._fact:
            return False
        self._fact = (is_available, position)
        self._attr_available = is_available
        self._attr_latitude, self._attr_longitude = position[:2] if position else (None, None)
        self._attr_extra_state_attributes = {"altitude": position[2]} if position and len(position) > 2 else {}
        return True


def _make(points: Points, station: Station, description: Described) -> Entity:
    return DevicePosition(points, station, description)
