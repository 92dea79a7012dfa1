"""The pages of commissioning, as a person walks through them."""

import asyncio
from collections.abc import Callable
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .joining import settle
from .shown import Shown

WITHIN_S = 10.0


async def choose(hass: HomeAssistant, entry: ConfigEntry, page: str) -> Any:
    """Open one page of commissioning."""
    flows = hass.config_entries.options
    menu = await flows.async_init(entry.entry_id)
    menu = await flows.async_configure(menu["flow_id"], {"next_step_id": "commissioning"})
    return await flows.async_configure(menu["flow_id"], {"next_step_id": page})


async def submit(hass: HomeAssistant, form: Any, **user_input: Any) -> Any:
    """Submit a page, or press one of its choices."""
    found = await hass.config_entries.options.async_configure(form["flow_id"], user_input)
    await settle(hass)
    return found


async def list_devices(hass: HomeAssistant, entry: ConfigEntry, text: str) -> Any:
    """Hand a list in, and agree to what it would change."""
    form = await submit(hass, await choose(hass, entry, "serials"), text=text, replace=False)
    assert form["step_id"] == "serials_check", form
    return await submit(hass, form)


async def walk(hass: HomeAssistant, entry: ConfigEntry, shown: Shown) -> None:
    """Look at every page."""
    flows = hass.config_entries.options
    menu = await flows.async_init(entry.entry_id)
    shown.add(await flows.async_configure(menu["flow_id"], {"next_step_id": "commissioning"}))
    shown.add(await choose(hass, entry, "watch_joining"))
    form = shown.add(await choose(hass, entry, "open_window"))
    step = shown.add(await submit(hass, form, minutes=5))
    flows.async_abort(step["flow_id"])
    form = shown.add(await choose(hass, entry, "serials"))
    shown.add(await submit(hass, form, text="serial\npump-1\n", replace=False))
    await list_devices(hass, entry, "serial\npump-1\n")
    shown.add(await choose(hass, entry, "expected_devices"))


async def until(hass: HomeAssistant, condition: Callable[[], bool]) -> None:
    """Wait until something holds that takes the disk."""
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.01)
            await settle(hass)


def members(entry: ConfigEntry) -> list[str]:
    """Name the devices that have joined."""
    return sorted(str(found.unique_id) for found in entry.subentries.values())


async def has_joined(hass: HomeAssistant, entry: ConfigEntry, *device_ids: str) -> None:
    """Wait until these devices, and no others, have joined."""
    await until(hass, lambda: members(entry) == sorted(device_ids))
    await until(hass, lambda: set(device_ids) <= entry.runtime_data.hub.plant.members.keys())
