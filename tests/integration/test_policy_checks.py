"""Topics and entities that an action or a registry file brings are checked as those of the forms are."""

import asyncio
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_USER, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.iiot.bridge.enrolment import key_turn
from custom_components.iiot.const import SUBENTRY_ADOPTED

from .bare_sensor import SENSOR_ID, TOPIC, open_page, register
from .joining import (
    OTHER_KEY,
    add_device,
    answer_device_form,
    block_key_file,
    expected_lingering_timers,  # noqa: F401
    settle,
)
from .people import act, ask, page_of, policy_in

METER = "sensor.meter_power"
PLAIN = {"topic": TOPIC}


def keys_of(entry: ConfigEntry) -> set[int]:
    return set(entry.runtime_data.hub.keys.device_keys(SENSOR_ID))


async def decide(hass: HomeAssistant, entry: MockConfigEntry, subentry_id: str, **policy: Any) -> None:
    """Let Home Assistant's own administrator set sections of a policy."""
    page = page_of(hass, entry, entry.subentries[subentry_id].unique_id)
    await act(hass, "iiot", "set_policy", device_id=page.id, policy=policy)
    await settle(hass)


async def import_topics(hass: HomeAssistant, entry: MockConfigEntry, topics: dict[str, str]) -> list[dict[str, Any]]:
    """Bring in a registry file with a topic for each device; gives its errors."""
    devices = "".join(f"  '{found}': {{policy: {{topics: [{{topic: {topic}}}]}}}}\n" for found, topic in topics.items())
    told = await ask(
        hass,
        "import_registry",
        None,
        config_entry_id=entry.entry_id,
        registry=f"version: 1\ndevices:\n{devices}",
        dry_run=False,
    )
    await settle(hass)
    errors: list[dict[str, Any]] = told["errors"]
    return errors


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"topics": [{**PLAIN, "kid": 9}]}, "number of no key .* it has.*: 1"),
        ({"topics": None}, "topics must be at least one"),
        ({"topics": [{"topic": "iiot/press/data"}]}, "prefix of the site"),
        ({"topics": [{"topic": "hall/1"}]}, "overlaps"),
        ({"entities": [{"entity_id": METER, "key": "x"}]}, "entities are for devices that are made of entities"),
    ],
)
async def test_what_no_form_would_take_no_action_takes(
    hass: HomeAssistant, entry: MockConfigEntry, policy: dict[str, Any], words: str
) -> None:
    subentry_id = await register(hass, entry)
    await register(hass, entry, topic="hall/+", name="Hall")
    before = policy_in(entry, subentry_id)
    with pytest.raises(ServiceValidationError, match=words):
        await decide(hass, entry, subentry_id, **policy)
    assert policy_in(entry, subentry_id) == before
    assert keys_of(entry) == {1}


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"topics": [PLAIN]}, "topics are for devices that sign"),
        ({"template": "plant/{device}"}, "template is for devices that sign"),
    ],
)
async def test_a_device_of_the_protocol_takes_no_topics(
    hass: HomeAssistant, entry: MockConfigEntry, policy: dict[str, Any], words: str
) -> None:
    subentry_id = await add_device(hass, entry)
    with pytest.raises(ServiceValidationError, match=words):
        await decide(hass, entry, subentry_id, **policy)


async def test_a_file_is_checked_as_a_whole(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    first = await register(hass, entry, topic="a", name="A")
    second = await register(hass, entry, topic="b", name="B")
    errors = await import_topics(hass, entry, {"topic:a": "c", "topic:b": "c"})
    assert [(error["line"], error["path"]) for error in errors] == [
        (3, "devices.topic:a.policy.topics[0].topic"),
        (4, "devices.topic:b.policy.topics[0].topic"),
    ]
    assert await import_topics(hass, entry, {"topic:a": "b", "topic:b": "a"}) == []
    assert [policy_in(entry, found)["topics"] for found in (first, second)] == [[{"topic": "b"}], [{"topic": "a"}]]
    assert entry.runtime_data.hub.plant.filters == ["a", "b"]


async def test_an_entity_is_adopted_by_an_action_as_by_the_form(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await add_device(hass, entry)
    hass.states.async_set(METER, "1500")
    hass.states.async_set("sensor.mode", "eco")
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_ADOPTED), context={"source": SOURCE_USER}
    )
    await answer_device_form(hass, form, name="Meter", entities=[METER])
    await settle(hass)
    subentry = list(entry.subentries.values())[-1]
    adopted = policy_in(entry, subentry.subentry_id)["entities"]
    for entity_id, words in (
        ("sensor.press_7_connection", "belongs to this integration"),
        ("sensor.mode", "no value of its kind"),
    ):
        with pytest.raises(ServiceValidationError, match=f"entities.*1.* {words}"):
            await decide(
                hass, entry, subentry.subentry_id, entities=[*adopted, {"entity_id": entity_id, "key": "other"}]
            )
    hass.states.async_set(METER, "eco")
    await decide(hass, entry, subentry.subentry_id, entities=adopted, trial=True)
    assert policy_in(entry, subentry.subentry_id)["trial"], "what stands is not judged by the state of now"
    hass.states.async_set(METER, "1600")
    again = await open_page(hass, entry, subentry.subentry_id, "entities")
    await answer_device_form(hass, again, name="Meter", entities=[METER])
    assert policy_in(entry, subentry.subentry_id)["trial"], "the form leaves alone what it does not ask for"


async def add_topic(hass: HomeAssistant, entry: MockConfigEntry, subentry_id: str) -> None:
    form = await open_page(hass, entry, subentry_id, "add_topic")
    form = await answer_device_form(hass, form, topic="lab2", topic_use="readings", key_source="generate")
    await answer_device_form(hass, form)
    await settle(hass)


def keep(hass: HomeAssistant, entry: MockConfigEntry, subentry_id: str, topics: list[dict[str, Any]]) -> None:
    """Write topics into a subentry, whoever has let them pass."""
    subentry = entry.subentries[subentry_id]
    data = {**subentry.data, "policy": {**subentry.data["policy"], "topics": topics}}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)


async def test_keys_are_forgotten_in_turn_with_those_that_come(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    subentry_id = await register(hass, entry)
    await add_topic(hass, entry, subentry_id)
    keys = entry.runtime_data.hub.keys
    async with key_turn(hass):
        keep(hass, entry, subentry_id, [PLAIN])
        for _ in range(5):
            await hass.async_add_executor_job(lambda: None)
        assert keys_of(entry) == {1, 2}
        await hass.async_add_executor_job(lambda: keys.put_device(SENSOR_ID, 3, OTHER_KEY, beside=True))
        keep(hass, entry, subentry_id, [PLAIN, {"topic": "lab3", "kid": 3}])
    await settle(hass)
    assert keys_of(entry) == {1, 3}
    assert entry.runtime_data.hub.plant.filters == ["lab3", TOPIC]


async def test_a_disk_that_refuses_keeps_old_keys_and_lets_the_topics_change(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    subentry_id = await register(hass, entry)
    await add_topic(hass, entry, subentry_id)
    block_key_file(entry)
    await decide(hass, entry, subentry_id, topics=[PLAIN])
    assert keys_of(entry) == {1, 2}
    assert entry.runtime_data.hub.plant.filters == [TOPIC]
    assert "old keys of topic:sensors/lab1/bme280 stay on disk" in caplog.text


async def test_maintenance_mode_overwrites_nothing_that_was_just_decided(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    subentry_id = await register(hass, entry)
    await add_topic(hass, entry, subentry_id)
    async with key_turn(hass):
        keep(hass, entry, subentry_id, [PLAIN])
        await act(hass, "switch", "turn_on", entity_id="switch.climate_maintenance_mode")
        assert len(entry.runtime_data.hub.plant.members[SENSOR_ID].policy.topics) == 2, "not followed yet"
    await settle(hass)
    assert policy_in(entry, subentry_id) == {"topics": [PLAIN], "interval_s": 60.0, "trial": True}


async def test_what_another_form_has_removed_is_no_other_topic(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    subentry_id = await register(hass, entry)
    await add_topic(hass, entry, subentry_id)
    form = await open_page(hass, entry, subentry_id, "channels")
    form = await answer_device_form(hass, form, topic="lab2")
    other = await open_page(hass, entry, subentry_id, "remove_topic")
    await answer_device_form(hass, other, topic="lab2")
    await settle(hass)
    end = await answer_device_form(hass, form, channels=[{"path": "speed"}])
    assert (end["type"], end["reason"]) == ("abort", "topic_gone")
    assert policy_in(entry, subentry_id)["topics"] == [PLAIN]


async def test_what_changes_while_others_are_followed_is_followed_at_once(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    subentry_id = await register(hass, entry)
    await add_topic(hass, entry, subentry_id)
    async with key_turn(hass):
        keep(hass, entry, subentry_id, [PLAIN])
        for number in range(5):
            keep(hass, entry, subentry_id, [PLAIN | {"channels": [{"path": "t", "key": f"t{number}"}]}])
        assert len([task for task in asyncio.all_tasks() if task.get_name().startswith("iiot devices")]) == 2
    await settle(hass)
    member = entry.runtime_data.hub.plant.members[SENSOR_ID]
    assert [topic.keys for topic in member.policy.topics] == [["t4"]]
