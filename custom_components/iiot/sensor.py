"""Sensors: numbers, texts, states and moments that a device reports, and figures of its health and of the fleet."""

from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bridge import relations
from .bridge.health import CONNECTION_KEY, FigureDescription, FleetDescription, HealthDescription
from .bridge.mapping import PointDescription
from .bridge.places import path_shown
from .bridge.points import Points
from .bridge.stations import Described, Station
from .engine.values import Connection
from .entity import ChannelEntity, IiotEntity
from .runtime import IiotConfigEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: IiotConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Let the hub's points make sensors."""
    del hass
    entry.runtime_data.points.attach(Platform.SENSOR, async_add_entities, _make)


class ChannelSensor(ChannelEntity, SensorEntity):
    """One channel that is no contact."""

    def __init__(self, points: Points, station: Station, description: PointDescription) -> None:
        super().__init__(points, station, description)
        if isinstance(description.device_class, SensorDeviceClass):
            self._attr_device_class = description.device_class
        self._attr_state_class = description.state_class
        self._attr_native_unit_of_measurement = description.unit
        self._attr_suggested_display_precision = description.precision
        if description.options:
            self._attr_options = list(description.options)

    @override
    def _set(self, value: Any) -> None:
        self._attr_native_value = value


class FigureSensor(IiotEntity, SensorEntity):
    """One figure that is not a channel."""

    def __init__(self, points: Points, station: Station, figure: FigureDescription) -> None:
        super().__init__(points, station, figure)
        self._attr_translation_key = figure.key.replace(".", "_")
        self._attr_device_class = figure.device_class
        self._attr_state_class = figure.state_class
        self._attr_native_unit_of_measurement = figure.unit
        self._attr_suggested_display_precision = figure.precision
        self._attr_entity_category = figure.category
        self._attr_entity_registry_enabled_default = figure.is_enabled
        if figure.options:
            self._attr_options = list(figure.options)


class HealthSensor(FigureSensor):
    """One figure of a device's health."""

    def __init__(self, points: Points, station: Station, figure: HealthDescription) -> None:
        super().__init__(points, station, figure)
        self._attr_entity_registry_enabled_default = figure.is_enabled and figure.yields_to not in station.known
        self._figure: Final = figure
        self._fact: tuple[Any, ...] | None = None

    @override
    def _take(self) -> bool:
        member = self.station.member
        if member is None:
            fact: tuple[Any, ...] = (False, None, None)
        else:
            is_available = self._figure.is_always_available or member.connection is not Connection.LOST
            fact = (is_available, self._figure.read(member.health()), self._attributes())
        if fact == self._fact:
            return False
        self._fact = fact
        self._attr_available, self._attr_native_value, self._attr_extra_state_attributes = fact
        return True

    def _attributes(self) -> Mapping[str, Any] | None:
        member, read = self.station.member, self._figure.attributes
        found = dict(read(member)) if read is not None and member is not None else {}
        if self._figure.key == CONNECTION_KEY:
            hub, station = self._points.hub, self.station
            facts = {
                "description": station.description,
                "reason": station.revoked or hub.assets.reason_of(station.device_id),
                "asset": path_shown(hub, station.subentry_id),
            }
            found |= {name: fact for name, fact in facts.items() if fact}
            found |= relations.shown(hub, member.policy.relations, None) if member is not None else {}
        return found or None


class FleetSensor(FigureSensor):
    """One figure of the whole fleet."""

    def __init__(self, points: Points, station: Station, figure: FleetDescription) -> None:
        super().__init__(points, station, figure)
        self._figure: Final = figure

    @override
    def _take(self) -> bool:
        value = self._figure.read(self.station.plant)
        if value == self._attr_native_value:
            return False
        self._attr_native_value = value
        return True


_CLASSES: Final[dict[type, Any]] = {
    PointDescription: ChannelSensor,
    HealthDescription: HealthSensor,
    FleetDescription: FleetSensor,
}


def _make(points: Points, station: Station, description: Described) -> Entity:
    found: Entity = _CLASSES[type(description)](points, station, description)
    return found
