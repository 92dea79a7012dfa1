"""A bare device is moved from Home Assistant: what its form takes, and what its controls and actions say."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.iiot.const import DOMAIN, EVENT_DEVICE
from custom_components.iiot.engine.wire import canonical, codec, signing
from custom_components.iiot.logbook import describe

from .bare_sensor import SENSOR_ID, TOPIC, name_values, open_page, register, say, start_form
from .field import entity_id, state
from .joining import (  # noqa: F401  # fixtures
    OTHER_KEY,
    add_hub,
    answer_device_form,
    expected_lingering_timers,
    fields,
    hass_config_dir,
    settle,
)

TELL, ACK = "sensors/lab1/fan/set", "sensors/lab1/fan/ack"
FAN = {"key": "fan", "name": "Fan", "kind": "switch", "channel": "running"}
SPEED = {"key": "speed", "name": "Speed", "kind": "number", "minimum": 0, "maximum": 3000, "unit": "rpm"}
RESET = {"key": "reset", "name": " ", "kind": "button", "unit": ""}
ABOUT = {"command_topic": TELL, "actuators": [FAN, SPEED, RESET], "key_source": "paste"}


class Lab:
    """A site with one bare device that can be told something."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry, subentry_id: str, published: Any) -> None:
        self.hass, self.entry, self.subentry_id, self._published = hass, entry, subentry_id, published

    async def open(self) -> Any:
        return await open_page(self.hass, self.entry, self.subentry_id, "commands")

    async def register(self, **written: Any) -> None:
        form = await answer_device_form(self.hass, await self.open(), **{**ABOUT, **written})
        done = await answer_device_form(self.hass, form, key=OTHER_KEY.hex())
        assert done["reason"] == "reconfigure_successful", done
        await settle(self.hass)

    def told(self) -> list[dict[str, Any]]:
        calls = [call.args for call in self._published.call_args_list if call.args[0] == TELL]
        found = []
        for _, message, qos, *_ in calls:
            envelope = codec.split(message)
            assert qos == 2
            assert signing.is_signed_by(OTHER_KEY, envelope.span, envelope.mac)
            found.append(canonical.decode(envelope.span))
        return found

    def shown(self, platform: str, key: str) -> State:
        return state(self.hass, platform, self.subentry_id, f"set.{key}")

    async def next_cid(self, known: list[str]) -> str:
        """Wait for a command that is none of those."""
        async with asyncio.timeout(10):
            while True:
                for body in self.told():
                    if body["cid"] not in known:
                        return str(body["cid"])
                await asyncio.sleep(0.01)

    async def until(self, platform: str, key: str, holds: Callable[[State], bool]) -> State:
        """Wait until it holds for what a control shows; entities write at most ten times a second."""
        changed = asyncio.Event()
        entity = self.shown(platform, key).entity_id
        release = async_track_state_change_event(self.hass, entity, callback(lambda _: changed.set()))
        try:
            async with asyncio.timeout(10):
                while not holds(self.shown(platform, key)):
                    changed.clear()
                    await changed.wait()
        finally:
            release()
        return self.shown(platform, key)

    async def call(self, platform: str, key: str, action: str, **data: Any) -> None:
        target = {"entity_id": self.shown(platform, key).entity_id, **data}
        await self.hass.services.async_call(platform, action, target, blocking=True)


@pytest.fixture
async def lab(hass: HomeAssistant, mqtt_mock: Any) -> Lab:
    entry = await add_hub(hass, state_interval=0)
    subentry_id = await register(hass, entry)
    await say(hass, {"running": False})
    await name_values(hass, entry, subentry_id)
    return Lab(hass, entry, subentry_id, mqtt_mock.async_publish)


async def test_without_answers_a_control_shows_what_is_reported_and_what_was_sent(
    hass: HomeAssistant, lab: Lab
) -> None:
    await lab.register()
    events = async_capture_events(hass, EVENT_DEVICE)
    await lab.call("switch", "fan", "turn_on")
    await lab.next_cid([])
    (body,) = lab.told()
    assert (body["cmd"], body["args"], body["topic"]) == ("set", {"key": "fan", "value": True}, TELL)
    shown = await lab.until("switch", "fan", lambda shown: "pending" in shown.attributes)
    assert shown.state == "off", "nothing but the device says that it runs"
    assert {name: shown.attributes[name] for name in ("pending", "pending_step", "answered")} == {
        "pending": True,
        "pending_step": "sent",
        "answered": False,
    }
    (sent,) = [event for event in events if event.data["kind"] == "command"]
    assert (sent.data["step"], sent.data["answered"]) == ("sent", False)
    assert describe(sent)["message"] == "was told set (key fan, value on); it cannot answer"
    await say(hass, {"running": True})
    shown = await lab.until("switch", "fan", lambda shown: shown.state == "on")
    assert "pending" not in shown.attributes


async def test_a_number_and_a_button_that_nothing_reports(hass: HomeAssistant, lab: Lab) -> None:
    await lab.register()
    speed = lab.shown("number", "speed")
    assert (speed.attributes["min"], speed.attributes["max"], speed.attributes["assumed_state"]) == (0, 3000, True)
    await lab.call("number", "speed", "set_value", value=1500)
    first = await lab.next_cid([])
    await lab.call("button", "reset", "press")
    await lab.next_cid([first])
    assert [(body["cmd"], body["args"]) for body in lab.told()] == [
        ("set", {"key": "speed", "value": 1500}),
        ("press", {"key": "reset"}),
    ]
    speed = await lab.until("number", "speed", lambda shown: "pending" in shown.attributes)
    assert (speed.state, speed.attributes["pending"]) == ("unknown", 1500)


async def test_an_action_says_that_nobody_knows(hass: HomeAssistant, lab: Lab) -> None:
    await lab.register()
    registered = er.async_get(hass).async_get(lab.shown("switch", "fan").entity_id)
    assert registered is not None
    call = {
        "device_id": registered.device_id,
        "command": "set",
        "args": {"key": "fan", "value": True},
    }
    answer = await hass.services.async_call(DOMAIN, "command", call, blocking=True, return_response=True)
    (facts,) = (answer or {})["devices"].values()  # type: ignore[union-attr]  # a mapping of devices
    assert facts["status"] == "sent"
    assert facts["reason"] == (
        "The command was sent to Climate. It has no way to answer, so nobody knows whether it did it"
    )
    await hass.services.async_call(DOMAIN, "command", call, blocking=True)


async def test_with_answers_a_control_waits_for_them(hass: HomeAssistant, lab: Lab) -> None:
    await lab.register(ack_topic=ACK)

    async def turn(status: str, **facts: Any) -> None:
        known = [body["cid"] for body in lab.told()]
        task = asyncio.create_task(lab.call("switch", "fan", "turn_on"))
        answer = {"cid": await lab.next_cid(known), "status": status, **facts}
        await say(hass, answer, ACK, OTHER_KEY.hex())
        await task

    await turn("done")
    with pytest.raises(HomeAssistantError, match="jammed"):
        await turn("rejected", reason="jammed")


async def test_interlocks_hold_for_a_bare_device(hass: HomeAssistant, lab: Lab) -> None:
    page = await open_page(hass, lab.entry, lab.subentry_id, "interlocks")
    assert page["reason"] == "no_actuators"
    await lab.register()
    page = await open_page(hass, lab.entry, lab.subentry_id, "interlocks")
    page = await answer_device_form(hass, page, actuator="speed")
    done = await answer_device_form(hass, page, maximum=1000)
    assert done["reason"] == "interlocks_kept"
    await settle(hass)
    with pytest.raises(HomeAssistantError):
        await lab.call("number", "speed", "set_value", value=1500)
    assert lab.told() == []


async def test_commands_are_changed_and_taken_away(hass: HomeAssistant, lab: Lab) -> None:
    await lab.register(ack_topic=ACK)
    keys = lab.entry.runtime_data.hub.keys
    assert keys.device_keys(SENSOR_ID)[2] == OTHER_KEY
    form = await lab.open()
    assert fields(form) == ["command_topic", "ack_topic", "actuators", "key_source", "remove"]
    written = {"command_topic": TELL, "actuators": [SPEED], "key_source": "keep", "remove": False}
    await answer_device_form(hass, form, **written)
    await settle(hass)
    assert lab.entry.runtime_data.hub.plant.filters == [TOPIC]
    assert entity_id(hass, "switch", lab.subentry_id, "set.fan") is None
    assert entity_id(hass, "number", lab.subentry_id, "set.speed") is not None
    assert keys.device_keys(SENSOR_ID)[2] == OTHER_KEY
    form = await answer_device_form(hass, await lab.open(), **{**written, "remove": True})
    await settle(hass)
    assert entity_id(hass, "number", lab.subentry_id, "set.speed") is None
    assert list(keys.device_keys(SENSOR_ID)) == [1]


@pytest.mark.parametrize(
    ("written", "errors", "row"),
    [
        ({"command_topic": "fans/+/set"}, {"command_topic": "invalid_command_topic"}, "-"),
        ({"command_topic": "iiot/press-07/command"}, {"command_topic": "topic_of_protocol"}, "-"),
        ({"command_topic": TOPIC}, {"command_topic": "topic_taken"}, "-"),
        ({"command_topic": "fans/2"}, {"command_topic": "topic_taken"}, "-"),
        ({"command_topic": "other/set"}, {"command_topic": "topic_taken"}, "-"),
        ({"ack_topic": TELL}, {"ack_topic": "invalid_ack_topic"}, "-"),
        ({"ack_topic": TOPIC}, {"ack_topic": "topic_taken"}, "-"),
        ({"actuators": [{"key": "A", "kind": "switch"}]}, {"actuators": "invalid_actuator"}, "1.key"),
        (
            {"actuators": [FAN, {"key": "x", "kind": "button", "unit": "s"}]},
            {"actuators": "invalid_actuator"},
            "2.unit",
        ),
        ({"actuators": [{**FAN, "kind": "button"}]}, {"actuators": "invalid_actuator"}, "1.channel"),
        ({"actuators": [FAN, FAN]}, {"actuators": "invalid_actuator"}, "actuators"),
    ],
)
async def test_what_cannot_be_registered(
    hass: HomeAssistant, lab: Lab, written: dict[str, Any], errors: dict[str, str], row: str
) -> None:
    form = await start_form(hass, lab.entry, topic="fans/+", key_source="generate")
    await answer_device_form(hass, await answer_device_form(hass, form))
    await settle(hass)
    other = list(lab.entry.subentries)[-1]
    about = {"command_topic": "other/set", "key_source": "generate"}
    form = await open_page(hass, lab.entry, other, "commands")
    await answer_device_form(hass, await answer_device_form(hass, form, **about))
    await settle(hass)
    form = await answer_device_form(hass, await lab.open(), **{**ABOUT, **written})
    assert form["errors"] == errors
    assert form["description_placeholders"]["row"] == row
