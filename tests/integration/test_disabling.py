"""A device whose page is disabled: what it says is kept, nothing of it is shown, and it is asked for nothing."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.const import DOMAIN, EVENT_DEVICE

from .field import entity_id
from .joining import settle
from .people import page_of
from .plant_floor import Machine

pytestmark = pytest.mark.hub(state_interval=0)


async def disable(hass: HomeAssistant, page: str, *, disabled: bool = True) -> None:
    by = dr.DeviceEntryDisabler.USER if disabled else None
    dr.async_get(hass).async_update_device(page, disabled_by=by)
    await settle(hass)


async def identify(hass: HomeAssistant, page: str) -> Any:
    response = await hass.services.async_call(
        DOMAIN, "identify", {"device_id": page}, blocking=True, return_response=True
    )
    return response["devices"][page]


async def test_what_a_disabled_device_says_is_kept_and_it_is_asked_for_nothing(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    page = page_of(hass, entry, machine).id
    await disable(hass, page)
    member = entry.runtime_data.hub.plant.members[machine.id]
    before = member.messages
    await machine.read(fan=True, flap=30)
    assert member.messages == before + 1
    shown = hass.states.get(entity_id(hass, "binary_sensor", machine.subentry_id, "fan") or "")
    assert shown is None or shown.state == "unavailable"
    machine.orders()
    outcome = await identify(hass, page)
    assert (outcome["status"], "disabled" in outcome["reason"]) == ("refused", True)
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call(DOMAIN, "poll", {"device_id": page}, blocking=True)
    assert machine.orders() == []


async def test_what_waits_for_it_is_withdrawn(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    page = page_of(hass, entry, machine).id
    await machine.beat(state="asleep", for_s=600)
    entry.runtime_data.hub.plant.members[machine.id].listens_until_ns = 0
    assert (await identify(hass, page))["status"] == "requested"
    await settle(hass)
    events = async_capture_events(hass, EVENT_DEVICE)
    await disable(hass, page)
    assert [event.data["step"] for event in events if event.data.get("command") == "identify"] == ["cancelled"]


async def test_it_stays_so_over_a_restart_until_it_is_enabled(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    page = page_of(hass, entry, machine).id
    await disable(hass, page)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert entry.runtime_data.hub.plant.members[machine.id].is_disabled
    await disable(hass, page, disabled=False)
    assert not entry.runtime_data.hub.plant.members[machine.id].is_disabled


async def test_a_page_of_somebody_else_changes_nothing(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    registry = dr.async_get(hass)
    other = registry.async_get_or_create(config_entry_id=entry.entry_id, identifiers={(DOMAIN, "other")})
    await disable(hass, other.id)
    registry.async_update_device(page_of(hass, entry, machine).id, name_by_user="Old press")
    registry.async_remove_device(other.id)
    await settle(hass)
    assert not entry.runtime_data.hub.plant.members[machine.id].is_disabled
