"""The steps of commands are told in their order and with their own times, and keep no answer waiting."""

import asyncio
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Event, HomeAssistant, callback
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.iiot.bridge import events as module
from custom_components.iiot.const import EVENT_DEVICE
from custom_components.iiot.engine.effects import Refused
from custom_components.iiot.engine.errors import Code

from .joining import settle
from .people import ask, page_of
from .plant_floor import Machine


def identify(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> asyncio.Task[Any]:
    return ask(hass, "identify", device_id=page_of(hass, entry, machine).id)


async def test_who_asked_has_the_answer_before_others_are_told(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEPS_AFTER_S", 0.5)
    events = async_capture_events(hass, EVENT_DEVICE)
    told_by_then: list[str] = []
    answer = identify(hass, entry, machine)
    answer.add_done_callback(lambda _: told_by_then.extend(event.data["step"] for event in events))
    await machine.obey()
    await answer
    await settle(hass)
    assert "done" not in told_by_then
    assert [event.data["step"] for event in events] == ["sent", "done"]
    assert events[0].time_fired <= events[1].time_fired
    assert events[0].data["transition_id"] != events[1].data["transition_id"]


async def test_a_device_that_takes_its_time_holds_no_step_back(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    told = asyncio.Event()
    steps: list[str] = []

    @callback
    def hear(event: Event[Any]) -> None:
        steps.append(event.data["step"])
        told.set()

    hass.bus.async_listen(EVENT_DEVICE, hear)
    answer = identify(hass, entry, machine)
    order = await machine.next_order()
    await asyncio.wait_for(told.wait(), 10)
    assert steps == ["sent"]
    await machine.answer(order)
    await answer
    await settle(hass)
    assert steps == ["sent", "done"]


async def test_what_happens_later_is_told_later(hass: HomeAssistant, entry: ConfigEntry, machine: Machine) -> None:
    events = async_capture_events(hass, EVENT_DEVICE)
    answer = identify(hass, entry, machine)
    order = await machine.next_order()
    entry.runtime_data.hub.effects.perform(Refused(machine.id, Code.MALFORMED, "boot is missing", 1))
    assert [event.data["kind"] for event in events] == ["command", "refused"]
    await machine.answer(order)
    await answer
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert events[-1].data["step"] == "done", "a hub that stops leaves nothing untold"


async def test_who_acts_on_a_step_finds_the_others_told(
    hass: HomeAssistant, entry: ConfigEntry, machine: Machine
) -> None:
    effects, told = entry.runtime_data.hub.effects, list[str]()

    @callback
    def act(event: Event[Any]) -> None:
        told.append(event.data.get("step", event.data["kind"]))
        if told == ["sent"]:
            effects.perform(Refused(machine.id, Code.MALFORMED, "boot is missing", 1))

    hass.bus.async_listen(EVENT_DEVICE, act)
    answer = identify(hass, entry, machine)
    await machine.obey()
    await answer
    await settle(hass)
    assert sorted(told) == ["done", "refused", "sent"]
