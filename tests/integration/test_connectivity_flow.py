"""A person sees whether a message of a device reaches the hub, and if not, why."""

import shlex
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.iiot.bridge.listening import GRACE_S, LISTEN_S
from custom_components.iiot.engine.errors import Code
from custom_components.iiot.engine.wire import codec

from .dialog import WORDS, Dialog
from .field import FieldDevice
from .joining import (
    DEVICE_ID,
    OTHER_KEY,
    add_hub,
    cards,
    settle,
)

pytestmark = pytest.mark.usefixtures("mqtt_mock")


async def test_a_test_message_from_the_command_line_arrives(hass: HomeAssistant, entry: ConfigEntry) -> None:
    dialog = Dialog(hass, entry)
    step = await dialog.listen("test_message")
    assert (step["type"], step["progress_action"]) == ("progress", "test_message")
    assert (dialog.command["-h"], dialog.command["-p"], dialog.command["-q"]) == ("mock-broker", "1883", "1")
    assert dialog.topic.startswith("iiot/check-")
    async_fire_mqtt_message(hass, dialog.topic, dialog.message)
    step = await dialog.outcome()
    assert (step["type"], step["step_id"]) == ("menu", "heard")
    assert dialog.told["message"] == "readings"
    assert dialog.told["values"] == r"- test\: 1"
    assert dialog.told["sender"].startswith(r"check\-")
    assert float(dialog.told["age"].removesuffix(" s")) < 60
    assert dialog.is_quiet


async def test_the_test_message_leaves_no_trace(hass: HomeAssistant, entry: ConfigEntry) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("test_message")
    topic, message = dialog.topic, dialog.message
    async_fire_mqtt_message(hass, topic, message)
    await dialog.outcome()
    await dialog.close()
    async_fire_mqtt_message(hass, topic, message)  # run once more, with nobody there
    await settle(hass)
    plant = entry.runtime_data.hub.plant
    assert (len(plant.inbox), plant.members, plant.accepted, plant.refused) == (0, {}, 0, 0)
    assert cards(hass) == []
    assert not entry.subentries


async def test_each_test_message_is_another(hass: HomeAssistant, entry: ConfigEntry) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("test_message")
    first = dialog.topic, dialog.message
    async_fire_mqtt_message(hass, *first)
    await dialog.outcome()
    await dialog.choose("listen_again")
    assert dialog.topic != first[0]
    async_fire_mqtt_message(hass, *first)
    assert (await hass.config_entries.options.async_configure(dialog.step["flow_id"]))["type"] == "progress"
    await dialog.close()


def altered(message: bytes) -> bytes:
    return message.replace(b'"test":1', b'"test":2')


@pytest.mark.parametrize(
    ("code", "leaf", "change"),
    [
        (Code.BAD_MAC, "data", altered),
        (Code.UNKNOWN_KEY, "data", lambda message: altered(message).replace(b'"kid":1', b'"kid":9')),
        (Code.MALFORMED, "data", lambda message: message.replace(b'"', b"")),
        (Code.TOO_LARGE, "data", lambda message: message + b" " * 65_536),
        (Code.WRONG_TOPIC, "status", lambda message: message),
    ],
)
async def test_a_refusal_is_told_in_words(
    hass: HomeAssistant, entry: ConfigEntry, code: Code, leaf: str, change: Any
) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("test_message")
    topic = f"{dialog.topic.rpartition('/')[0]}/{leaf}"
    async_fire_mqtt_message(hass, topic, change(dialog.message))
    await dialog.wait(GRACE_S + 0.1)
    step = await dialog.outcome()
    assert (step["type"], step["step_id"]) == ("menu", "refused")
    assert dialog.told["code"] == code
    assert dialog.told["reason"] == WORDS["refusal"]["options"][code]
    assert dialog.told["detail"]
    assert dialog.is_quiet


async def test_a_message_that_counts_wins_over_one_that_was_refused_just_before(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("test_message")
    for message in (altered(dialog.message), b"{}", dialog.message, dialog.message):
        async_fire_mqtt_message(hass, dialog.topic, message)
    assert (await dialog.outcome())["step_id"] == "heard"


async def test_a_kept_message_is_told_when_nothing_else_comes(hass: HomeAssistant, entry: ConfigEntry) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("test_message")
    async_fire_mqtt_message(hass, dialog.topic, dialog.message, retain=True)
    await dialog.wait(GRACE_S + 0.1)
    assert (await hass.config_entries.options.async_configure(dialog.step["flow_id"]))["type"] == "progress"
    await dialog.wait(LISTEN_S + 1)
    assert (await dialog.outcome())["step_id"] == "refused"
    assert dialog.told["code"] == Code.RETAINED


async def test_an_old_message_is_refused_where_a_site_refuses_them(hass: HomeAssistant) -> None:
    dialog = Dialog(hass, await add_hub(hass, strict=True, delay_limit=0))
    await dialog.listen("test_message")
    async_fire_mqtt_message(hass, dialog.topic, dialog.message)
    await dialog.wait(GRACE_S + 0.1)
    assert (await dialog.outcome())["step_id"] == "refused"
    assert dialog.told["code"] == Code.DELAYED


async def test_when_nothing_comes_a_person_is_told_where_to_look(hass: HomeAssistant, entry: ConfigEntry) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("test_message")
    await dialog.wait(LISTEN_S + 1)
    assert (await dialog.outcome())["step_id"] == "silent"
    assert dialog.told["seen"] == WORDS["silence"]["options"]["nothing_at_all"]
    assert dialog.is_quiet
    form = await dialog.choose("check_connectivity")
    assert form["step_id"] == "check_connectivity"


async def test_when_only_others_are_heard_the_way_itself_is_free(hass: HomeAssistant, entry: ConfigEntry) -> None:
    device = FieldDevice(hass)
    await device.join(entry)
    dialog = Dialog(hass, entry)
    await dialog.listen("one_device", "press-08")
    await device.beat()
    await device.beat()
    async_fire_mqtt_message(hass, "iiot/hub/data", b"of nobody")
    await dialog.wait(LISTEN_S + 1)
    await dialog.outcome()
    assert dialog.told["seen"] == f"{WORDS['silence']['options']['others_heard']} 2"


async def test_a_message_below_another_prefix_is_shown(hass: HomeAssistant, entry: ConfigEntry) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("test_message")
    device_id = dialog.topic.split("/")[1]
    async_fire_mqtt_message(hass, f"iiot/{device_id}/poll", b"what the hub itself sends")
    for topic in (f"plant/a/{device_id}/data", f"plant/a/{device_id}/data", f"iiot/{device_id}/dta", f"{device_id}/x"):
        async_fire_mqtt_message(hass, topic, dialog.message)
    await dialog.wait(GRACE_S + 0.1)
    assert (await dialog.outcome())["step_id"] == "silent"
    words, *seen = dialog.told["seen"].splitlines()
    assert words == WORDS["silence"]["options"]["elsewhere"]
    escaped = device_id.replace("-", r"\-")
    assert seen == [rf"- plant\/a\/{escaped}\/data", rf"- iiot\/{escaped}\/dta", rf"- {escaped}\/x"]


async def test_signed_messages_of_other_places_are_shown_when_any_device_is_wanted(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("any_device")
    for number in range(7):
        async_fire_mqtt_message(hass, f"north/d{number}/heartbeat", codec.seal(OTHER_KEY, {}))
    async_fire_mqtt_message(hass, "weather/rain/data", b"12.5")
    await dialog.wait(LISTEN_S + 1)
    await dialog.outcome()
    assert dialog.told["sender"] == "any device"
    assert [line for line in dialog.told["seen"].splitlines() if line.startswith("- ")] == [
        rf"- north\/d{number}\/heartbeat" for number in range(5)
    ]


async def test_a_broker_that_is_away_is_named_first(
    hass: HomeAssistant, entry: ConfigEntry, mqtt_mock: MqttMockHAClient
) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("test_message")
    mqtt_mock.connected = False
    await dialog.wait(LISTEN_S + 1)
    await dialog.outcome()
    assert dialog.told["seen"] == WORDS["silence"]["options"]["broker_away"]
    mqtt_mock.connected = True


async def test_a_dialog_that_is_closed_half_way_leaves_nothing_behind(hass: HomeAssistant, entry: ConfigEntry) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("one_device", DEVICE_ID)
    await settle(hass)
    assert not dialog.is_quiet
    await dialog.close()
    assert dialog.is_quiet


async def test_a_site_that_stops_ends_the_wait(hass: HomeAssistant, entry: ConfigEntry) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("test_message")
    assert await hass.config_entries.async_unload(entry.entry_id)
    step = await dialog.outcome()
    assert (step["type"], step["reason"]) == ("abort", "hub_not_running")


async def test_without_mqtt_nothing_can_be_overheard(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await hass.config_entries.async_unload(hass.config_entries.async_entries("mqtt")[0].entry_id)
    dialog = Dialog(hass, entry)
    await dialog.listen("any_device")
    await dialog.wait(LISTEN_S + 1)
    assert (await dialog.outcome())["step_id"] == "silent"


@pytest.mark.parametrize(
    ("device_id", "error"), [(None, "device_id_missing"), (" ", "device_id_missing"), ("a/b", "invalid_device_id")]
)
async def test_a_device_has_to_be_named(
    hass: HomeAssistant, entry: ConfigEntry, device_id: str | None, error: str
) -> None:
    dialog = Dialog(hass, entry)
    form = await dialog.listen("one_device", device_id)
    assert form["errors"] == {"device_id": error}
    assert (await dialog.submit("any_device"))["type"] == "progress"
    await dialog.close()


@pytest.mark.parametrize(
    ("facts", "words", "hints"),
    [
        ({"certificate": "auto"}, ["-p", "8883", "--tls-use-os-certs"], []),
        ({"certificate": "PEM", "port": 9999}, ["-p", "9999", "--cafile", "ca.crt"], ["authority"]),
        ({"username": "ha", "password": "secret"}, ["-p", "1883", "-u", "USER", "-P", "PASSWORD"], ["login"]),
        ({"transport": "websockets", "port": 9001}, ["-p", "1883"], []),
    ],
)
async def test_the_command_line_fits_the_broker(
    hass: HomeAssistant, facts: dict[str, Any], words: list[str], hints: list[str]
) -> None:
    broker = hass.config_entries.async_entries("mqtt")[0]
    hass.config_entries.async_update_entry(broker, data={"broker": "broker.example", **facts})
    await settle(hass)
    dialog = Dialog(hass, await add_hub(hass))
    await dialog.listen("test_message")
    assert shlex.split(dialog.told["command"])[:-6] == ["mosquitto_pub", "-h", "broker.example", *words]
    assert dialog.told["hints"] == " ".join(WORDS["command_line"]["options"][hint] for hint in hints)
    assert "secret" not in str(dialog.step)
    await dialog.close()
