"""What a person is told of the message that came: whose it is, what it says, how old it is."""

import time
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from custom_components.iiot.bridge.listening import GRACE_S

from .dialog import WORDS, Dialog
from .field import FieldDevice
from .joining import (
    DEVICE_ID,
    OTHER_KEY,
    call,
    options_of,
)

pytestmark = pytest.mark.usefixtures("mqtt_mock")


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
    assert dialog.told["sender"] == r"Press\-07 \(press\-07\)"
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
