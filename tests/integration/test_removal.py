"""A device that a person takes out forgets its key if it is there, stays out, and comes back for 30 days as it was."""

from datetime import timedelta
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.bridge import removal
from custom_components.iiot.const import EVENT_DEVICE

from .field import FieldDevice, entity_id, state
from .joining import (
    DEVICE_ID,
    DEVICE_KEY,
    add_device,
    add_hub,
    answer_device_form,
    block_key_file,
    cards,
    open_page,
    options_of,
    settle,
    start_device_form,
)
from .people import page_of, subentry_of
from .plant_floor import COMMANDS, Machine

pytestmark = pytest.mark.hub(state_interval=0)


async def remove(hass: HomeAssistant, entry: ConfigEntry) -> None:
    hass.config_entries.async_remove_subentry(entry, subentry_of(entry).subentry_id)
    await settle(hass)


async def restore(hass: HomeAssistant, entry: ConfigEntry, device_id: str = DEVICE_ID) -> Any:
    data = {"config_entry_id": entry.entry_id, "device": device_id}
    response = await hass.services.async_call("iiot", "restore_device", data, blocking=True, return_response=True)
    await settle(hass)
    return response


async def open_removed(hass: HomeAssistant, entry: ConfigEntry) -> Any:
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    return await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "removed_devices"})


async def test_a_device_that_is_there_is_told_to_forget_its_key(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any
) -> None:
    machine = Machine(hass, mqtt_mock.async_publish)
    await machine.stand(entry, commands=[*COMMANDS, "forget"])
    hub = entry.runtime_data.hub
    hass.config_entries.async_remove_subentry(entry, subentry_of(entry).subentry_id)
    order = await machine.obey()
    assert order["cmd"] == "forget"
    await settle(hass)
    assert machine.id not in hub.plant.members
    assert hub.keys.device_keys(machine.id) == {}
    (found,) = removal.removed_devices(hub)
    assert (found.device_id, found.title, found.forgot) == (machine.id, "Press-07", True)
    response = await restore(hass, entry)
    assert response == {"id": machine.id, "name": "Press-07", "needs_key": True}


async def test_a_device_cannot_come_back_while_it_is_still_told_to_forget(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any
) -> None:
    machine = Machine(hass, mqtt_mock.async_publish)
    await machine.stand(entry, commands=[*COMMANDS, "forget"])
    station = subentry_of(entry).subentry_id
    hass.config_entries.async_remove_subentry(entry, station)
    order = await machine.next_order()
    with pytest.raises(ServiceValidationError, match="still being removed"):
        await restore(hass, entry, machine.id)
    await machine.answer(order)
    await settle(hass)
    await restore(hass, entry, machine.id)
    assert list(entry.subentries) == [station]
    assert machine.id in entry.runtime_data.hub.plant.members


async def test_a_device_that_does_not_answer_keeps_nobody_waiting(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "FORGET_WITHIN_S", 0.01)
    machine = Machine(hass, mqtt_mock.async_publish)
    await machine.stand(entry, commands=[*COMMANDS, "forget"])
    await remove(hass, entry)
    assert machine.id not in entry.runtime_data.hub.plant.members
    (found,) = removal.removed_devices(entry.runtime_data.hub)
    assert not found.forgot


async def test_a_hub_that_only_listens_tells_nobody(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, listen_only=True)
    machine = Machine(hass, mqtt_mock.async_publish)
    await machine.stand(entry, commands=[*COMMANDS, "forget"])
    await remove(hass, entry)
    assert machine.id not in entry.runtime_data.hub.plant.members
    assert machine.orders() == []


async def test_a_device_that_was_taken_out_stays_out_although_it_talks(hass: HomeAssistant, entry: ConfigEntry) -> None:
    device = FieldDevice(hass)
    await device.join(entry)
    await remove(hass, entry)
    for _ in range(3):
        await device.beat()
    assert cards(hass) == []
    assert entry.runtime_data.hub.plant.inbox.undecided == 0
    assert not hass.states.async_all(["sensor", "binary_sensor"]) or not [
        one for one in hass.states.async_all() if "press_07" in one.entity_id
    ]


async def test_a_device_comes_back_as_it_was(hass: HomeAssistant, entry: ConfigEntry) -> None:
    device = FieldDevice(hass)
    station = await device.join(entry)
    await device.read(temperature=20.5)
    registry = er.async_get(hass)
    registry.async_update_entity(entity_id(hass, "sensor", station, "temperature") or "", new_entity_id="sensor.oil")
    area = ar.async_get(hass).async_create("Cellar")
    dr.async_get(hass).async_update_device(page_of(hass, entry).id, area_id=area.id, name_by_user="Old press")
    data, title = dict(subentry_of(entry).data), subentry_of(entry).title
    before = {one.unique_id: one.entity_id for one in er.async_entries_for_config_entry(registry, entry.entry_id)}
    await remove(hass, entry)
    assert entity_id(hass, "sensor", station, "temperature") is None
    events = async_capture_events(hass, EVENT_DEVICE)

    response = await restore(hass, entry)
    assert response == {"id": DEVICE_ID, "name": title, "needs_key": False}
    assert (subentry_of(entry).subentry_id, subentry_of(entry).title) == (station, title)
    assert dict(subentry_of(entry).data) == data
    assert "restored" in [event.data["kind"] for event in events]
    await device.beat()
    await device.read(temperature=21.5)
    assert state(hass, "sensor", station, "temperature").entity_id == "sensor.oil"
    assert state(hass, "sensor", station, "temperature").state == "21.5"
    after = {one.unique_id: one.entity_id for one in er.async_entries_for_config_entry(registry, entry.entry_id)}
    assert after == before
    assert (page_of(hass, entry).area_id, page_of(hass, entry).name_by_user) == (area.id, "Old press")
    assert entry.runtime_data.hub.keys.device_keys(DEVICE_ID) == {1: DEVICE_KEY}
    assert removal.removed_devices(entry.runtime_data.hub) == []


async def test_it_can_come_back_after_a_restart(hass: HomeAssistant, entry: ConfigEntry) -> None:
    device = FieldDevice(hass)
    station = await device.join(entry)
    await remove(hass, entry)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await restore(hass, entry)
    seen = device.seq
    device.seq = 0
    await device.beat()
    counts = entry.runtime_data.hub.plant.members[DEVICE_ID].device.refusals.counts
    assert counts == {"duplicate": 1}, "its window has held"
    device.seq = seen
    await device.beat()
    assert state(hass, "sensor", station, "health.connection").state == "live"


async def test_the_list_brings_back_what_is_chosen(hass: HomeAssistant, entry: ConfigEntry) -> None:
    end = await open_removed(hass, entry)
    assert (end["type"], end["reason"]) == ("abort", "nothing_removed")
    await add_device(hass, entry)
    await remove(hass, entry)
    form = await open_removed(hass, entry)
    (option,) = options_of(form, "devices")
    assert option["value"] == DEVICE_ID
    assert option["label"].startswith("Press 7 (press-07), 20")
    assert option["label"].endswith("It was not there to forget its key.")
    options = hass.config_entries.options
    form = await options.async_configure(form["flow_id"], {"devices": []})
    assert form["errors"] == {"devices": "none_chosen"}
    end = await options.async_configure(form["flow_id"], {"devices": [DEVICE_ID]})
    assert (end["type"], end["reason"]) == ("abort", "devices_restored")
    assert end["description_placeholders"]["devices"] == "- Press 7"
    await settle(hass)
    assert subentry_of(entry).title == "Press 7"


async def test_a_device_that_is_there_again_does_not_come_back_twice(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await add_device(hass, entry)
    await remove(hass, entry)
    form = await open_removed(hass, entry)
    keys = entry.runtime_data.hub.keys
    kept = keys.removed[DEVICE_ID]
    await add_device(hass, entry)
    assert keys.removed == {}, "registered anew, it starts anew"
    keys.set_aside(DEVICE_ID, kept.at_s, kept.record)
    options = hass.config_entries.options
    end = await options.async_configure(form["flow_id"], {"devices": [DEVICE_ID]})
    assert (end["type"], end["reason"]) == ("abort", "not_restored")
    assert "already registered" in end["description_placeholders"]["reason"]


async def test_nothing_comes_back_after_thirty_days(
    hass: HomeAssistant, entry: ConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_device(hass, entry)
    await remove(hass, entry)
    later = removal.time.time() + timedelta(days=31).total_seconds()
    monkeypatch.setattr(removal.time, "time", lambda: later)
    with pytest.raises(ServiceValidationError, match="No device with the ID press-07"):
        await restore(hass, entry)
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert entry.runtime_data.hub.keys.removed == {}


async def test_a_disk_that_refuses_the_key_brings_nothing_back(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await add_device(hass, entry)
    await remove(hass, entry)
    block_key_file(entry)
    with pytest.raises(HomeAssistantError, match="could not be written"):
        await restore(hass, entry)
    assert not entry.subentries


async def test_a_device_that_forgot_gets_a_new_key_in_its_form(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await add_device(hass, entry)
    await remove(hass, entry)
    entry.runtime_data.hub.keys.note_removed(DEVICE_ID, forgot=True)
    form = await open_removed(hass, entry)
    (option,) = options_of(form, "devices")
    assert option["label"].endswith("It has forgotten its key.")
    await hass.config_entries.options.async_configure(form["flow_id"], {"devices": [DEVICE_ID]})
    await settle(hass)
    form = await open_page(hass, entry, "details")
    form = await answer_device_form(hass, form, name="Press 7", key_source="generate")
    assert form["step_id"] == "device_key_made"


async def test_a_device_that_was_removed_may_be_added_again(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await add_device(hass, entry)
    before = subentry_of(entry).subentry_id
    await remove(hass, entry)
    form = await start_device_form(hass, entry)
    facts = {"device_id": DEVICE_ID, "name": "Press 7", "key_source": "derived"}
    assert (await answer_device_form(hass, form, **facts))["type"] == "create_entry"
    assert subentry_of(entry).subentry_id != before
