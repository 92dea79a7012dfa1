"""Actuators: Home Assistant's controls move a device, and show only what it reports."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event

from .field import entity_id, state
from .joining import (
    add_hub,
    expected_lingering_timers,  # noqa: F401
    hass_config_dir,  # noqa: F401
)
from .plant_floor import ACTUATORS, FAN, Machine


@pytest.fixture
async def floor(hass: HomeAssistant, mqtt_mock: Any) -> tuple[Machine, str]:
    """A hub with one machine that obeys, and the id of its subentry."""
    entry = await add_hub(hass)
    machine = Machine(hass, mqtt_mock.async_publish)
    return machine, await machine.stand(entry)


def shown(hass: HomeAssistant, floor: tuple[Machine, str], platform: str, key: str) -> State:
    return state(hass, platform, floor[1], f"set.{key}")


async def until(
    hass: HomeAssistant, floor: tuple[Machine, str], platform: str, key: str, holds: Callable[[State], bool]
) -> State:
    """Wait until it holds for what a control shows; entities write at most ten times a second."""
    changed = asyncio.Event()
    entity = shown(hass, floor, platform, key).entity_id
    release = async_track_state_change_event(hass, entity, callback(lambda _: changed.set()))
    try:
        async with asyncio.timeout(10):
            while not holds(shown(hass, floor, platform, key)):
                changed.clear()
                await changed.wait()
    finally:
        release()
    return shown(hass, floor, platform, key)


async def press(hass: HomeAssistant, target: State, action: str, **data: Any) -> asyncio.Task[Any]:
    """Call an action of an entity; gives the task that waits for its end."""
    call = hass.services.async_call(target.domain, action, {"entity_id": target.entity_id, **data}, blocking=True)
    return asyncio.create_task(call)


async def test_each_kind_of_actuator_has_its_platform(hass: HomeAssistant, floor: tuple[Machine, str]) -> None:
    platforms = ("switch", "number", "select", "valve", "valve", "text", "button")
    for platform, actuator in zip(platforms, ACTUATORS, strict=True):
        assert entity_id(hass, platform, floor[1], f"set.{actuator['key']}") is not None, actuator
    speed = shown(hass, floor, "number", "speed")
    assert (speed.attributes["min"], speed.attributes["max"], speed.attributes["step"]) == (0, 3000, 10)
    assert speed.attributes["assumed_state"], "nothing reports it"
    assert "assumed_state" not in shown(hass, floor, "switch", "fan").attributes


async def test_a_switch_is_pending_until_the_device_reports(hass: HomeAssistant, floor: tuple[Machine, str]) -> None:
    machine, _ = floor
    await machine.read(fan=False)
    call = await press(hass, await until(hass, floor, "switch", "fan", lambda found: found.state == "off"), "turn_on")
    order = await machine.next_order()
    assert (order["cmd"], order["args"]) == ("set", {"key": "fan", "value": True})
    fan = await until(hass, floor, "switch", "fan", lambda found: "pending" in found.attributes)
    assert (fan.state, fan.attributes["pending"]) == ("off", True), "not what was wished"
    assert not call.done()
    await machine.answer(order)
    await call
    await machine.read(fan=True)
    assert "pending" not in (await until(hass, floor, "switch", "fan", lambda found: found.state == "on")).attributes


class Case(NamedTuple):
    """An action of a control, what is sent, and what is shown when the device reports it."""

    control: tuple[str, str]
    action: str
    data: dict[str, Any]
    sent: Any
    reported: dict[str, Any]
    expected: str


@pytest.mark.parametrize(
    "case",
    [
        Case(("switch", "fan"), "turn_off", {}, False, {"fan": False}, "off"),
        Case(("number", "speed"), "set_value", {"value": 1500}, 1500, {}, "1500.0"),
        Case(("select", "program"), "select_option", {"option": "run"}, "run", {"program": "run"}, "run"),
        Case(("valve", "flap"), "open_valve", {}, 60, {"flap": 60}, "open"),
        Case(("valve", "flap"), "close_valve", {}, 10, {"flap": 10}, "closed"),
        Case(("valve", "flap"), "set_valve_position", {"position": 50}, 35, {"flap": 35}, "open"),
        Case(("valve", "gate"), "open_valve", {}, True, {"gate": True}, "open"),
        Case(("valve", "gate"), "close_valve", {}, False, {"gate": False}, "closed"),
        Case(("text", "label"), "set_value", {"value": "Süd"}, "Süd", {}, "Süd"),
    ],
    ids=lambda case: f"{case.control[1]} {case.action}",
)
async def test_a_control_sends_its_value_and_shows_what_comes_back(
    hass: HomeAssistant, floor: tuple[Machine, str], case: Case
) -> None:
    machine, _ = floor
    call = await press(hass, shown(hass, floor, *case.control), case.action, **case.data)
    order = await machine.obey()
    assert order["args"] == {"key": case.control[1], "value": case.sent}
    await call
    if case.reported:
        await machine.read(**case.reported)
    await until(hass, floor, *case.control, lambda found: found.state == case.expected)


async def test_a_button_is_pressed(hass: HomeAssistant, floor: tuple[Machine, str]) -> None:
    machine, _ = floor
    call = await press(hass, shown(hass, floor, "button", "reset"), "press")
    order = await machine.obey()
    assert (order["cmd"], order["args"]) == ("press", {"key": "reset"})
    await call


@pytest.mark.parametrize(
    ("status", "key"), [("rejected", "command_rejected"), ("failed", "command_failed"), ("expired", "command_expired")]
)
async def test_what_the_device_did_not_do_is_an_error_in_words(
    hass: HomeAssistant, floor: tuple[Machine, str], status: str, key: str
) -> None:
    machine, _ = floor
    await machine.read(fan=False)
    call = await press(hass, shown(hass, floor, "switch", "fan"), "turn_on")
    await machine.obey(status, reason="guard open")
    with pytest.raises(HomeAssistantError) as failed:
        await call
    assert (failed.value.translation_key, failed.value.translation_placeholders) == (
        key,
        {"device": "Press-07", "reason": "guard open"},
    )
    assert shown(hass, floor, "switch", "fan").state == "off"


async def test_a_value_that_the_actuator_cannot_take_is_never_sent(
    hass: HomeAssistant, floor: tuple[Machine, str]
) -> None:
    machine, _ = floor
    call = await press(hass, shown(hass, floor, "text", "label"), "set_value", value="x" * 256)
    with pytest.raises(Exception, match="255"):
        await call
    assert machine.orders() == []


async def test_an_actuator_that_the_manifest_drops_goes(hass: HomeAssistant, floor: tuple[Machine, str]) -> None:
    machine, subentry_id = floor
    body = {"digest": "0011223344556677", "channels": [], "actuators": [FAN], "alarms": [], "commands": []}
    await machine.beat(manifest="0011223344556677")
    await machine.send("manifest", body)
    found = {entry.unique_id for entry in er.async_get(hass).entities.values() if "_set." in entry.unique_id}
    assert found == {f"{subentry_id}_set.fan"}


async def test_a_valve_with_positions_may_report_open_and_shut(hass: HomeAssistant, floor: tuple[Machine, str]) -> None:
    machine, _ = floor
    await machine.read(flap=60.0)
    open_ = await until(hass, floor, "valve", "flap", lambda found: found.state == "open")
    assert open_.attributes["current_position"] == 100


async def test_what_waits_when_the_hub_stops_is_told(hass: HomeAssistant, floor: tuple[Machine, str]) -> None:
    machine, _ = floor
    call = await press(hass, shown(hass, floor, "switch", "fan"), "turn_on")
    await machine.next_order()
    (entry,) = hass.config_entries.async_entries("iiot")
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError) as failed:
        await call
    assert failed.value.translation_key == "command_interrupted"
