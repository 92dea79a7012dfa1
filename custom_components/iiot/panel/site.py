"""What the dashboard shows of a site: facts from the registries, in the order in which people look for them."""

from dataclasses import dataclass
from typing import Final

from homeassistant.components.sensor import SensorStateClass
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from ..bridge.health import BATTERY_KEY, CONNECTION_KEY, FLEET, POSITION_KEY
from ..bridge.mapping import PointDescription
from ..bridge.stations import Station
from ..const import DOMAIN
from ..runtime import IiotConfigEntry

_COUNTERS: Final = frozenset({SensorStateClass.TOTAL, SensorStateClass.TOTAL_INCREASING})


@dataclass(frozen=True, kw_only=True, slots=True)
class SitePoint:
    """One reading."""

    entity_id: str
    name: str
    has_graph: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteDevice:
    """One device; entity ids are None where there is no such entity, or it is disabled or hidden."""

    name: str
    connection: str | None
    battery: str | None
    position: str | None
    points: tuple[SitePoint, ...]
    is_signed: bool = True
    """Whether a device signs what is shown; nobody does for adopted entities."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteArea:
    """The devices of one area; `id` and `name` are None for those in none."""

    id: str | None
    name: str | None
    icon: str | None
    devices: tuple[SiteDevice, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Everything there is."""

    title: str
    fleet: dict[str, str]
    """Entity ids of the fleet's figures by key."""
    areas: tuple[SiteArea, ...]


def read_site(hass: HomeAssistant, entry: IiotConfigEntry) -> Site:
    """Look at the registries."""
    entities = er.async_get(hass)
    found: dict[str | None, list[SiteDevice]] = {}
    for station in entry.runtime_data.points.stations:
        device = dr.async_get(hass).async_get_device_by_identifier(station.identifier, entry.entry_id)
        if device is not None and device.disabled_by is None:
            name = device.name_by_user or device.name or station.device_id
            found.setdefault(device.area_id, []).append(_device(entities, station, name))
    rows = {row.key: _entity(entities, row.platform, f"{entry.entry_id}_{row.key}") for row in FLEET}
    return Site(
        title=entry.title,
        fleet={key: row.entity_id for key, row in rows.items() if row is not None},
        areas=tuple(sorted((_area(hass, area_id, devices) for area_id, devices in found.items()), key=_order)),
    )


def _area(hass: HomeAssistant, area_id: str | None, devices: list[SiteDevice]) -> SiteArea:
    area = ar.async_get(hass).async_get_area(area_id) if area_id else None
    return SiteArea(
        id=area.id if area else None,
        name=area.name if area else None,
        icon=area.icon if area else None,
        devices=tuple(sorted(devices, key=lambda device: device.name.casefold())),
    )


def _order(area: SiteArea) -> tuple[bool, str]:
    return (area.id is None, (area.name or "").casefold())


def _device(entities: er.EntityRegistry, station: Station, name: str) -> SiteDevice:
    shown: dict[str, er.RegistryEntry] = {}
    for key, row in station.known.items():
        entry = _entity(entities, row.platform, station.unique_id(key))
        if entry is not None:
            shown[key] = entry
    channels = [row for row in station.known.values() if isinstance(row, PointDescription) and row.key in shown]
    channels.sort(key=_interest)
    ids = {key: entry.entity_id for key, entry in shown.items()}
    adopted = _adopted(station)
    if adopted:
        connection = ids.get(CONNECTION_KEY)
        return SiteDevice(
            name=name, connection=connection, battery=None, position=None, points=adopted, is_signed=False
        )
    return SiteDevice(
        name=name,
        connection=ids.get(CONNECTION_KEY),
        battery=ids.get(BATTERY_KEY),
        position=ids.get(POSITION_KEY),
        points=tuple(
            SitePoint(
                entity_id=ids[row.key],
                name=shown[row.key].name or row.name,
                has_graph=row.is_number,
            )
            for row in channels
        ),
    )


def _adopted(station: Station) -> tuple[SitePoint, ...]:
    """Entities of others that are the station's channels."""
    entities = () if station.member is None else station.member.policy.entities
    return tuple(
        SitePoint(entity_id=entity.entity_id, name=entity.name or entity.key, has_graph=entity.kind == "float")
        for entity in entities
    )


def _interest(row: PointDescription) -> tuple[bool, bool, bool]:
    """Measurements first, then counters, then contacts and states; what is diagnostic last."""
    return (row.category is not None, not row.is_number, row.state_class in _COUNTERS)


def _entity(entities: er.EntityRegistry, platform: str, unique_id: str) -> er.RegistryEntry | None:
    entity_id = entities.async_get_entity_id(platform, DOMAIN, unique_id)
    entry = entities.async_get(entity_id) if entity_id else None
    if entry is None or entry.disabled_by is not None or entry.hidden_by is not None:
        return None
    return entry
