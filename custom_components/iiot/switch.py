"""Switches: actuators that are on or off."""

from typing import Any, cast, override

from homeassistant.components.switch import SwitchEntity
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
    """Let the hub's points make switches."""
    del hass
    entry.runtime_data.points.attach(Platform.SWITCH, async_add_entities, _make)


class ActuatorSwitch(ActuatorEntity, SwitchEntity):
    """One actuator that is on or off."""

    @override
    def _set(self, value: Any) -> None:
        self._attr_is_on = None if value is None else bool(value)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self._async_move(True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self._async_move(False)


def _make(points: Points, station: Station, description: Described) -> Entity:
    return ActuatorSwitch(points, station, cast("ActuatorDescription", description))
