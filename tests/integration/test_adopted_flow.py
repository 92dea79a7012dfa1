"""A person adopts entities of other integrations; their states go into the journal, marked as unsigned."""

from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigSubentry, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from custom_components.iiot import diagnostics
from custom_components.iiot.bridge import renamed
from custom_components.iiot.bridge.marked_yaml import FlawsError
from custom_components.iiot.bridge.registry import async_exported, plan_file, read_registry
from custom_components.iiot.bridge.stations import device_identifier
from custom_components.iiot.const import SUBENTRY_ADOPTED
from custom_components.iiot.engine.values import Quality
from custom_components.iiot.panel.site import read_site
from custom_components.iiot.panel.views import build

from .bare_sensor import open_page
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
    form = await open_page(hass, entry, subentry.subentry_id, "entities")
    assert suggested(form, "entities") == [METER, CONTACT]
    form = await answer_device_form(hass, form, **{**ABOUT, "name": ""})
    assert form["errors"] == {"name": "name_missing"}
    chosen = ["input_boolean.hall_door", CONTACT]
    await answer_device_form(hass, form, name="Doors", entities=chosen, area=hall.id)
    await settle(hass)
    form = await open_page(hass, entry, subentry.subentry_id, "entities")
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
    assert form["description_placeholders"]["entity"] == own


async def test_gates_hold_for_what_was_adopted(hass: HomeAssistant) -> None:
    let_them_say(hass)
    entry = await add_hub(hass)
    subentry = await adopt(hass, entry)
    form = await open_page(hass, entry, subentry.subentry_id, "gates")
    form = await answer_device_form(hass, form, channel="meter_power")
    form = await answer_device_form(hass, form, low=10, high=5)
    assert form["errors"] == {"high": "low_above_high"}
    await answer_device_form(hass, form, high=2000)
    await settle(hass)
    board = entry.runtime_data.hub.plant.members[subentry.unique_id].board
    let_them_say(hass, "2500")
    await settle(hass)
    assert board.values["meter_power"].quality is Quality.BAD
    assert hass.states.get(METER).state == "2500", "the entity is as it was"  # type: ignore[union-attr]  # it is there
    let_them_say(hass, "1900")
    await settle(hass)
    assert (board.values["meter_power"].value, board.values["meter_power"].quality) == (1900, Quality.GOOD)


async def test_a_channel_gets_another_name_that_a_new_choice_leaves(hass: HomeAssistant) -> None:
    let_them_say(hass)
    entry = await add_hub(hass)
    subentry = await adopt(hass, entry)
    form = await open_page(hass, entry, subentry.subentry_id, "rename")
    form = await answer_device_form(hass, form, channel="meter_power")
    assert suggested(form, "name") == "Power"
    form = await answer_device_form(hass, form, name=" ")
    assert form["errors"] == {"name": "name_missing"}
    await answer_device_form(hass, form, name="Main feed")
    await settle(hass)
    form = await open_page(hass, entry, subentry.subentry_id, "entities")
    hass.states.async_set(METER, "unavailable")
    await answer_device_form(hass, form, **ABOUT)
    await settle(hass)
    channel = entry.runtime_data.hub.plant.members[subentry.unique_id].device.manifest.channels["meter_power"]
    assert (channel.name, channel.unit, channel.source) == ("Main feed", "W", METER)


async def test_without_channels_there_is_nothing_to_rename(hass: HomeAssistant) -> None:
    entry = await add_hub(hass)
    subentry = await adopt(hass, entry)
    entry.runtime_data.hub.plant.members[subentry.unique_id].device.manifest = None
    assert (await open_page(hass, entry, subentry.subentry_id, "rename"))["reason"] == "no_channels"


async def test_an_entity_that_gets_another_id_stays_the_channel_that_it_was(hass: HomeAssistant) -> None:
    registry = er.async_get(hass)
    registry.async_get_or_create("sensor", "demo", "1", suggested_object_id="meter_power")
    let_them_say(hass)
    entry = await add_hub(hass)
    subentry = await adopt(hass, entry)
    registry.async_update_entity(METER, name="Feed")
    registry.async_update_entity(METER, new_entity_id="sensor.feed")
    await settle(hass)
    entities = entry.subentries[subentry.subentry_id].data["policy"]["entities"]
    assert [(one["entity_id"], one["key"]) for one in entities] == [
        ("sensor.feed", "meter_power"),
        (CONTACT, "hall_door"),
    ]
    hass.states.async_set("sensor.feed", "1800")
    await settle(hass)
    assert values(entry, subentry)["meter_power"] == 1800
    renamed._follow(entry.runtime_data.hub, "sensor.feed", CONTACT)
    assert entry.subentries[subentry.subentry_id].data["policy"]["entities"] == entities
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    renamed._follow(entry.runtime_data.hub, "sensor.feed", METER)
    assert not entry.subentries, "what is just leaving is not followed any more"
    await settle(hass)


async def test_diagnostics_and_the_registry_file_say_that_nobody_signs(hass: HomeAssistant) -> None:
    let_them_say(hass)
    entry = await add_hub(hass)
    subentry = await adopt(hass, entry)
    await FieldDevice(hass).join(entry)
    facts = await diagnostics.async_get_config_entry_diagnostics(hass, entry)
    assert [device["signed"] for device in facts["devices"]] == [False, True]
    hub = entry.runtime_data.hub
    text = await async_exported(hub)
    assert text.count("signed: false") == 1
    assert plan_file(hub, read_registry(text))[0].changes == []
    with pytest.raises(FlawsError) as refused:
        plan_file(hub, read_registry(text.replace("signed: false", "signed: true")))
    (flaw,) = refused.value.flaws
    assert flaw.path == f"devices.{subentry.unique_id}.signed"
