"""Numbers: actuators that take a value within a range."""

from typing import Any, cast, override

from homeassistant.components.number import NumberEntity, NumberMode
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
    """Let the hub's points make numbers."""
    del hass
    entry.runtime_data.points.attach(Platform.NUMBER, async_add_entities, _make)


class ActuatorNumber(ActuatorEntity, NumberEntity):
    """One actuator that takes a number."""

    _attr_mode = NumberMode.BOX

    def __init__(self, points: Points, station: Station, description: ActuatorDescription) -> None:
        super().__init__(points, station, description)
        self._attr_native_min_value = description.low
        self._attr_native_max_value = description.high
        self._attr_native_unit_of_measurement = description.unit
        if description.step is not None:
            self._attr_native_step = description.step

    @override
    def _set(self, value: Any) -> None:
        self._attr_native_value = value if isinstance(value, int | float) else None

    @override
    async def async_set_native_value(self, value: float) -> None:
        await self._async_move(value)


def _make(points: Points, station: Station, description: Described) -> Entity:
    return ActuatorNumber(points, station, cast("ActuatorDescription", description))
