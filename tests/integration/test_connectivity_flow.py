"""A person sees whether a message of a device reaches the hub, and if not, why."""

import json
import shlex
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components.mqtt import DATA_MQTT
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import MqttMockHAClient

from custom_components.iiot.bridge.listening import GRACE_S, LISTEN_S
from custom_components.iiot.engine.errors import Code
from custom_components.iiot.engine.wire import codec

from .field import FieldDevice
from .joining import (  # noqa: F401  # fixtures
    DEVICE_ID,
    OTHER_KEY,
    add_hub,
    call,
    cards,
    expected_lingering_timers,
    hass_config_dir,
    options_of,
    settle,
)

pytestmark = pytest.mark.usefixtures("mqtt_mock")

FOLDER = Path(__file__).parents[2] / "custom_components" / "iiot"
WORDS: dict[str, Any] = json.loads((FOLDER / "translations" / "en.json").read_text("utf-8"))["selector"]


class Dialog:
    """The dialog of one person."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self._hass = hass
        self.entry = entry
        self.step: Any = None
        self._before = self._listeners()

    async def open(self) -> Any:
        self.step = await self._hass.config_entries.options.async_init(self.entry.entry_id)
        assert self.step["menu_options"] == ["preferences", "check_connectivity"]
        return await self.choose("check_connectivity")

    async def choose(self, option: str) -> Any:
        return await self._go({"next_step_id": option})

    async def listen(self, listen_for: str, device_id: str | None = None) -> Any:
        await self.open()
        return await self.submit(listen_for, device_id)

    async def submit(self, listen_for: str, device_id: str | None = None) -> Any:
        answers = {"listen_for": listen_for} | ({"device_id": device_id} if device_id is not None else {})
        return await self._go(answers)

    async def outcome(self) -> Any:
        """What the browser shows when it is told that something has changed."""
        await settle(self._hass)
        assert self.step["type"] == "progress"
        return await self._go(None)

    async def wait(self, seconds: float) -> None:
        await settle(self._hass)
        async_fire_time_changed(self._hass, dt_util.utcnow() + timedelta(seconds=seconds))
        await settle(self._hass)

    def close(self) -> None:
        self._hass.config_entries.options.async_abort(self.step["flow_id"])

    @property
    def is_quiet(self) -> bool:
        """Whether nothing listens that did not before."""
        return self._listeners() == self._before

    def _listeners(self) -> list[Any]:
        subscriptions = self._hass.data[DATA_MQTT].client.subscriptions
        return [sorted(found.topic for found in subscriptions), *self.entry.runtime_data.hub._on_verdict]

    @property
    def told(self) -> dict[str, str]:
        placeholders: dict[str, str] = self.step["description_placeholders"]
        return placeholders

    @property
    def command(self) -> dict[str, str]:
        """The options of the command line."""
        words = shlex.split(self.told["command"])
        assert words[0] == "mosquitto_pub"
        return dict(zip(words[1::2], words[2::2], strict=True))

    @property
    def topic(self) -> str:
        return self.command["-t"]

    @property
    def message(self) -> bytes:
        return self.command["-m"].encode()

    async def _go(self, answers: dict[str, str] | None) -> Any:
        self.step = await self._hass.config_entries.options.async_configure(self.step["flow_id"], answers)
        return self.step


@pytest.fixture
async def entry(hass: HomeAssistant) -> ConfigEntry:
    """A site that runs."""
    return await add_hub(hass)


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
    assert dialog.told["name"].startswith(r"check\-")
    assert float(dialog.told["age"].removesuffix(" s")) < 60
    assert dialog.is_quiet


async def test_the_test_message_leaves_no_trace(hass: HomeAssistant, entry: ConfigEntry) -> None:
    dialog = Dialog(hass, entry)
    await dialog.listen("test_message")
    topic, message = dialog.topic, dialog.message
    async_fire_mqtt_message(hass, topic, message)
    await dialog.outcome()
    dialog.close()
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
    dialog.close()
    await settle(hass)


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


WAVE = {"ch": "vibration", "t0": [1_795_190_400, 0], "dt_ns": 40_000}
ROWS = {"cols": ["temperature", "door"], "rows": [[1_795_190_400, 0, 20, None], [1_795_190_401, 0, 21, "x" * 300]]}
SAID: list[tuple[str, dict[str, Any], str]] = [
    ("data", {"r": {"temperature": 21.5}, "n": [3, 1]}, r"- temperature\: 21\.5"),
    ("data", {"e": {"temperature": "COMM"}}, r"- temperature\: COMM"),
    ("data", ROWS, f"- temperature\\: 21\n- door\\: {'x' * 200}…"),
    ("data", {"wave": {**WAVE, "v": [1, 2, 3]}}, r"- vibration\: 3 x 4e\-05 s"),
    ("data", {"wave": {**WAVE, "i16": "AAABAAIA", "scale": 1, "offset": 0}}, r"- vibration\: 3 x 4e\-05 s"),
    ("log", {"level": "info", "logger": "main", "msg": "ready"}, "- level\\: info\n- msg\\: ready"),
    ("alarm", {"code": "hot", "state": "raised", "occ": 1}, "- code\\: hot\n- state\\: raised"),
    ("ack", {"cid": "x", "status": "done", "hseq": 0}, "- cid\\: x\n- status\\: done"),
    ("status", {"state": "online", "session": "0badcafe"}, r"- state\: online"),
]


@pytest.mark.parametrize(("leaf", "body", "values"), SAID)
async def test_a_device_says_something(
    hass: HomeAssistant, entry: ConfigEntry, leaf: str, body: dict[str, Any], values: str
) -> None:
    device = FieldDevice(hass)
    await device.join(entry)
    dialog = Dialog(hass, entry)
    await dialog.listen("one_device", DEVICE_ID)
    assert dialog.told["device_id"] == DEVICE_ID
    await device.send(leaf, body)
    assert (await dialog.outcome())["step_id"] == "heard"
    assert (dialog.told["name"], dialog.told["device_id"]) == (r"Press\-07", r"press\-07")
    assert dialog.told["message"] == WORDS["message"]["options"][leaf]
    assert dialog.told["values"] == values
    assert dialog.is_quiet


async def test_a_device_says_how_it_is_and_what_it_measures(hass: HomeAssistant, entry: ConfigEntry) -> None:
    device = FieldDevice(hass)
    await device.join(entry)
    dialog = Dialog(hass, entry)
    await dialog.listen("any_device")
    await device.beat()
    await dialog.outcome()
    assert dialog.told["values"] == "- name\\: press\\-07\n- model\\: demo\n- fw\\: 1\\.0\\.0"
    await dialog.choose("listen_again")
    await device.describe([{"key": f"c{number}", "name": "C", "kind": "int"} for number in range(20)], "aa" * 8)
    await dialog.outcome()
    assert dialog.told["values"].endswith("- … (+8)")


async def test_a_device_without_a_clock_has_no_age(hass: HomeAssistant, entry: ConfigEntry) -> None:
    device = FieldDevice(hass)
    await device.join(entry)
    dialog = Dialog(hass, entry)
    await dialog.listen("one_device", DEVICE_ID)
    await device.send("data", {"r": {"temperature": 1}, "n": [3, 1], "tq": 0, "ts": 0, "ts_ns": 0})
    await dialog.outcome()
    assert dialog.told["age"] == WORDS["age"]["options"]["no_clock"]


@pytest.mark.parametrize(("off_s", "word"), [(100, "ahead"), (-1_000, "behind")])
async def test_a_clock_that_is_wrong_is_told(hass: HomeAssistant, entry: ConfigEntry, off_s: int, word: str) -> None:
    device = FieldDevice(hass)
    await device.join(entry)
    dialog = Dialog(hass, entry)
    await dialog.listen("one_device", DEVICE_ID)
    await device.send("data", {"r": {"temperature": 1}, "n": [3, 1], "ts": int(time.time()) + off_s})
    await dialog.outcome()
    assert dialog.told["age"].endswith(f" s. {WORDS['age']['options'][word]}")


async def test_a_device_that_nobody_approved_is_heard_and_told_so(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await call(hass, OTHER_KEY)
    dialog = Dialog(hass, entry)
    form = await dialog.open()
    assert options_of(form, "device_id") == [{"value": DEVICE_ID, "label": f"Presse 7 (Süd) ({DEVICE_ID})"}]
    await dialog.submit("one_device", DEVICE_ID)
    await call(hass, OTHER_KEY, seq=2)
    await dialog.wait(GRACE_S + 0.1)
    assert (await dialog.outcome())["step_id"] == "refused"
    assert dialog.told["reason"] == WORDS["refusal"]["options"]["unknown_device"]


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
    dialog.close()
    await settle(hass)
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
    dialog.close()
    await settle(hass)


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
    hass: HomeAssistant, entry: ConfigEntry, facts: dict[str, Any], words: list[str], hints: list[str]
) -> None:
    broker = hass.config_entries.async_entries("mqtt")[0]
    hass.config_entries.async_update_entry(broker, data={"broker": "broker.example", **facts})
    dialog = Dialog(hass, entry)
    await dialog.listen("test_message")
    assert shlex.split(dialog.told["command"])[:-6] == ["mosquitto_pub", "-h", "broker.example", *words]
    assert dialog.told["hints"] == " ".join(WORDS["command_line"]["options"][hint] for hint in hints)
    assert "secret" not in str(dialog.step)
    dialog.close()
    await settle(hass)
