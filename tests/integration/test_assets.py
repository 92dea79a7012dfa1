"""A device is assigned to an asset: in the form, by moving its page, and everywhere it is told."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.const import EVENT_DEVICE
from custom_components.iiot.logbook import describe

from .field import FieldDevice, state
from .joining import (
    answer_device_form,
    fields,
    options_of,
    settle,
    suggested,
)
from .people import machine_at, page_of
from .plant_floor import Machine
from .standing import hall, open_menu_page, put, stands


async def fill(hass: HomeAssistant, entry: ConfigEntry, machine: Machine, **answers: str) -> Any:
    form = await open_menu_page(hass, entry, machine.subentry_id, "asset")
    done = await answer_device_form(hass, form, **answers)
    await settle(hass)
    return done


async def test_a_person_says_where_a_device_stands(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    area_id = hall(hass)
    events = async_capture_events(hass, EVENT_DEVICE)
    form = await open_menu_page(hass, entry, machine.subentry_id, "asset")
    assert fields(form) == ["area", "line", "cell"]
    assert form["description_placeholders"]["path"] == "Hall 3"
    done = await answer_device_form(hass, form, area=area_id, line=" Line 1 ", cell="Cell 2")
    assert done["reason"] == "reconfigure_successful"
    await settle(hass)
    assert page_of(hass, entry, machine).area_id == area_id
    assert entry.subentries[machine.subentry_id].data["policy"]["asset"] == {"line": "Line 1", "cell": "Cell 2"}
    assert stands(entry, machine.subentry_id) == "Hall 3 / Presses / Line 1 / Cell 2"
    assert [event.data["kind"] for event in events] == ["policy_changed", "asset_changed"], "one event for all of it"
    moved = events[1].data
    assert (moved["before"], moved["asset"]) == ("Hall 3", "Hall 3 / Presses / Line 1 / Cell 2")
    assert describe(events[1])["message"] == "was moved from Hall 3 to Hall 3 / Presses / Line 1 / Cell 2"
    shown = state(hass, "sensor", machine.subentry_id, "health.connection")
    assert shown.attributes["asset"] == "Hall 3 / Presses / Line 1 / Cell 2"
    form = await open_menu_page(hass, entry, machine.subentry_id, "asset")
    assert [suggested(form, name) for name in fields(form)] == [area_id, "Line 1", "Cell 2"]


async def test_a_device_is_taken_out_of_its_place(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    await put(hass, entry, machine.subentry_id, hall(hass), "Line 1", "Cell 2")
    await fill(hass, entry, machine)
    assert stands(entry, machine.subentry_id) == "Hall 3"
    assert page_of(hass, entry, machine).area_id is None
    assert "asset" not in state(hass, "sensor", machine.subentry_id, "health.connection").attributes


async def test_lines_and_cells_that_exist_are_proposed_and_written_as_they_are(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, mqtt_mock: Any
) -> None:
    area_id = hall(hass)
    pump = await machine_at(hass, entry, mqtt_mock, "pump-01")
    await put(hass, entry, machine.subentry_id, area_id, "Line 1", "Cell 2")
    form = await open_menu_page(hass, entry, pump.subentry_id, "asset")
    assert (options_of(form, "line"), options_of(form, "cell")) == (["Line 1"], ["Cell 2"])
    await answer_device_form(hass, form, area=area_id, line="LINE 1", cell="cell 2")
    await settle(hass)
    assert stands(entry, pump.subentry_id) == "Hall 3 / Presses / Line 1 / Cell 2"
    await fill(hass, entry, pump, line="LINE 1", cell="cell 2")
    assert stands(entry, pump.subentry_id) == "Hall 3 / LINE 1 / cell 2", "the same name elsewhere is another line"
    await fill(hass, entry, machine, line="LiNe 1", cell="other")
    assert stands(entry, machine.subentry_id) == "Hall 3 / LINE 1 / other"


@pytest.mark.parametrize(
    ("answers", "errors"),
    [
        ({"cell": "Cell 2"}, {"cell": "line_missing"}),
        ({"line": "Line 1/2"}, {"line": "invalid_place"}),
        ({"line": "Line 1", "cell": "a/b"}, {"cell": "invalid_place"}),
        ({"area": "torn_down", "line": "Line 1"}, {"area": "area_gone"}),
    ],
)
async def test_what_cannot_be_a_place_is_said_at_its_field(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, answers: dict[str, str], errors: dict[str, str]
) -> None:
    form = await fill(hass, entry, machine, **answers)
    assert form["errors"] == errors
    assert {name: suggested(form, name) for name in answers} == answers
    assert stands(entry, machine.subentry_id) == "Hall 3"


async def test_a_device_that_is_moved_in_home_assistant_stands_there(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    area_id = hall(hass)
    await put(hass, entry, machine.subentry_id, None, "Line 1")
    events = async_capture_events(hass, EVENT_DEVICE)
    dr.async_get(hass).async_update_device(page_of(hass, entry, machine).id, area_id=area_id)
    await settle(hass)
    (event,) = events
    assert (event.data["kind"], event.data["device"]) == ("asset_changed", machine.id)
    assert (event.data["before"], event.data["asset"]) == ("Hall 3 / Line 1", "Hall 3 / Presses / Line 1")
    ar.async_get(hass).async_delete(area_id)
    await settle(hass)
    assert events[1].data["asset"] == "Hall 3 / Line 1", "an area that is gone is no place"


async def test_an_area_with_another_name_is_the_same_place(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    area_id = hall(hass)
    await put(hass, entry, machine.subentry_id, area_id)
    events = async_capture_events(hass, EVENT_DEVICE)
    ar.async_get(hass).async_update(area_id, name="Press shop")
    await settle(hass)
    assert events == []
    assert stands(entry, machine.subentry_id) == "Hall 3 / Press shop"


async def test_where_a_device_stands_outlives_its_hardware_and_a_restart(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await put(hass, entry, machine.subentry_id, hall(hass), "Line 1")
    events = async_capture_events(hass, EVENT_DEVICE)
    spare = FieldDevice(hass, "press-99")
    form = await open_menu_page(hass, entry, machine.subentry_id, "replace")
    form = await answer_device_form(hass, form, device_id="press-99", key_source="paste")
    await answer_device_form(hass, form, key=spare.key.hex())
    await settle(hass)
    assert stands(entry, machine.subentry_id) == "Hall 3 / Presses / Line 1"
    assert "asset_changed" not in [event.data["kind"] for event in events]
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert stands(entry, machine.subentry_id) == "Hall 3 / Presses / Line 1"
    hass.config_entries.async_remove_subentry(entry, machine.subentry_id)
    await settle(hass)
    assert "asset_changed" not in [event.data["kind"] for event in events]


async def test_a_device_that_is_brought_back_stands_where_it_stood(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await put(hass, entry, machine.subentry_id, hall(hass), "Line 1", "Cell 2")
    yard = ar.async_get(hass).async_create("Yard")
    dr.async_get(hass).async_update_device(page_of(hass, entry, machine).id, area_id=yard.id)
    hass.config_entries.async_remove_subentry(entry, machine.subentry_id)
    await settle(hass)
    events = async_capture_events(hass, EVENT_DEVICE)
    fields = {"config_entry_id": entry.entry_id, "device": machine.id}
    await hass.services.async_call("iiot", "restore_device", fields, blocking=True)
    await settle(hass)
    assert stands(entry, machine.subentry_id) == "Hall 3 / Yard / Line 1 / Cell 2"
    assert "asset_changed" not in [event.data["kind"] for event in events]
