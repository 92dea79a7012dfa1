"""Selects: actuators that take one of several words."""

from typing import Any, cast, override

from homeassistant.components.select import SelectEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bridge.actuators import ActuatorDescription
from .bridge.points import Points
from .bridge.stations import Described, Station
from .entity import ActuatorEntity
from .runtime import IiotConfigEntry

PARALLEL_UPDATES = 0  # the hub keeps the order of one device's commands, and different devices act side by side


async def async_setup_entry(
    hass: HomeAssistant, entry: IiotConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Let the hub's points make selects."""
    del hass
    entry.runtime_data.points.attach(Platform.SELECT, async_add_entities, _make)


class ActuatorSelect(ActuatorEntity, SelectEntity):
    """One actuator that takes one of its options."""

    def __init__(self, points: Points, station: Station, description: ActuatorDescription) -> None:
        super().__init__(points, station, description)
        self._attr_options = list(description.options)

    @override
    def _set(self, value: Any) -> None:
        self._attr_current_option = value if value in self._attr_options else None

    @override
    async def async_select_option(self, option: str) -> None:
        await self._async_move(option)


def _make(points: Points, station: Station, description: Described) -> Entity:
    return ActuatorSelect(points, station, cast("ActuatorDescription", description))
