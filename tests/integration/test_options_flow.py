"""A person sets the preferences of a site."""

from typing import Any

import pytest
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import InvalidData
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.iiot.engine.values import Discovery, Settings

from .field import FieldDevice, entity_id
from .joining import add_hub, expected_lingering_timers, hass_config_dir  # noqa: F401  # fixtures

PREFERENCES = {
    "joining": {"discovery": "verified", "sleep_unassigned": True},
    "time": {"delay_limit": 60, "skew_limit": 30, "strict": True},
    "liveness": {"late_factor": 2, "lost_factor": 5},
    "traffic": {"state_interval": 0.5, "polls_at_once": 5, "listen_only": True},
}


async def open_preferences(hass: HomeAssistant, entry: MockConfigEntry) -> Any:
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    assert menu["menu_options"] == [
        "preferences",
        "roles",
        "check_connectivity",
        "commissioning",
        "templates",
        "waiting_devices",
        "removed_devices",
    ]
    return await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "preferences"})


async def submit(hass: HomeAssistant, entry: MockConfigEntry, **changes: dict[str, Any]) -> Any:
    form = await open_preferences(hass, entry)
    chosen = {name: {**fields, **changes.get(name, {})} for name, fields in PREFERENCES.items()}
    return await hass.config_entries.options.async_configure(form["flow_id"], chosen)


async def test_the_hub_starts_anew_with_the_preferences(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    before = entry.runtime_data.hub
    done = await submit(hass, entry)
    await hass.async_block_till_done()
    assert done["type"] == "create_entry"
    assert dict(entry.options) == {name: value for fields in PREFERENCES.values() for name, value in fields.items()}
    assert entry.runtime_data.hub is not before
    assert entry.runtime_data.hub.plant.settings == Settings(
        discovery=Discovery.VERIFIED,
        delay_limit_s=60,
        skew_limit_s=30,
        late_factor=2,
        lost_factor=5,
        strict=True,
        listen_only=True,
        polls_at_once=5,
    )


async def test_the_form_shows_what_holds_now(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, discovery="closed")
    form = await open_preferences(hass, entry)
    shown = {
        str(name.schema): name.description["suggested_value"]
        for part in form["data_schema"].schema.values()
        for name in part.schema.schema
    }
    assert shown == {
        "discovery": "closed",
        "sleep_unassigned": False,
        "delay_limit": 300.0,
        "skew_limit": 300.0,
        "strict": False,
        "late_factor": 1.5,
        "lost_factor": 3.0,
        "state_interval": 1.0,
        "polls_at_once": 20,
        "listen_only": False,
    }


@pytest.mark.parametrize("lost", [2, 1.5])
async def test_a_device_is_late_before_it_is_lost(hass: HomeAssistant, mqtt_mock: Any, lost: float) -> None:
    entry = await add_hub(hass)
    form = await submit(hass, entry, liveness={"late_factor": 2, "lost_factor": lost})
    assert form["errors"] == {"base": "lost_before_late"}
    assert not entry.options


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("time", "delay_limit", 0),
        ("time", "skew_limit", 1),
        ("liveness", "late_factor", 1),
        ("traffic", "state_interval", -0.1),
        ("traffic", "state_interval", 7200),
        ("joining", "discovery", "open"),
    ],
)
async def test_numbers_that_no_plant_needs_are_refused(
    hass: HomeAssistant, mqtt_mock: Any, part: str, name: str, value: Any
) -> None:
    entry = await add_hub(hass)
    with pytest.raises(InvalidData):
        await submit(hass, entry, **{part: {name: value}})


async def test_no_interval_at_all_is_an_answer(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass)
    done = await submit(hass, entry, traffic={"state_interval": 0})
    await hass.async_block_till_done()
    assert done["type"] == "create_entry"
    station = await (device := FieldDevice(hass)).join(entry)
    shown = async_capture_events(hass, EVENT_STATE_CHANGED)
    for value in (20.0, 21.0, 22.0):
        await device.read(temperature=value)
    temperature = entity_id(hass, "sensor", station, "temperature")
    states = [event.data["new_state"].state for event in shown if event.data["entity_id"] == temperature]
    assert [float(value) for value in states] == [20, 21, 22]
