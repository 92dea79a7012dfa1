"""A person adopts entities of other integrations; their states go into the journal, marked as unsigned."""

from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigSubentry, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from custom_components.iiot import diagnostics
from custom_components.iiot.bridge.stations import device_identifier
from custom_components.iiot.const import SUBENTRY_ADOPTED
from custom_components.iiot.panel.site import read_site
from custom_components.iiot.panel.views import build

from .field import FieldDevice, entity_id, state
from .joining import (  # noqa: F401  # fixtures
    add_hub,
    answer_device_form,
    expected_lingering_timers,
    hass_config_dir,
    settle,
    suggested,
)

pytestmark = pytest.mark.usefixtures("mqtt_mock")
METER, CONTACT = "sensor.meter_power", "binary_sensor.hall_door"
ABOUT = {"name": "Meter", "entities": [METER, CONTACT]}


def let_them_say(hass: HomeAssistant, power: str = "1500.5", door: str = "off") -> None:
    hass.states.async_set(METER, power, {"unit_of_measurement": "W", "device_class": "power", "friendly_name": "Power"})
    hass.states.async_set(CONTACT, door, {"device_class": "door"})


async def start_form(hass: HomeAssistant, entry: ConfigEntry, **user_input: Any) -> SubentryFlowResult:
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_ADOPTED), context={"source": SOURCE_USER}
    )
    return await answer_device_form(hass, form, **{**ABOUT, **user_input})


async def adopt(hass: HomeAssistant, entry: ConfigEntry, **user_input: Any) -> ConfigSubentry:
    done = await start_form(hass, entry, **user_input)
    assert done["type"] == "create_entry", done
    await settle(hass)
    return list(entry.subentries.values())[-1]


def values(entry: ConfigEntry, subentry: ConfigSubentry) -> dict[str, Any]:
    member = entry.runtime_data.hub.plant.members[subentry.unique_id]
    return {key: shown.value for key, shown in member.board.values.items()}


async def test_states_become_values_of_channels(hass: HomeAssistant) -> None:
    let_them_say(hass)
    entry = await add_hub(hass)
    subentry = await adopt(hass, entry)
    assert values(entry, subentry) == {"meter_power": 1500.5, "hall_door": False}
    let_them_say(hass, "1600", "on")
    await settle(hass)
    assert values(entry, subentry) == {"meter_power": 1600, "hall_door": True}
    let_them_say(hass, "unavailable", "unknown")
    await settle(hass)
    assert values(entry, subentry) == {"meter_power": None, "hall_door": None}
    hass.states.async_remove(METER)
    await settle(hass)


async def test_they_are_marked_as_unsigned_and_not_doubled(hass: HomeAssistant) -> None:
    let_them_say(hass)
    entry = await add_hub(hass)
    subentry = await adopt(hass, entry)
    shown = state(hass, "sensor", subentry.subentry_id, "health.connection")
    assert (shown.state, shown.attributes["signed"]) == ("live", False)
    assert shown.attributes["entities"] == [METER, CONTACT]
    ours = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert [found.unique_id for found in ours if found.config_subentry_id == subentry.subentry_id] == [
        f"{subentry.subentry_id}_health.connection"
    ]
    views = str(build(read_site(hass, entry), "site"))
    assert "Meter (unsigned)" in views
    assert METER in views
    assert str({"entity": shown.entity_id, "name": "Meter (unsigned)"}) in views, "among those that may be lost"
    page = dr.async_get(hass).async_get_device_by_identifier(
        device_identifier(entry.entry_id, subentry.subentry_id), entry.entry_id
    )
    assert page is not None
    assert page.serial_number is None
    told = await diagnostics.async_get_device_diagnostics(hass, entry, page)
    assert told["manifest"]["channels"]["meter_power"]["source"] == METER


async def test_a_restart_goes_on(hass: HomeAssistant) -> None:
    let_them_say(hass)
    entry = await add_hub(hass)
    subentry = await adopt(hass, entry)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert values(entry, subentry) == {"meter_power": 1500.5, "hall_door": False}
    let_them_say(hass, "1700")
    await settle(hass)
    assert values(entry, subentry)["meter_power"] == 1700


async def test_an_entity_that_says_nothing_yet_can_be_adopted(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    subentry = await adopt(hass, entry)
    assert values(entry, subentry) == {}
    let_them_say(hass)
    await settle(hass)
    assert values(entry, subentry) == {"meter_power": 1500.5, "hall_door": False}


async def test_channels_whose_entities_stay_keep_their_keys(hass: HomeAssistant) -> None:
    let_them_say(hass)
    entry = await add_hub(hass)
    subentry = await adopt(hass, entry)
    hall = ar.async_get(hass).async_create("Hall 3")
    form = await entry.start_subentry_reconfigure_flow(hass, subentry.subentry_id)
    assert suggested(form, "entities") == [METER, CONTACT]
    form = await answer_device_form(hass, form, **{**ABOUT, "name": ""})
    assert form["errors"] == {"name": "name_missing"}
    chosen = ["input_boolean.hall_door", CONTACT]
    await answer_device_form(hass, form, name="Doors", entities=chosen, area=hall.id)
    await settle(hass)
    form = await entry.start_subentry_reconfigure_flow(hass, subentry.subentry_id)
    await answer_device_form(hass, form, name="Doors", entities=chosen, area=hall.id)
    changed = entry.subentries[subentry.subentry_id]
    entities = changed.data["policy"]["entities"]
    assert [(found["entity_id"], found["key"]) for found in entities] == [
        ("input_boolean.hall_door", "hall_door_2"),
        (CONTACT, "hall_door"),
    ]
    assert changed.title == "Doors"
    assert values(entry, subentry) == {"hall_door": False}


@pytest.mark.parametrize(
    ("chosen", "error"),
    [([], "how_many_entities"), (["sensor.mode"], "no_value"), ([METER, "sensor.mode"], "no_value")],
)
async def test_what_has_no_values_is_no_channel(hass: HomeAssistant, chosen: list[str], error: str) -> None:
    let_them_say(hass)
    hass.states.async_set("sensor.mode", "eco")
    entry = await add_hub(hass)
    form = await start_form(hass, entry, entities=chosen)
    assert form["errors"] == {"entities": error}


async def test_our_own_entities_are_channels_already(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    station = await FieldDevice(hass).join(entry)
    own = entity_id(hass, "sensor", station, "temperature")
    form = await start_form(hass, entry, entities=[own])
    assert form["errors"] == {"entities": "own_entity"}
    assert form["description_placeholders"]["entity"] == str(own).replace("_", "\\_").replace(".", "\\.")
