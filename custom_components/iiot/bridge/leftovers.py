"""Entities that the hardware of today does not have: removed, or kept empty when it has taken another's place."""

from collections.abc import Container
from typing import TYPE_CHECKING

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from ..const import DOMAIN
from ..engine.effects import Notice
from ..engine.errors import Fact
from .actuators import PREFIX
from .notices import CHANNELS_LACKING, show_notice

if TYPE_CHECKING:
    from ..runtime import IiotConfigEntry
    from .stations import Described, Station


@callback
def remove(
    hass: HomeAssistant,
    entry: IiotConfigEntry,
    station: Station,
    wanted: dict[str, Described],
    platforms: Container[str],
) -> None:
    """Take out of the registry what the manifest does not name any more, from before a restart, too."""
    device = dr.async_get(hass).async_get_device_by_identifier(station.identifier, entry.entry_id)
    if not _is_described(station) or device is None:
        return
    registry = er.async_get(hass)
    stays = {(row.platform.value, station.unique_id(row.key)) for row in wanted.values()}
    kept = {station.unique_id(key) for key in station.kept - wanted.keys()}
    for found in er.async_entries_for_device(registry, device.id, include_disabled_entities=True):
        if (
            found.platform == DOMAIN
            and found.config_entry_id == entry.entry_id
            and found.domain in platforms
            and _is_of_the_manifest(found.unique_id)
            and (found.domain, found.unique_id) not in stays
            and found.unique_id not in kept
        ):
            registry.async_remove(found.entity_id)


@callback
def tell(hass: HomeAssistant, entry: IiotConfigEntry, station: Station, wanted: dict[str, Described]) -> None:
    """Say which entities stand empty since other hardware took a device's place."""
    if _is_described(station):
        lacking = sorted(station.kept - wanted.keys())
        facts: dict[str, Fact] = {"channels": ", ".join(lacking), "count": len(lacking)}
        show_notice(hass, entry, Notice(CHANNELS_LACKING, station.device_id, bool(lacking), facts))


@callback
def untell(hass: HomeAssistant, entry: IiotConfigEntry, station: Station) -> None:
    """The hardware is not the device's any more: nothing is to be said of it."""
    show_notice(hass, entry, Notice(CHANNELS_LACKING, station.device_id, False, {}))


def _is_described(station: Station) -> bool:
    return station.member is not None and station.member.device.manifest is not None


def _is_of_the_manifest(unique_id: str) -> bool:
    """Whether a manifest made the entity: figures of health have a dot, actuators their prefix, channels no dot."""
    return "." not in unique_id or f"_{PREFIX}" in unique_id
