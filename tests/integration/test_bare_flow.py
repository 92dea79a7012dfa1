"""A person registers a device that signs but does not speak the protocol, and says what its values are."""

from typing import Any

import pytest
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message

from custom_components.iiot import diagnostics
from custom_components.iiot.bridge.notices import issue_id_of
from custom_components.iiot.bridge.stations import device_identifier
from custom_components.iiot.const import DOMAIN
from custom_components.iiot.engine.wire import signing

from .bare_sensor import SENSOR_ID, TEXT_KEY, TOPIC, name_values, open_page, register, rows_in, say, start_form
from .field import entity_id, state
from .joining import (  # noqa: F401  # fixtures
    OTHER_KEY,
    add_device,
    add_hub,
    answer_device_form,
    block_key_file,
    expected_lingering_timers,
    hass_config_dir,
    settle,
    suggested,
)

pytestmark = pytest.mark.usefixtures("mqtt_mock")


def the_only(entry: ConfigEntry) -> ConfigSubentry:
    (found,) = entry.subentries.values()
    return found


def topics_of(entry: ConfigEntry) -> list[str]:
    return [topic["topic"] for topic in the_only(entry).data["policy"]["topics"]]


def keys_of(entry: ConfigEntry) -> dict[int, bytes]:
    found: dict[int, bytes] = entry.runtime_data.hub.keys.device_keys(SENSOR_ID)
    return found


def refusals(entry: ConfigEntry) -> dict[str, int]:
    return dict(entry.runtime_data.hub.plant.members[SENSOR_ID].device.refusals.counts)


async def test_from_the_topic_to_the_value(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    subentry_id = await register(hass, entry)
    await say(hass, {"temperature": 20.5, "env": {"humidity": 61}})
    rows = await name_values(hass, entry, subentry_id)
    assert [(row["path"], row["key"], row["unit"]) for row in rows] == [
        ("env.humidity", "env_humidity", "%"),
        ("temperature", "temperature", "°C"),
    ]
    shown = state(hass, "sensor", subentry_id, "temperature")
    assert shown.state == "20.5"
    assert shown.attributes["device_class"] == "temperature"
    assert shown.attributes["unit_of_measurement"] == "°C"
    message = await say(hass, {"temperature": 21.5, "env": {"humidity": 62}})
    assert state(hass, "sensor", subentry_id, "env_humidity").state == "62"
    async_fire_mqtt_message(hass, TOPIC, message)
    async_fire_mqtt_message(hass, TOPIC, message.replace(b"21.5", b"22.5"))
    await settle(hass)
    assert refusals(entry) == {"duplicate": 1, "bad_mac": 1}
    assert state(hass, "sensor", subentry_id, "temperature").state == "21.5"
    assert state(hass, "sensor", subentry_id, "health.connection").state == "live"
    (facts,) = (await diagnostics.async_get_config_entry_diagnostics(hass, entry))["devices"]
    assert list(facts["topics"]) == [TOPIC]
    assert TEXT_KEY not in str(facts)


async def test_a_restart_keeps_values_channels_and_window(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    subentry_id = await register(hass, entry)
    await say(hass, {"temperature": 20.5})
    await name_values(hass, entry, subentry_id)
    message = await say(hass, {"temperature": 21.5})
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert state(hass, "sensor", subentry_id, "temperature").state == "21.5"
    async_fire_mqtt_message(hass, TOPIC, message)
    await settle(hass)
    assert refusals(entry) == {"duplicate": 1}


async def test_the_key_stands_in_no_entry(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    await register(hass, entry)
    subentry = the_only(entry)
    assert keys_of(entry) == {1: signing.parse_text_key(TEXT_KEY)}
    assert TEXT_KEY not in str(dict(subentry.data))
    assert subentry.data["fingerprint"] == signing.fingerprint(keys_of(entry)[1])
    assert subentry.title == "Climate"


async def test_a_new_key_is_shown_once(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    form = await start_form(hass, entry, key_source="generate")
    made = suggested(form, "key")
    again = await answer_device_form(hass, form)
    assert again["type"] == "create_entry"
    assert keys_of(entry) == {1: bytes.fromhex(made)}


@pytest.mark.parametrize(
    ("field", "written", "error"),
    [
        ("topic", "a//b", "invalid_topic"),
        ("topic", "iiot/press-07/data", "topic_of_protocol"),
        ("topic", "#", "topic_of_protocol"),
        ("topic", "sensors/+/bme280", "topic_taken"),
        ("name", "  ", "name_missing"),
    ],
)
async def test_what_cannot_be_registered(hass: HomeAssistant, field: str, written: str, error: str) -> None:
    entry = await add_hub(hass, state_interval=0)
    await register(hass, entry)
    form = await start_form(hass, entry, **{"topic": "other", field: written})
    assert form["errors"] == {field: error}


async def test_a_device_that_moved_to_another_topic_keeps_its_id(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    subentry_id = await register(hass, entry)
    form = await open_page(hass, entry, subentry_id, "add_topic")
    form = await answer_device_form(hass, form, topic="lab2", topic_use="readings", key_source="generate")
    await answer_device_form(hass, form)
    await settle(hass)
    form = await open_page(hass, entry, subentry_id, "remove_topic")
    await answer_device_form(hass, form, topic=TOPIC)
    await settle(hass)
    assert topics_of(entry) == ["lab2"]
    assert list(keys_of(entry)) == [2]
    form = await start_form(hass, entry)
    assert form["errors"] == {"topic": "already_configured"}


async def test_what_is_no_key_is_asked_for_again(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    form = await start_form(hass, entry)
    form = await answer_device_form(hass, form, key="short")
    assert form["errors"] == {"key": "invalid_text_key"}


async def test_a_person_is_told_what_a_filter_and_a_shared_key_mean(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    await add_device(hass, entry, key=OTHER_KEY)
    form = await start_form(hass, entry, topic="sensors/#")
    assert form["step_id"] == "wildcards"
    form = await answer_device_form(hass, form)
    form = await answer_device_form(hass, form, key=OTHER_KEY.hex())
    assert form["step_id"] == "shared"
    done = await answer_device_form(hass, form)
    assert done["type"] == "create_entry"


async def test_a_key_that_cannot_be_kept_changes_nothing(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    form = await start_form(hass, entry)
    block_key_file(entry)
    done = await answer_device_form(hass, form, key=TEXT_KEY)
    assert done["reason"] == "key_not_saved"
    assert not entry.subentries


async def test_topics_come_and_go_without_a_reload(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, state_interval=0)
    subentry_id = await register(hass, entry)
    assert TOPIC in {call.args[0] for call in mqtt_mock.async_subscribe.call_args_list}
    form = await open_page(hass, entry, subentry_id, "add_topic")
    form = await answer_device_form(hass, form, topic=TOPIC, topic_use="readings", key_source="generate")
    assert form["errors"] == {"topic": "topic_taken"}
    form = await answer_device_form(hass, form, topic="lab2", topic_use="readings", key_source="generate")
    made = suggested(form, "key")
    await answer_device_form(hass, form)
    await settle(hass)
    await say(hass, {"speed": 5}, "lab2", made)
    form = await open_page(hass, entry, subentry_id, "channels")
    form = await answer_device_form(hass, form, topic="lab2")
    assert [row["path"] for row in rows_in(form)] == ["speed"]
    await answer_device_form(hass, form, channels=rows_in(form))
    await settle(hass)
    assert state(hass, "sensor", subentry_id, "speed").state == "5"
    form = await open_page(hass, entry, subentry_id, "remove_topic")
    await answer_device_form(hass, form, topic="lab2")
    await settle(hass)
    assert entity_id(hass, "sensor", subentry_id, "speed") is None
    assert entry.runtime_data.hub.plant.filters == [TOPIC]
    assert (await open_page(hass, entry, subentry_id, "remove_topic"))["reason"] == "last_topic"
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await settle(hass)
    assert entry.runtime_data.hub.plant.filters == []
    assert keys_of(entry) == {}


async def test_with_another_key_the_old_one_is_void(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    subentry_id = await register(hass, entry)
    form = await open_page(hass, entry, subentry_id, "new_key")
    form = await answer_device_form(hass, form, topic=TOPIC, key_source="paste")
    await answer_device_form(hass, form, key=OTHER_KEY.hex())
    await settle(hass)
    assert keys_of(entry) == {2: OTHER_KEY}
    assert the_only(entry).data["kid"] == 2
    await say(hass, {"temperature": 1})
    assert refusals(entry) == {"bad_mac": 1}


async def test_a_person_corrects_what_was_proposed(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    subentry_id = await register(hass, entry)
    await say(hass, {"t": 20.5, "door": True, "config": {"mode": "eco", "steps": [1, 2]}})
    form = await open_page(hass, entry, subentry_id, "channels")
    rows = [
        {"path": "t", "name": "Oil", "unit": "°C", "device_class": "temperature", "tags": "line=2, side=left"},
        {"path": "door", "kind": "bool", "key": "door", "device_class": "door", "name": " "},
        {"path": "config", "kind": "json", "stored_as": "settings"},
    ]
    await answer_device_form(hass, form, channels=rows)
    await settle(hass)
    assert state(hass, "sensor", subentry_id, "t").attributes["friendly_name"] == "Climate Oil"
    assert state(hass, "binary_sensor", subentry_id, "door").state == "on"
    config = state(hass, "sensor", subentry_id, "config")
    assert (config.state, config.attributes["value"]) == ("2", {"mode": "eco", "steps": [1, 2]})
    form = await open_page(hass, entry, subentry_id, "channels")
    assert rows_in(form)[0]["tags"] == "line=2, side=left"
    assert [row["key"] for row in rows_in(form)] == ["t", "door", "config"]


@pytest.mark.parametrize(
    ("rows", "row"),
    [
        ([{"path": "a..b"}], "1.path"),
        ([{"path": "a", "key": "x"}, {"path": "b", "key": "x"}], "2.key"),
        ([{"path": "a"}, {"path": "a", "key": "b"}], "2.path"),
        ([{"path": "a", "minimum": 5, "maximum": 4}], "1.maximum"),
        ([{"path": "a", "tags": "line"}], "1.tags"),
        ([{"path": f"a{number}"} for number in range(257)], "257"),
    ],
)
async def test_a_row_that_makes_no_sense_is_named(hass: HomeAssistant, rows: list[dict[str, Any]], row: str) -> None:
    entry = await add_hub(hass, state_interval=0)
    subentry_id = await register(hass, entry)
    form = await open_page(hass, entry, subentry_id, "channels")
    form = await answer_device_form(hass, form, channels=rows)
    assert form["errors"] == {"channels": "invalid_channel"}
    assert form["description_placeholders"]["row"] == row
    done = await answer_device_form(hass, form)
    assert done["reason"] == "reconfigure_successful"


async def test_name_place_and_interval(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    subentry_id = await register(hass, entry)
    hall = ar.async_get(hass).async_create("Hall 3")
    form = await open_page(hass, entry, subentry_id, "details")
    about = {"name": " ", "interval_s": 10, "area": hall.id, "description": "On the wall"}
    form = await answer_device_form(hass, form, **about)
    assert form["errors"] == {"name": "name_missing"}
    await answer_device_form(hass, form, **{**about, "name": "Lab climate"})
    await settle(hass)
    form = await open_page(hass, entry, subentry_id, "details")
    await answer_device_form(hass, form, **{**about, "name": "Lab climate"})
    subentry = the_only(entry)
    assert (subentry.title, subentry.data["description"]) == ("Lab climate", "On the wall")
    page = dr.async_get(hass).async_get_device_by_identifier(
        device_identifier(entry.entry_id, subentry_id), entry.entry_id
    )
    assert page is not None
    assert page.area_id == hall.id
    assert entry.runtime_data.hub.plant.members[SENSOR_ID].device.liveness.interval_s == 10


async def test_a_repair_leads_to_the_values(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    subentry_id = await register(hass, entry)
    await say(hass, {"temperature": 20.5})
    assert await async_setup_component(hass, "repairs", {})
    manager = repairs_flow_manager(hass)
    assert manager is not None
    issue_id = issue_id_of(entry.entry_id, "channels_unnamed", SENSOR_ID)
    form = await manager.async_init(DOMAIN, context={"issue_id": issue_id})
    done: Any = await manager.async_configure(form["flow_id"], {})
    assert done["reason"] == "change_device"
    (flow,) = hass.config_entries.subentries.async_progress()
    assert (flow["flow_id"], flow["step_id"]) == (done["next_flow"][1], "topic_channels")
    await name_values(hass, entry, subentry_id)
    assert ir.async_get(hass).async_get_issue(DOMAIN, issue_id) is None


async def test_an_alarm_topic_is_a_problem_while_it_lasts(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    subentry_id = await register(hass, entry)
    form = await open_page(hass, entry, subentry_id, "add_topic")
    form = await answer_device_form(hass, form, topic="alarms/lab1", topic_use="alarms", key_source="paste")
    await answer_device_form(hass, form, key=OTHER_KEY.hex())
    await settle(hass)
    await say(hass, {"code": "hot"}, "alarms/lab1", OTHER_KEY.hex())
    shown = state(hass, "binary_sensor", subentry_id, "alarm_1")
    assert (shown.state, shown.attributes["device_class"]) == ("on", "problem")
    await say(hass, {"code": "hot", "state": "cleared"}, "alarms/lab1", OTHER_KEY.hex())
    assert state(hass, "binary_sensor", subentry_id, "alarm_1").state == "off"
    form = await open_page(hass, entry, subentry_id, "channels")
    assert form["step_id"] == "topic_channels", "of the only topic with readings"
    form = await open_page(hass, entry, subentry_id, "remove_topic")
    await answer_device_form(hass, form, topic=TOPIC)
    await settle(hass)
    assert (await open_page(hass, entry, subentry_id, "channels"))["reason"] == "no_readings"
