"""Buttons: actuators that do one thing when pressed, and one that sets a device's counters to zero."""

from typing import Any, override

from homeassistant.components.button import ButtonEntity
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
    """Let the hub's points make buttons."""
    del hass
    entry.runtime_data.points.attach(Platform.BUTTON, async_add_entities, _make)


class ActuatorButton(ActuatorEntity, ButtonEntity):
    """One actuator that is pressed."""

    @override
    def _set(self, value: Any) -> None:
        """A button has no value."""

    @override
    async def async_press(self) -> None:
        await self._async_move(None)


class ZeroCountersButton(IiotEntity, ButtonEntity):
    """Sets the device's counters to zero; their old figures go into an event."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False
    _attr_translation_key = "device_zero_counters"

    @override
    def _take(self) -> bool:
        before, self._attr_available = self._attr_available, self.station.member is not None
        return before is not self._attr_available

    @override
    async def async_press(self) -> None:
        await self._points.hub.actors.async_zero_counters(self.station.id, self._context)


def _make(points: Points, station: Station, description: Described) -> Entity:
    if isinstance(description, ActuatorDescription):
        return ActuatorButton(points, station, description)
    return ZeroCountersButton(points, station, description)
