"""A device that joins sleeps until somebody says where it stands, when the site wants it so."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.bridge import unassigned
from custom_components.iiot.const import EVENT_DEVICE
from custom_components.iiot.logbook import describe

from .field import state
from .joining import add_hub, call_verified, settle
from .people import machine_at, page_of
from .plant_floor import COMMANDS, Machine
from .standing import hall, put

pytestmark = pytest.mark.hub(sleep_unassigned=True)


async def fall_asleep(machine: Machine) -> dict[str, Any]:
    """Obey the next order, which is to sleep."""
    order = await machine.obey()
    assert order["cmd"] == "sleep"
    await machine.beat(state="asleep", for_s=order["args"]["for_s"])
    return order


def reason(hass: HomeAssistant, machine: Machine) -> Any:
    return state(hass, "sensor", machine.subentry_id, "health.connection").attributes.get("reason")


def is_marked(entry: ConfigEntry, machine: Machine) -> bool:
    return "unassigned" in entry.subentries[machine.subentry_id].data


async def test_a_new_device_sleeps_and_is_woken_when_it_is_assigned(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any
) -> None:
    events = async_capture_events(hass, EVENT_DEVICE)
    machine = await machine_at(hass, entry, mqtt_mock)
    kinds = [event.data["kind"] for event in events]
    assert "waits_for_asset" in kinds
    assert describe(events[kinds.index("waits_for_asset")])["message"].startswith("is to sleep until it is assigned")
    assert (await fall_asleep(machine))["args"] == {"for_s": unassigned.NAP_S}
    assert state(hass, "sensor", machine.subentry_id, "health.connection").state == "asleep"
    assert reason(hass, machine) == "waits_for_asset"
    await machine.beat()
    await fall_asleep(machine)
    await put(hass, entry, machine.subentry_id, None, "Line 1")
    assert not is_marked(entry, machine)
    assert reason(hass, machine) is None
    await machine.beat()
    assert (await machine.obey())["cmd"] == "awake"
    await machine.beat()
    assert machine.orders() == [], "it is left alone from now on"


async def test_a_device_that_is_moved_to_an_area_is_assigned(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await fall_asleep(machine)
    dr.async_get(hass).async_update_device(page_of(hass, entry, machine).id, area_id=hall(hass))
    await settle(hass)
    assert not is_marked(entry, machine)


async def test_a_device_waits_over_a_restart(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    await fall_asleep(machine)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert reason(hass, machine) == "waits_for_asset"
    await machine.beat()
    await fall_asleep(machine)


async def test_a_site_that_wants_it_no_more_wakes_them_all(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await fall_asleep(machine)
    hass.config_entries.async_update_entry(entry, options={"sleep_unassigned": False})
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await machine.beat()
    assert (await machine.obey())["cmd"] == "awake"
    assert not is_marked(entry, machine)


async def test_a_device_on_a_battery_goes_on_by_its_own_times(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await fall_asleep(machine)
    await machine.beat(battery=80)
    await fall_asleep(machine)
    await put(hass, entry, machine.subentry_id, hall(hass))
    await machine.beat(battery=80)
    assert machine.orders() == []


async def test_a_device_that_cannot_sleep_waits_awake_and_nothing_is_claimed(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any
) -> None:
    machine = Machine(hass, mqtt_mock.async_publish)
    machine.subentry_id = await machine.stand(entry, commands=sorted({*COMMANDS} - {"sleep", "awake"}))
    await machine.beat()
    assert (is_marked(entry, machine), reason(hass, machine)) == (True, None)
    await put(hass, entry, machine.subentry_id, hall(hass))
    assert (is_marked(entry, machine), machine.orders()) == (False, [])


async def test_a_device_that_stays_awake_is_not_told_with_each_heartbeat(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await machine.obey("failed", reason="busy")
    await machine.beat()
    assert machine.orders() == []
    monkeypatch.setattr(unassigned, "AGAIN_S", 0.0)
    await machine.beat()
    await fall_asleep(machine)


async def test_a_device_that_may_not_be_told_is_left_alone(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await fall_asleep(machine)
    dr.async_get(hass).async_update_device(page_of(hass, entry, machine).id, disabled_by=dr.DeviceEntryDisabler.USER)
    await settle(hass)
    await machine.beat()
    assert machine.orders() == []


async def approve_all(hass: HomeAssistant, entry: ConfigEntry, device_ids: list[str], **answers: Any) -> None:
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    configure = hass.config_entries.options.async_configure
    form = await configure(menu["flow_id"], {"next_step_id": "waiting_devices"})
    await configure(form["flow_id"], {"devices": device_ids, "action": "approve", **answers})
    await settle(hass)


@pytest.mark.parametrize("in_area", [False, True])
async def test_devices_that_are_approved_together_wait_unless_their_area_was_chosen(
    hass: HomeAssistant, entry: ConfigEntry, in_area: bool
) -> None:
    device_ids = ["press-07", "press-08", "press-09"]
    for device_id in device_ids:
        await call_verified(hass, entry, device_id)
    await approve_all(hass, entry, device_ids, **({"area": hall(hass)} if in_area else {}))
    marked = ["unassigned" in subentry.data for subentry in entry.subentries.values()]
    assert marked == [not in_area] * 3


async def test_a_device_that_was_there_before_is_not_put_to_sleep(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    machine = await machine_at(hass, entry, mqtt_mock)
    hass.config_entries.async_update_entry(entry, options={"sleep_unassigned": True})
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await machine.beat()
    assert (is_marked(entry, machine), machine.orders()) == (False, [])


async def test_a_device_that_is_taken_out_waits_no_more(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await fall_asleep(machine)
    hass.config_entries.async_remove_subentry(entry, machine.subentry_id)
    await settle(hass)
    assert not entry.runtime_data.hub.assets.unassigned.is_waiting(machine.id)
