"""Where devices stand: what tests of places share."""

from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import floor_registry as fr

from custom_components.iiot.bridge.assets import assign
from custom_components.iiot.bridge.places import Place, path_of, place_of

from .joining import answer_device_form, settle


def hall(hass: HomeAssistant) -> str:
    """An area on a floor; gives its id."""
    floor = fr.async_get(hass).async_create("Ground")
    return ar.async_get(hass).async_create("Presses", floor_id=floor.floor_id).id


async def put(hass: HomeAssistant, entry: ConfigEntry, subentry_id: str, *place: str | None) -> None:
    """An administrator assigns a device."""
    assign(entry.runtime_data.hub, entry.subentries[subentry_id], Place(*place))
    await settle(hass)


def stands(entry: ConfigEntry, subentry_id: str) -> str:
    """Say where a device stands."""
    hub = entry.runtime_data.hub
    return path_of(hub, place_of(hub, entry.subentries[subentry_id]))


async def open_menu_page(hass: HomeAssistant, entry: Any, subentry_id: str, page: str) -> Any:
    """Open a page of one of several devices."""
    menu = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    return await answer_device_form(hass, menu, next_step_id=page)
