"""From what a person points at to devices of hubs that run."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import probatio
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids

from ..const import DOMAIN
from .places import place_of
from .stations import page_of

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry

    from ..engine.actuation.roles import Role
    from ..runtime import IiotConfigEntry
    from .hub import Hub


ATTR_LINE: Final = "line"
ATTR_CELL: Final = "cell"
TARGET_FIELDS: Final[dict[Any, Any]] = {
    **cv.ENTITY_SERVICE_FIELDS,
    probatio.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
    probatio.Optional(ATTR_LINE): cv.string,
    probatio.Optional(ATTR_CELL): cv.string,
}
"""What an action may point at. Line and cell leave of the others only what stands there."""


class Target(NamedTuple):
    """One device that something is asked of."""

    hub: Hub
    subentry: ConfigSubentry
    name: str
    registry_id: str
    """Of its device in Home Assistant."""

    @property
    def device_id(self) -> str:
        """The hardware."""
        return str(self.subentry.unique_id)

    async def async_permit(self, user_id: str | None, need: Role) -> None:
        """Raise in words when somebody may not do with it what takes a role, or when it has left meanwhile."""
        roles = self.hub.roles
        await roles.async_permit(user_id, roles.device(self.device_id), need)
        self.check_there()

    def check_there(self) -> None:
        """Raise in words when the device has left since it was pointed at."""
        if self.subentry.subentry_id not in self.hub.entry.subentries or self.device_id not in self.hub.plant.members:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_device")


def devices_of(hass: HomeAssistant, selection: dict[str, Any], site: str | None) -> list[Target]:
    """Every device of ours in a selection of devices, entities, areas, floors and labels, or of a whole site.

    Of these only those on the line and in the cell that the selection names. Raises `ServiceValidationError` when there
    is none.
    """
    wanted = _registry_ids(hass, selection)
    devices = map(dr.async_get(hass).async_get, wanted)
    stations = {device.config_subentry_id for device in devices if device is not None}
    found = [
        target
        for entry in hass.config_entries.async_entries(DOMAIN)
        if entry.state is ConfigEntryState.LOADED
        for target in _devices_of_site(hass, entry, None if entry.entry_id == site else stations)
        if (entry.entry_id == site or target.registry_id in wanted) and _stands_there(target, selection)
    ]
    if not found:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_device")
    return found


def _stands_there(target: Target, selection: dict[str, Any]) -> bool:
    if ATTR_LINE not in selection and ATTR_CELL not in selection:
        return True
    place = place_of(target.hub, target.subentry)
    found = {ATTR_LINE: place.line, ATTR_CELL: place.cell}
    return all((found[name] or "").casefold() == selection[name].casefold() for name in found if name in selection)


def _registry_ids(hass: HomeAssistant, selection: dict[str, Any]) -> set[str]:
    selected = async_extract_referenced_entity_ids(hass, TargetSelection(selection), primary_entities_only=False)
    registry = er.async_get(hass)
    entries = (registry.async_get(entity_id) for entity_id in selected.referenced)
    return selected.referenced_devices | {entry.device_id for entry in entries if entry and entry.device_id}


def _devices_of_site(
    hass: HomeAssistant, entry: IiotConfigEntry, stations: Iterable[str | None] | None
) -> list[Target]:
    """Those of the subentries `stations`, the oldest first; None: all."""
    hub, found = entry.runtime_data.hub, list[Target]()
    # An action asks for one device of a thousand more often than for all.
    chosen = entry.subentries if stations is None else sorted(filter(None, stations))
    for subentry in filter(None, map(entry.subentries.get, chosen)):
        device = page_of(hass, entry.entry_id, subentry.subentry_id)
        if device is not None and subentry.unique_id in hub.plant.members:
            found.append(Target(hub, subentry, device.name_by_user or subentry.title, device.id))
    return found
