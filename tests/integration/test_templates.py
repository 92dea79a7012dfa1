"""Devices of a template: who signs on its topics waits with its area and channels, joins, and follows it."""

import time
from typing import Any

import pytest
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_mqtt_message,
)

from custom_components.iiot import diagnostics
from custom_components.iiot.bridge.stations import device_identifier
from custom_components.iiot.bridge.templates import TEMPLATES_ID, add_topic
from custom_components.iiot.const import EVENT_DEVICE
from custom_components.iiot.engine.effects import TopicFound
from custom_components.iiot.engine.wire import bare, signing
from custom_components.iiot.logbook import describe

from .bare_sensor import TEXT_KEY, open_page, register, rows_in
from .field import state
from .joining import (  # noqa: F401  # fixtures
    OTHER_KEY,
    add_hub,
    answer,
    answer_device_form,
    block_key_file,
    cards,
    expected_lingering_timers,
    fields,
    hass_config_dir,
    open_card,
    settle,
    suggested,
)
from .template_forms import fill, open_templates

pytestmark = pytest.mark.usefixtures("mqtt_mock")
TEMPLATE = "plant/{area}/{device}/{channel}"
PRESS = "topic:plant/Hall 3/press-07/+"
TEMPERATURE, MOTOR = "plant/Hall 3/press-07/temperature", "plant/Hall 3/press-07/motor"


async def add_template(
    hass: HomeAssistant, entry: MockConfigEntry, template: str = TEMPLATE, key: str = TEXT_KEY
) -> None:
    form = await fill(hass, await open_templates(hass, entry), template=template, key_source="paste")
    done = await fill(hass, form, key=key)
    assert done["type"] == "create_entry", done
    await settle(hass)


async def speak(hass: HomeAssistant, topic: str, key: str = TEXT_KEY, **values: Any) -> bytes:
    message = bare.seal(signing.parse_text_key(key), time.time_ns(), values)
    async_fire_mqtt_message(hass, topic, message)
    await settle(hass)
    return message


def press_of(entry: MockConfigEntry) -> ConfigSubentry:
    return next(found for found in entry.subentries.values() if found.unique_id == PRESS)


def topics_of(entry: MockConfigEntry) -> list[str]:
    return [topic["topic"] for topic in press_of(entry).data["policy"]["topics"]]


async def approve(hass: HomeAssistant, **written: Any) -> Any:
    form = await open_card(hass)
    assert form["step_id"] == "confirm_topics"
    done = await answer(hass, form, **{"name": "Press 7", "interval_s": 60, **written})
    await settle(hass)
    return done


async def test_from_the_template_to_the_value(hass: HomeAssistant, mqtt_mock: Any) -> None:
    entry = await add_hub(hass, state_interval=0)
    events = async_capture_events(hass, EVENT_DEVICE)
    await add_template(hass, entry)
    told = next(event for event in events if event.data["kind"] == "template_set")
    assert describe(told)["message"] == f"listens to devices of the template {TEMPLATE}"
    assert "plant/+/+/+" in {call.args[0] for call in mqtt_mock.async_subscribe.call_args_list}
    assert TEXT_KEY not in str(entry.options)
    await speak(hass, TEMPERATURE, value=20.5)
    await speak(hass, MOTOR, rpm=1450)
    form = await open_card(hass)
    assert fields(form) == ["name", "area", "new_area", "description", "interval_s"]
    assert (suggested(form, "name"), suggested(form, "new_area")) == ("press-07", "Hall 3")
    words = form["description_placeholders"]
    assert words["fingerprint"] == signing.fingerprint(signing.parse_text_key(TEXT_KEY))
    assert "Temperature \\(°C\\)" in words["channels"]
    assert "Motor rpm" in words["channels"]
    form = await answer(hass, form, name=" ", interval_s=60)
    assert form["errors"] == {"name": "name_missing"}
    done = await answer(hass, form, name="Press 7", new_area="Hall 3", interval_s=60)
    assert done["reason"] == "device_added"
    await settle(hass)
    press = press_of(entry)
    assert (press.subentry_type, press.title) == ("bare", "Press 7")
    assert state(hass, "sensor", press.subentry_id, "temperature").state == "20.5"
    await speak(hass, TEMPERATURE, value=21.5)
    assert state(hass, "sensor", press.subentry_id, "temperature").state == "21.5"
    assert state(hass, "sensor", press.subentry_id, "motor_rpm").state == "1450"
    page = dr.async_get(hass).async_get_device_by_identifier(
        device_identifier(entry.entry_id, press.subentry_id), entry.entry_id
    )
    area = ar.async_get(hass).async_get_area_by_name("Hall 3")
    assert page is not None
    assert area is not None
    assert page.area_id == area.id
    assert cards(hass) == []
    facts = await diagnostics.async_get_config_entry_diagnostics(hass, entry)
    assert facts["options"]["templates"] == [{"template": TEMPLATE, "kid": 1}]
    assert TEXT_KEY not in str(facts)


async def test_it_survives_a_restart(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    await add_template(hass, entry)
    await speak(hass, TEMPERATURE, value=20.5)
    await approve(hass)
    message = await speak(hass, TEMPERATURE, value=21.5)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    press = press_of(entry)
    assert state(hass, "sensor", press.subentry_id, "temperature").state == "21.5"
    async_fire_mqtt_message(hass, TEMPERATURE, message)
    await settle(hass)
    plant = entry.runtime_data.hub.plant
    assert plant.members[PRESS].device.refusals.counts == {"duplicate": 1}
    await speak(hass, "plant/Hall 3/press-08/temperature", value=1)
    assert plant.inbox.get("topic:plant/Hall 3/press-08/+") is not None


async def test_a_further_topic_is_the_devices_and_leads_to_its_values(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    await add_template(hass, entry)
    await speak(hass, TEMPERATURE, value=20.5)
    await approve(hass)
    await speak(hass, MOTOR, value=1450)
    assert topics_of(entry) == [TEMPERATURE, MOTOR]
    add_topic(entry.runtime_data.hub, TopicFound(PRESS, MOTOR, 1))
    add_topic(entry.runtime_data.hub, TopicFound("topic:nobody", MOTOR, 1))
    assert topics_of(entry) == [TEMPERATURE, MOTOR]
    await speak(hass, MOTOR, value=1460)
    form = await open_page(hass, entry, press_of(entry).subentry_id, "channels")
    form = await answer_device_form(hass, form, topic=MOTOR)
    assert [(row["path"], row["key"]) for row in rows_in(form)] == [("value", "motor")]


async def test_several_are_approved_at_once_and_go_where_they_stand(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    await add_template(hass, entry)
    names = ("press-07", "press-08")
    for name in names:
        await speak(hass, f"plant/Hall 3/{name}/temperature", value=20.5, of=name)
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    form = await fill(hass, menu, next_step_id="waiting_devices")
    ids = [f"topic:plant/Hall 3/{name}/+" for name in names]
    done = await fill(hass, form, devices=ids, action="approve")
    assert done["reason"] == "waiting_approve"
    await settle(hass)
    assert sorted(str(found.unique_id) for found in entry.subentries.values()) == ids
    assert ar.async_get(hass).async_get_area_by_name("Hall 3") is not None


async def test_what_is_not_signed_is_refused_and_counted(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    await add_template(hass, entry)
    await speak(hass, TEMPERATURE, key=OTHER_KEY.hex(), value=20.5)
    assert entry.runtime_data.hub.plant.strangers == {"bad_mac": 1}
    assert cards(hass) == []


async def test_a_template_is_taken_away_and_its_devices_stay(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    await add_template(hass, entry)
    await speak(hass, TEMPERATURE, value=20.5)
    await approve(hass)
    events = async_capture_events(hass, EVENT_DEVICE)
    form = await open_templates(hass, entry)
    assert form["description_placeholders"]["templates"].replace("\\", "") == f"- {TEMPLATE}"
    await fill(hass, form, key_source="paste", remove_template=TEMPLATE)
    await settle(hass)
    told = next(event for event in events if event.data["kind"] == "template_set")
    assert describe(told)["message"] == f"listens to new devices of the template {TEMPLATE} no more"
    hub = entry.runtime_data.hub
    assert hub.keys.device_keys(TEMPLATES_ID) == {}
    assert hub.plant.filters == [TEMPERATURE]
    await speak(hass, TEMPERATURE, value=21.5)
    assert state(hass, "sensor", press_of(entry).subentry_id, "temperature").state == "21.5"
    await add_template(hass, entry, key=OTHER_KEY.hex())
    assert entry.options["templates"] == [{"template": TEMPLATE, "kid": 1}]


async def test_a_new_key_is_shown_once_and_a_shared_one_is_told(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    form = await fill(hass, await open_templates(hass, entry), template=TEMPLATE, key_source="generate")
    made = suggested(form, "key")
    await fill(hass, form)
    await settle(hass)
    assert entry.runtime_data.hub.keys.device_keys(TEMPLATES_ID) == {1: bytes.fromhex(made)}
    form = await fill(hass, await open_templates(hass, entry), template="pumps/{device}", key_source="paste")
    form = await fill(hass, form, key="short")
    assert form["errors"] == {"key": "invalid_text_key"}
    form = await fill(hass, form, key=made)
    assert form["step_id"] == "template_key_shared"
    done = await fill(hass, form)
    assert done["type"] == "create_entry"
    await settle(hass)
    await fill(hass, await open_templates(hass, entry), key_source="paste", remove_template=TEMPLATE)
    await settle(hass)
    assert entry.runtime_data.hub.keys.device_keys(TEMPLATES_ID) == {2: bytes.fromhex(made)}, "the other keeps its key"


@pytest.mark.parametrize(
    ("template", "error", "other"),
    [
        ("plant/x", "template_without_device", "-"),
        ("plant/+/{device}", "invalid_template", "-"),
        ("{area}/{device}", "topic_of_protocol", "-"),
        ("plant/hall/{device}/{channel}", "template_taken", "plant/{area}/{device}/{channel}"),
        ("sensors/{area}/{device}", "template_of_device", "sensors/lab1/bme280"),
    ],
)
async def test_what_cannot_be_a_template(hass: HomeAssistant, template: str, error: str, other: str) -> None:
    entry = await add_hub(hass, state_interval=0)
    await add_template(hass, entry, key=OTHER_KEY.hex())
    await register(hass, entry)
    form = await fill(hass, await open_templates(hass, entry), template=template, key_source="paste")
    assert form["errors"] == {"template": error}
    assert form["description_placeholders"]["other"] == other


async def test_no_topic_of_a_template_is_registered_by_hand(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    await add_template(hass, entry)
    form = await hass.config_entries.subentries.async_init((entry.entry_id, "bare"), context={"source": "user"})
    about = {"topic": TEMPERATURE, "name": "x", "interval_s": 60, "key_source": "paste"}
    form = await answer_device_form(hass, form, **about)
    assert form["errors"] == {"topic": "topic_taken"}


async def test_there_are_so_many_templates(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_components.iiot.flows.templates.MAX_TEMPLATES", 1)
    entry = await add_hub(hass, state_interval=0)
    await add_template(hass, entry)
    form = await fill(hass, await open_templates(hass, entry), template="pumps/{device}", key_source="paste")
    assert form["errors"] == {"template": "too_many_templates"}


async def test_a_topic_that_somebody_registers_meanwhile_is_not_taken(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    form = await fill(hass, await open_templates(hass, entry), template="sensors/{area}/{device}", key_source="paste")
    await register(hass, entry)
    done = await fill(hass, form, key=OTHER_KEY.hex())
    assert done["reason"] == "template_not_free"


async def test_a_key_that_cannot_be_kept_changes_nothing(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    form = await fill(hass, await open_templates(hass, entry), template=TEMPLATE, key_source="paste")
    block_key_file(entry)
    done = await fill(hass, form, key=TEXT_KEY)
    assert done["reason"] == "key_not_saved"
    assert "templates" not in entry.options


async def test_no_device_joins_and_no_template_goes_that_cannot_be_written(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    await add_template(hass, entry)
    await speak(hass, TEMPERATURE, value=20.5)
    block_key_file(entry)
    done = await approve(hass)
    assert done["reason"] == "key_not_saved"
    assert entry.subentries == {}
    form = await open_templates(hass, entry)
    done = await fill(hass, form, key_source="paste", remove_template=TEMPLATE)
    assert done["reason"] == "key_not_saved"


async def test_a_card_whose_device_waits_no_more(hass: HomeAssistant) -> None:
    entry = await add_hub(hass, state_interval=0)
    await add_template(hass, entry)
    await speak(hass, TEMPERATURE, value=20.5)
    form = await open_card(hass)
    entry.runtime_data.hub.plant.inbox.get(PRESS).spoken = None
    done = await answer(hass, form, name="Press 7", interval_s=60)
    assert done["reason"] == "device_gone"
