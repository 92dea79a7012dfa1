"""Valves: open, closed, or in between."""

from typing import Any, Final, cast, override

from homeassistant.components.valve.const import ValveEntityFeature
from homeassistant.components.valve.entity import ValveEntity
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
    """Let the hub's points make valves."""
    del hass
    entry.runtime_data.points.attach(Platform.VALVE, async_add_entities, _make)


class ActuatorValve(ActuatorEntity, ValveEntity):
    """One actuator that lets through more or less; with bounds in the manifest it has positions."""

    def __init__(self, points: Points, station: Station, description: ActuatorDescription) -> None:
        super().__init__(points, station, description)
        self._low: Final = description.low
        self._span: Final = description.high - description.low
        self._attr_reports_position = description.has_range
        self._attr_supported_features = ValveEntityFeature.OPEN | ValveEntityFeature.CLOSE
        if description.has_range:
            self._attr_supported_features |= ValveEntityFeature.SET_POSITION

    @override
    def _set(self, value: Any) -> None:
        if not self._attr_reports_position:
            self._attr_is_closed = None if value is None else not value
            return
        if isinstance(value, bool):
            value = self._low + self._span * value
        position = round((value - self._low) / self._span * 100) if isinstance(value, int | float) else None
        self._attr_current_valve_position = None if position is None else min(100, max(0, position))

    @override
    async def async_open_valve(self) -> None:
        await self._async_move(self._low + self._span if self._attr_reports_position else True)

    @override
    async def async_close_valve(self) -> None:
        await self._async_move(self._low if self._attr_reports_position else False)

    @override
    async def async_set_valve_position(self, position: int) -> None:
        await self._async_move(self._low + self._span * position / 100)


def _make(points: Points, station: Station, description: Described) -> Entity:
    return ActuatorValve(points, station, cast("ActuatorDescription", description))
