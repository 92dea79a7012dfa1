"""A person names channels, and gives units to those that have none; a profile does so for many devices."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .field import FieldDevice, state
from .joining import add_device, answer_device_form, expected_lingering_timers, fields, open_page, settle  # noqa: F401
from .people import ask

pytestmark = pytest.mark.hub(state_interval=0)

FLOW = {"key": "ch1", "name": "CH1", "kind": "float"}
HEAT = {"key": "heat", "name": "Heat", "kind": "float", "unit": "°C"}
DOOR = {"key": "door", "name": "Door", "kind": "bool"}
PROFILE = """
version: 1
profiles:
  pump:
    policy:
      display: {ch1: {name: Inflow, unit: m³/h, precision: 1}}
      channels: {ch1: {deadband: 0.5, interval_s: 5}}
      polling: {interval_s: 30, intervals: {ch1: 10}}
"""


async def page(hass: HomeAssistant, entry: MockConfigEntry, channel: str) -> Any:
    return await answer_device_form(hass, await open_page(hass, entry, "display"), channel=channel)


async def test_a_channel_gets_a_name_and_a_unit_and_loses_them_again(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    pump = FieldDevice(hass, "pump-01")
    station = await pump.join(entry, [FLOW, HEAT, DOOR])
    await pump.read(ch1=4.2)
    form = await page(hass, entry, "ch1")
    assert fields(form) == ["name", "unit", "precision"]
    end = await answer_device_form(hass, form, name=" Inflow ", unit="m³/h", precision=1)
    assert end["reason"] == "reconfigure_successful"
    await settle(hass)
    shown = state(hass, "sensor", station, "ch1")
    assert shown.attributes["friendly_name"].endswith("Inflow")
    assert (shown.attributes["unit_of_measurement"], float(shown.state)) == ("m³/h", 4.2)
    await answer_device_form(hass, await page(hass, entry, "ch1"), name=" ")
    await settle(hass)
    assert "unit_of_measurement" not in state(hass, "sensor", station, "ch1").attributes
    (subentry,) = entry.subentries.values()
    assert "display" not in subentry.data["policy"]


async def test_a_unit_is_asked_for_only_where_the_device_names_none(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await FieldDevice(hass, "pump-01").join(entry, [FLOW, HEAT, DOOR])
    form = await page(hass, entry, "heat")
    assert fields(form) == ["name", "precision"]
    assert form["description_placeholders"]["unit"] == "°C"
    assert fields(await page(hass, entry, "door")) == ["name"]
    form = await answer_device_form(hass, form, name="x" * 65)
    assert form["errors"] == {"name": "invalid_display"}


async def test_a_device_that_has_said_nothing_has_no_channels(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await add_device(hass, entry)
    assert (await open_page(hass, entry, "display"))["reason"] == "no_channels"


async def test_a_profile_has_names_units_deadband_and_intervals(hass: HomeAssistant, entry: ConfigEntry) -> None:
    pump = FieldDevice(hass, "pump-01")
    station = await pump.join(entry, [FLOW, HEAT])
    facts = {"config_entry_id": entry.entry_id, "registry": PROFILE, "profile": "pump"}
    targets = {"entity_id": [state(hass, "sensor", station, "ch1").entity_id]}
    told = await ask(hass, "apply_profile", **facts, **targets, dry_run=True)
    (device,) = told["devices"].values()
    assert {change["path"] for change in device["changes"]} == {
        "policy.display",
        "policy.channels",
        "policy.polling",
    }
    assert state(hass, "sensor", station, "ch1").attributes["friendly_name"].endswith("CH1")
    await ask(hass, "apply_profile", **facts, **targets)
    await settle(hass)
    shown = state(hass, "sensor", station, "ch1").attributes
    assert shown["friendly_name"].endswith("Inflow")
    assert shown["unit_of_measurement"] == "m³/h"
    wrong = {**facts, "registry": PROFILE.replace("ch1: {name: Inflow, unit: m³/h", "heat: {unit: K")}
    (device,) = (await ask(hass, "apply_profile", **wrong, **targets))["devices"].values()
    assert "the device's own, °C" in device["reason"]
