"""Buttons: actuators that do one thing when pressed."""

from typing import Any, cast, override

from homeassistant.components.button import ButtonEntity
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


def _make(points: Points, station: Station, description: Described) -> Entity:
    return ActuatorButton(points, station, cast("ActuatorDescription", description))
