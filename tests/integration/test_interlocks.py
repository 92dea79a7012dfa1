"""Interlocks: the hub judges every wish, whoever asks, and says in words what stands in the way."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from homeassistant.components import persistent_notification
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed

from custom_components.iiot.const import EVENT_DEVICE

from .field import state
from .joining import (
    settle,
)
from .people import act, add_person, ask, decide
from .plant_floor import Machine

FAN = "switch.press_07_fan"
SPEED = "number.press_07_speed"


async def refused(call: Any) -> str:
    """Words with which a wish is refused."""
    with pytest.raises(ServiceValidationError) as found:
        await call
    return str(found.value)


async def obeyed(machine: Machine, call: Any) -> None:
    """The wish goes through, and the device does it."""
    await machine.obey()
    await call


async def test_a_control_refuses_in_words_and_the_refusal_is_told(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await decide(hass, entry, machine, speed={"maximum": 1000, "slew_per_s": 500})
    await obeyed(machine, act(hass, "number", "set_value", entity_id=SPEED, value=0))
    anna = await add_person(hass, "Anna", admin=True)
    told = async_capture_events(hass, EVENT_DEVICE)
    words = await refused(act(hass, "number", "set_value", anna, entity_id=SPEED, value=1000))
    assert words == "Speed of Press-07 must not change by more than 500 in a second. Take a smaller step, or wait"
    (event,) = told
    assert event.data["kind"] == "wish_refused"
    assert event.context.user_id == anna.id
    assert machine.orders() == []


async def test_a_number_shows_what_manifest_and_interlock_both_allow(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    def bounds() -> tuple[float, float]:
        shown = state(hass, "number", machine.subentry_id, "set.speed").attributes
        return shown["min"], shown["max"]

    await decide(hass, entry, machine, speed={"minimum": 100, "maximum": 9000})
    assert bounds() == (100, 3000)
    await decide(hass, entry, machine)
    assert bounds() == (0, 3000)


async def test_a_locked_control_shows_that_it_is(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    await decide(hass, entry, machine, fan={"read_only": True}, reset={"read_only": True})
    assert state(hass, "switch", machine.subentry_id, "set.fan").attributes["read_only"] is True
    for domain, action, entity in (("switch", "turn_on", FAN), ("button", "press", "button.press_07_reset")):
        assert "is locked" in await refused(act(hass, domain, action, entity_id=entity))


async def test_the_action_for_any_command_is_judged_as_well(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await decide(hass, entry, machine, fan={"read_only": True})
    wish = {"command": "set", "args": {"key": "fan", "value": True}}
    (facts,) = (await ask(hass, "command", config_entry_id=entry.entry_id, **wish))["devices"].values()
    assert (facts["status"], "is locked" in facts["reason"]) == ("refused", True)
    assert machine.orders() == []


async def test_it_moves_only_while_its_condition_holds(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    door = "binary_sensor.door"
    await decide(hass, entry, machine, fan={"condition": {"entity_id": door, "state": "off"}})
    assert "nobody knows its state" in await refused(act(hass, "switch", "turn_on", entity_id=FAN))
    for unknown in (STATE_UNAVAILABLE, STATE_UNKNOWN):
        hass.states.async_set(door, unknown)
        assert "nobody knows its state" in await refused(act(hass, "switch", "turn_on", entity_id=FAN))
    hass.states.async_set(door, "on")
    assert "It is on" in await refused(act(hass, "switch", "turn_on", entity_id=FAN))
    hass.states.async_set(door, "off")
    await obeyed(machine, act(hass, "switch", "turn_on", entity_id=FAN))
    hass.states.async_remove(door)
    assert "nobody knows its state" in await refused(act(hass, "switch", "turn_on", entity_id=FAN))


async def test_a_condition_is_looked_at_again_when_a_sleeper_wakes(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    hass.states.async_set("binary_sensor.door", "off")
    await decide(hass, entry, machine, fan={"condition": {"entity_id": "binary_sensor.door", "state": "off"}})
    await machine.beat(state="asleep", for_s=600)
    entry.runtime_data.hub.plant.members[machine.id].listens_until_ns = 0
    await act(hass, "switch", "turn_on", entity_id=FAN)
    await settle(hass)
    hass.states.async_set("binary_sensor.door", "on")
    told = asyncio.Event()
    events: list[Event[Any]] = []

    @callback
    def hear(event: Event[Any]) -> None:
        events.append(event)
        told.set()

    hass.bus.async_listen(EVENT_DEVICE, hear)
    await machine.beat()
    await asyncio.wait_for(told.wait(), 10)
    event = events[0]
    assert (event.data["step"], event.data["reason"]) == ("not_sent", "interlock_condition")
    assert machine.orders() == []


async def test_a_rest_holds_over_a_restart_of_the_hub(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await decide(hass, entry, machine, fan={"minimum_on_s": 600})
    await obeyed(machine, act(hass, "switch", "turn_on", entity_id=FAN))
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await machine.beat()
    assert "has to stay on" in await refused(act(hass, "switch", "turn_off", entity_id=FAN))


def notes(hass: HomeAssistant) -> list[str]:
    """Notifications that people see."""
    shown = persistent_notification._async_get_or_create_notifications(hass)
    return [note["message"] for note in shown.values()]


async def test_a_second_person_is_asked_for_and_confirms(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    await decide(hass, entry, machine, fan={"confirm_within_s": 30}, reset={"confirm_within_s": 30})
    anna, bert = await add_person(hass, "Anna", admin=True), await add_person(hass, "Bert", admin=True)
    told = async_capture_events(hass, EVENT_DEVICE)
    assert "a second person has to confirm within 30 s" in await refused(
        act(hass, "switch", "turn_on", anna, entity_id=FAN)
    )
    await settle(hass)
    assert [event.data["kind"] for event in told] == ["wish_waits"]
    assert [note for note in notes(hass) if "Anna wants to set Fan of" in note and "to on. Somebody" in note]
    assert "takes two persons" in await refused(act(hass, "switch", "turn_on", entity_id=FAN))
    assert notes(hass), "an automation changes nothing"
    await obeyed(machine, act(hass, "switch", "turn_on", bert, entity_id=FAN))
    assert notes(hass) == []
    await refused(act(hass, "button", "press", anna, entity_id="button.press_07_reset"))
    await settle(hass)
    assert ["wants to press Reset" in note for note in notes(hass)] == [True]


async def test_a_wish_that_nobody_confirms_goes_away(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    await decide(hass, entry, machine, fan={"confirm_within_s": 30})
    anna = await add_person(hass, "Anna", admin=True)
    for _ in range(2):
        await refused(act(hass, "switch", "turn_on", anna, entity_id=FAN))
    await settle(hass)
    assert len(notes(hass)) == 1
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=31))
    await settle(hass)
    assert notes(hass) == []


async def test_a_hub_that_stops_asks_nobody_any_more(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    await decide(hass, entry, machine, fan={"confirm_within_s": 30})
    anna = await add_person(hass, "Anna", admin=True)
    await refused(act(hass, "switch", "turn_on", anna, entity_id=FAN))
    await hass.config_entries.async_unload(entry.entry_id)
    await settle(hass)
    assert notes(hass) == []


async def test_a_site_does_not_start_without_its_interlocks(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    subentry = entry.subentries[machine.subentry_id]
    data = {**subentry.data, "policy": {"interlocks": {"fan": {"minimum": "low"}}}}
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.config_entries.async_update_subentry(entry, subentry, data=data)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert "Press-07 cannot be read: interlocks.fan.minimum must be a number" in str(entry.reason)


async def test_a_site_does_not_start_without_its_roles(hass: HomeAssistant, entry: ConfigEntry) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.config_entries.async_update_entry(entry, options={"grants": [{"user_id": 1}]})
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert "roles of the site Hall 3 cannot be read: grants[0]" in str(entry.reason)
