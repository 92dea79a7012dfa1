"""Texts: actuators that take words."""

from typing import Any, cast, override

from homeassistant.components.text import TextEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bridge.actuators import ActuatorDescription
from .bridge.points import Points
from .bridge.stations import Described, Station
from .engine.actuation.wish import MAX_TEXT
from .entity import ActuatorEntity
from .runtime import IiotConfigEntry

PARALLEL_UPDATES = 0  # the hub keeps the order of one device's commands, and different devices act side by side


async def async_setup_entry(
    hass: HomeAssistant, entry: IiotConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Let the hub's points make texts."""
    del hass
    entry.runtime_data.points.attach(Platform.TEXT, async_add_entities, _make)


class ActuatorText(ActuatorEntity, TextEntity):
    """One actuator that takes a text."""

    _attr_native_max = MAX_TEXT

    @override
    def _set(self, value: Any) -> None:
        self._attr_native_value = None if value is None else str(value)[:MAX_TEXT]

    @override
    async def async_set_value(self, value: str) -> None:
        await self._async_move(value)


def _make(points: Points, station: Station, description: Described) -> Entity:
    return ActuatorText(points, station, cast("ActuatorDescription", description))
