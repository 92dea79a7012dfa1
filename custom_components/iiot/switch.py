"""Switches: actuators that are on or off, and the maintenance mode of a device."""

from typing import Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bridge.actuators import ActuatorDescription
from .bridge.points import Points
from .bridge.stations import Described, Station
from .entity import ActuatorEntity, IiotEntity
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


class MaintenanceSwitch(IiotEntity, SwitchEntity):
    """While it is on, what the device says is kept and shown, and marked as trial."""

    _attr_entity_category = EntityCategory.CONFIG
    _attr_translation_key = "device_maintenance"

    @override
    def _take(self) -> bool:
        member = self.station.member
        fact = (member is not None, None if member is None else member.policy.trial)
        if fact == (self._attr_available, self._attr_is_on):
            return False
        self._attr_available, self._attr_is_on = fact
        return True

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self._async_turn(trial=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self._async_turn(trial=False)

    async def _async_turn(self, *, trial: bool) -> None:
        await self._points.hub.actors.async_set_trial(self.station.id, self._context, trial=trial)


def _make(points: Points, station: Station, description: Described) -> Entity:
    if isinstance(description, ActuatorDescription):
        return ActuatorSwitch(points, station, description)
    return MaintenanceSwitch(points, station, description)
